import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.time import UtcNs
from bridge.system.access import Action, Role
from bridge.system.config import UserConfig
from bridge.system.config_load import read_user
from bridge.system.database import open_database
from bridge.system.secrets import KEY_FILE, Vault, open_vault
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
