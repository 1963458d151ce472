import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.time import UtcNs
from bridge.system.access import Action, Role
from bridge.system.api_tokens import ApiTokens
from bridge.system.config import UserConfig
from bridge.system.config_load import FaultyConfigurationError, read_user
from bridge.system.database import open_database
from bridge.system.passwords import hash_password, proves
from bridge.system.secrets import KEY_FILE, Vault, open_vault
from bridge.system.session_rows import SessionRow, SessionRows
from bridge.system.users import Users, UsersError

NOW = UtcNs(1_800_000_000_000_000_000)


def user(name: str, password: str = "hunter2", **keys: object) -> UserConfig:
    return read_user({"name": name, "password": password.replace("${", "$${"), **keys}, environ={})


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def users(tmp_path, database):
    return Users([user("of-file", "f")], database, open_vault(tmp_path))


def test_file_users_alone():
    users = Users([user("a", "x")], None, None)
    assert users.secret_of("a") == "x"
    assert users.secret_of("b") is None
    assert users.principal("b") is None
    with pytest.raises(UsersError, match="there is no database here"):
        users.add(user("b"), NOW)


def test_added_users_come_back_whole(tmp_path, database, users):
    grant = {"cameras": ["gate-*"], "actions": ["push"]}
    added = user("bob", role="operator", cameras=["a", "b"], grant=[grant], doors=["rtsp"], fast_start=False)
    users.add(added, NOW)
    for one in (users, Users([], database, open_vault(tmp_path))):
        assert one.secret_of("bob") == "hunter2"
        principal = one.principal("bob")
        assert principal == added.principal()
        assert principal.role is Role.OPERATOR
        assert principal.grants[1].allows(Action.PUSH, "gate-1")
        assert [(listed.principal.name, listed.cameras, listed.source) for listed in one.list()][-1] == (
            "bob",
            ("a", "b"),
            "database",
        )
    assert "hunter2" not in repr(users.list())
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_changing_and_removing(users):
    users.add(user("bob"), NOW)
    users.set_password("bob", "new", NOW)
    assert users.secret_of("bob") == "new"
    users.remove("bob")
    assert users.secret_of("bob") is None
    assert users.principal("bob") is None


def test_what_is_refused_says_why(users):
    users.add(user("bob"), NOW)
    for work, sentence in (
        (lambda: users.add(user("bob"), NOW), "a user bob is there already"),
        (lambda: users.add(user("of-file"), NOW), "user of-file stands in the configuration file: change it there"),
        (lambda: users.remove("of-file"), "user of-file stands in the configuration file: change it there"),
        (lambda: users.set_password("of-file", "x", NOW), "stands in the configuration file"),
        (lambda: users.remove("nobody"), "there is no user nobody"),
        (lambda: users.set_password("nobody", "x", NOW), "there is no user nobody"),
        (lambda: users.set_password("bob", "", NOW), "an empty password is none"),
    ):
        with pytest.raises(UsersError, match=sentence):
            work()
    assert users.secret_of("bob") == "hunter2"


def test_a_file_user_hides_a_database_user(users):
    users.add(user("bob", "db"), NOW)
    users.reload([user("bob", "file")])
    assert users.secret_of("bob") == "file"
    assert users.secret_of("of-file") is None
    assert users.problems == ("user bob of the database is hidden by the file's user of that name",)
    users.reload([])
    assert users.secret_of("bob") == "db"


def test_another_process_s_users_come_with_a_reload(tmp_path, database, users):
    Users([], database, open_vault(tmp_path)).add(user("bob"), NOW)
    assert users.principal("bob") is None
    users.reload()
    assert users.secret_of("bob") == "hunter2"
    assert users.secret_of("of-file") == "f"


def test_a_lost_key_costs_the_database_users_and_says_so(tmp_path, database, users):
    users.add(user("bob"), NOW)
    (tmp_path / KEY_FILE).unlink()
    other = Users([user("of-file")], database, open_vault(tmp_path))
    assert other.secret_of("of-file") == "hunter2"
    assert other.principal("bob") is None
    assert len(other.problems) == 1
    assert other.problems[0].startswith("user bob of the database cannot log in: sealed with another key")


