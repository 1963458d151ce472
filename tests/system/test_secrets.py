import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.system.secrets import KEY_FILE, SecretsError, Vault, open_vault

KEY = b"0" * 43 + b"="


@given(st.text())
def test_what_was_sealed_opens_and_does_not_show(text):
    sealed = Vault(KEY).seal(f"hunter2{text}")
    assert b"hunter2" not in sealed
    assert Vault(KEY).open(sealed) == f"hunter2{text}"


def test_another_key_or_a_changed_byte_does_not_open():
    sealed = Vault(KEY).seal("x")
    for vault, data in (
        (Vault(b"1" * 43 + b"="), sealed),
        (Vault(KEY), sealed[:-5] + b"A" + sealed[-4:]),
        (Vault(KEY), b""),
    ):
        with pytest.raises(SecretsError, match="sealed with another key than the key holds"):
            vault.open(data)


def test_the_key_file_is_made_once_and_private(tmp_path):
    vault = open_vault(tmp_path)
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]
    path.chmod(0o644)
    assert open_vault(tmp_path).open(vault.seal("x")) == "x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in repr(vault)


def test_many_at_once_share_one_key(tmp_path):
    vaults: list[Vault] = []
    threads = [threading.Thread(target=lambda: vaults.append(open_vault(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = vaults[0].seal("x")
    assert [vault.open(sealed) for vault in vaults] == ["x"] * 8


def test_a_key_file_without_a_key(tmp_path):
    (tmp_path / KEY_FILE).write_text("nonsense")
    with pytest.raises(SecretsError, match=r"secret\.key does not hold a key"):
        open_vault(tmp_path)
    with pytest.raises(SecretsError, match="cannot be used: No such file or directory"):
        open_vault(tmp_path / "none")


def test_whoever_only_looks_makes_and_changes_nothing(tmp_path):
    with pytest.raises(SecretsError, match=r"secret\.key cannot be used: No such file"):
        open_vault(tmp_path, make=False)
    assert list(tmp_path.iterdir()) == []
    sealed = open_vault(tmp_path).seal("hunter2")
    (tmp_path / KEY_FILE).chmod(0o644)
    assert open_vault(tmp_path, make=False).open(sealed) == "hunter2"
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o644
