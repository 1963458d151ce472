"""What every command opens, and what it says when it cannot."""

import pytest

from bridge.system import control
from tests.cli.onb import onb


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["cameras", "list"], ["users", "remove", "x"]])
def test_without_a_configuration_every_command_says_how_to_make_one(folder, command):
    (folder / "onb.toml").unlink()
    result = onb(*command)
    assert result.exit_code == 2
    assert result.stderr == (
        "onb: onb.toml: there is no such file. Write one (docs/configuration.md explains it, docs/onb.example.toml is a"
        " start), name one with --config, or try `onb demo`, which needs none\n"
    )
    assert onb("check").exit_code == 2


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["cameras", "list"]])
def test_a_faulty_configuration_ends_every_command_with_2(folder, command):
    (folder / "onb.toml").write_text("a = 1\nb = 2\n")
    result = onb(*command)
    assert result.exit_code == 2
    assert [line[:19] for line in result.stderr.splitlines()] == ["onb: a: unknown key", "onb: b: unknown key"]


def test_the_configuration_of_the_environment(folder, monkeypatch):
    (folder / "onb.toml").rename(folder / "named.toml")
    monkeypatch.setenv("ONB_CONFIG", str(folder / "named.toml"))
    assert onb("check").exit_code == 0


def test_a_list_makes_no_files(folder):
    onb("users", "list")
    onb("cameras", "list")
    assert [path.name for path in folder.iterdir()] == ["onb.toml"]


def test_a_service_that_does_not_take_a_change_over_is_named(folder, monkeypatch):
    def ask(data, do):
        raise control.ControlError("the service did not answer within 10 s")

    monkeypatch.setattr(control, "ask", ask)
    result = onb("users", "add", "bob", "--password-file", "-", typed="hunter2")
    assert result.exit_code == 0
    assert result.stderr == (
        "onb: note: it is kept, but the running service has not taken it over: the service did not answer within 10 s\n"
    )
    assert onb("cameras", "list").exit_code == 1


def test_a_damaged_database_is_one_sentence(folder):
    (folder / "data").mkdir()
    (folder / "data" / "config.db").write_bytes(b"not a database" * 100)
    result = onb("users", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"onb: {folder / 'data' / 'config.db'} is damaged (file is not a database)")
    assert len(result.stderr.splitlines()) == 1