@settings(max_examples=30)
@given(st.text(min_size=1))
def test_any_password_comes_back(tmp_path_factory, password):
    folder = tmp_path_factory.mktemp("data")
    database = open_database(folder)
    users = Users([], database, Vault(b"0" * 43 + b"="))
    try:
        users.add(user("bob", password), NOW)
        assert users.secret_of("bob") == password
    finally:
        database.close()


def test_for_the_web_alone_the_hash_is_kept(tmp_path, database, users):
    users.add(user("bob", doors=["web"]), NOW)
    users.add(user("rob"), NOW)
    for one in (users, Users([], database, open_vault(tmp_path))):
        assert one.secret_of("bob") is None
        assert proves("hunter2", one.credential("bob"), None)
        assert one.decoy == one.credential("bob").hash
        assert one.secret_of("rob") == "hunter2"
    users.set_password("bob", "new", NOW)
    assert proves("new", users.credential("bob"), None)
    assert users.secret_of("bob") is None


def test_a_file_user_with_a_hash():
    stored = hash_password("x")
    users = Users([read_user({"name": "a", "password_hash": stored, "doors": ["web"]}, environ={})], None, None)
    assert (users.secret_of("a"), users.credential("a").hash, users.decoy) == (None, stored, stored)


def test_changing_some_keys(users):
    users.add(user("bob", "a${b}", role="operator", cameras=["a"]), NOW)
    users.change("bob", {"role": "administrator", "grant": [{"cameras": ["g"], "actions": ["push"]}]}, NOW)
    changed = next(one for one in users.list() if one.principal.name == "bob")
    assert (changed.principal.role, changed.cameras, changed.grants[0].cameras) == (Role.ADMINISTRATOR, ("a",), ("g",))
    assert users.secret_of("bob") == "a${b}"
    users.change("bob", {"password": "c${d}"}, NOW)
    assert users.secret_of("bob") == "c${d}"


def test_doors_decide_what_is_kept_of_a_password(users):
    users.add(user("bob"), NOW)
    users.change("bob", {"doors": ["web"]}, NOW)
    assert users.secret_of("bob") is None
    assert proves("hunter2", users.credential("bob"), None)
    users.change("bob", {"fast_start": False}, NOW)
    assert proves("hunter2", users.credential("bob"), None)
    with pytest.raises(FaultyConfigurationError, match="password: a password beside these doors"):
        users.change("bob", {"doors": ["web", "rtsp"]}, NOW)
    users.change("bob", {"doors": [], "password": "new"}, NOW)
    assert users.secret_of("bob") == "new"
    assert users.decoy is None


def test_what_cannot_be_changed_says_why(users):
    users.add(user("bob"), NOW)
    for work, sentence in (
        (lambda: users.change("of-file", {}, NOW), "stands in the configuration file"),
        (lambda: users.change("nobody", {}, NOW), "there is no user nobody"),
    ):
        with pytest.raises(UsersError, match=sentence):
            work()
    with pytest.raises(FaultyConfigurationError, match="role"):
        users.change("bob", {"role": "king"}, NOW)
    assert users.principal("bob").role is Role.VIEWER


def test_who_is_removed_leaves_nothing_at_the_web_door(database, users):
    users.add(user("bob"), NOW)
    rows, tokens = SessionRows(database), ApiTokens(database, lambda name: True, os.urandom)
    rows.put(SessionRow("s", "bob", b"", None, NOW, NOW, NOW, ""))
    tokens.make("bob", "his", None, NOW)
    users.remove("bob")
    assert rows.read() == ()
    assert len(ApiTokens(database, lambda name: True, os.urandom)) == 0


def test_who_cannot_log_in_just_now_is_there(tmp_path, database, users):
    users.add(user("bob"), NOW)
    (tmp_path / KEY_FILE).unlink()
    other = Users([], database, open_vault(tmp_path))
    assert (other.is_there("bob"), other.principal("bob"), other.credential("bob")) == (True, None, None)
    assert not other.is_there("nobody")
