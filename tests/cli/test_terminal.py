"""What commands say when they refuse."""

import pytest

from tests.cli.onb import IN_FILE, onb


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "sentence"),
    [
        (["users", "add", "op", "--password-file", "-"], "x", 1, f"user op {IN_FILE}"),
        (["users", "remove", "op"], "", 1, f"user op {IN_FILE}"),
        (["users", "remove", "nobody"], "", 1, "there is no user nobody"),
        (["users", "add", "bob"], "", 2, "a password is needed: --password-file FILE, or - to read it"),
        (["users", "add", "bob", "--password-file", "-"], "\n", 2, "the password is empty"),
        (["users", "add", "a:b", "--password-file", "-"], "x", 2, 'name: "a:b": expected 1 to 64 printable characters'),
        (["users", "add", "bob", "--role", "x", "--password-file", "-"], "x", 2, 'role: "x": expected "administrator"'),
        (["users", "add", "bob", "--password-file", "none"], "", 2, "--password-file none: expected a password file"),
        (["cameras", "add", "gate", "rtsp://h/"], "", 1, f"camera gate {IN_FILE}"),
        (["cameras", "add", "yard", "http://u:hunter2@h/"], "", 2, "expected an rtsp:// or rtsps:// address; or"),
        (["cameras", "remove", "yard"], "", 1, "there is no camera yard"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence(folder, arguments, typed, code, sentence):
    result = onb(*arguments, typed=typed)
    assert result.exit_code == code
    assert sentence in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
