import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bridge.system.config import Config
from bridge.system.config_values import ExpectedError
from bridge.system.database_address import parse_database_address

ENVIRON = {"SECRET": "p@ss/w:rd?#%", "WHOLE": "postgresql://u:p@h/n", "NAME": "video"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("postgresql://h/n", "postgresql://h/n"),
        ("postgresql://u@h/n", "postgresql://u@h/n"),
        ("postgresql://u:p@h:5432/n?sslmode=require", "postgresql://u:p@h:5432/n?sslmode=require"),
        ("postgresql://u:p%2Fq@[2001:db8::1]:5432/n", "postgresql://u:p%2Fq@[2001:db8::1]:5432/n"),
        ("postgresql:///n?host=/run/postgresql", "postgresql:///n?host=/run/postgresql"),
        ("postgresql://u:a@b@h/n", "postgresql://u:a%40b@h/n"),
        ("postgresql://u:${SECRET}@h/${NAME}", "postgresql://u:p%40ss%2Fw%3Ard%3F%23%25@h/video"),
        ("${WHOLE}", "postgresql://u:p@h/n"),
    ],
)
def test_addresses(text, expected):
    assert parse_database_address(text, ENVIRON) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("postgres://u:hunter2@h/n", "mysql://u:hunter2@h/n", "hunter2", "postgresql://u:hunter2@h", "postgresql://"),
        *("postgresql://u:hunter2@h/", "postgresql://u:hunter2@h/n/m", "postgresql://u:hunter2@h:0/n"),
        *("postgresql://u:hunter2@h:99999/n", "postgresql://u:hunter2@h i/n", "postgresql://h/n?password=hunter2"),
        *("postgresql://u:hunter2/x@h/n", "postgresql://u:${MISSING}@h/n", "postgresql://h/n?sslpassword=hunter2"),
    ],
)
def test_what_is_none_is_refused_without_the_log_in(text):
    with pytest.raises(ExpectedError) as caught:
        parse_database_address(text, ENVIRON)
    assert "hunter2" not in str(caught.value)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_password_of_the_environment_reaches_the_driver_as_it_is(password):
    url = sa.make_url(parse_database_address("postgresql://u:${SECRET}@h/n", {"SECRET": password}))
    assert (url.username, url.password, url.host, url.database) == ("u", password, "h", "n")


def test_the_configuration_does_not_show_it():
    config = Config.model_validate({"data": "/x", "database": "postgresql://u:hunter2@h/n"})
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config.model_dump())
    assert config.database.get_secret_value() == "postgresql://u:hunter2@h/n"
