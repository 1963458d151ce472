import pytest

from bridge.system.passwords import Credential, hash_password, is_hash, proves

HASHED = hash_password("hunter2")


@pytest.mark.parametrize(
    ("password", "credential", "right"),
    [
        ("hunter2", Credential(secret="hunter2"), True),
        ("hunter3", Credential(secret="hunter2"), False),
        ("", Credential(secret="hunter2"), False),
        ("hunter2", Credential(hash=HASHED), True),
        ("hunter3", Credential(hash=HASHED), False),
        (HASHED, Credential(hash=HASHED), False),
        ("hunter2", Credential(hash="$argon2id$nonsense"), False),
        ("\ud800", Credential(secret="\ud800"), True),
        ("hunter2", None, False),
        ("", None, False),
        ("", Credential(), False),
    ],
)
@pytest.mark.parametrize("decoy", [None, HASHED])
def test_proving(password: str, credential: Credential | None, right: bool, decoy: str | None) -> None:
    assert proves(password, credential, decoy) is right


def test_who_has_no_hash_takes_as_long_where_somebody_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr("bridge.system.passwords._fits", lambda stored, password: looked.append(stored) or True)
    assert not proves("x", None, HASHED)
    assert not proves("x", Credential(secret="y"), HASHED)
    assert proves("x", Credential(hash="h"), HASHED)
    assert looked == [HASHED, HASHED, "h"]
    assert not proves("x", None, None)
    assert len(looked) == 3


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (HASHED, True),
        ("$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aHVudGVyMmh1bnRlcjI", True),
        ("$argon2id$v=19$m=4194304,t=3,p=4$c29tZXNhbHQ$aHVudGVyMmh1bnRlcjI", False),
        ("$argon2id$v=19$m=65536,t=1000,p=4$c29tZXNhbHQ$aHVudGVyMmh1bnRlcjI", False),
        ("$argon2id$v=19$m=65536,t=1,p=400$c29tZXNhbHQ$aHVudGVyMmh1bnRlcjI", False),
        ("$argon2id$", False),
        ("$2b$12$abcdefghijklmnopqrstuv", False),
        ("hunter2", False),
        ("", False),
        (HASHED + "A" * 500, False),
    ],
)
def test_what_is_a_hash_that_may_be_tried(text: str, good: bool) -> None:
    assert is_hash(text) is good


def test_nothing_shows() -> None:
    assert repr(Credential("hunter2", HASHED)) == "Credential()"
    assert Credential("a").stamp != Credential("b").stamp
    assert hash_password("a") != hash_password("a")
