"""The checks' sentences are tested in test_config_load.py; here is what passes, and what is only warned about."""

from pathlib import Path

import pytest

from bridge.system.config_checks import check, format_path, warnings
from bridge.system.config_load import read


def test_paths():
    assert format_path(("camera", 0, "stream", 1, "url")) == "camera[0].stream[1].url"
    assert format_path(()) == ""
    assert format_path(("data",)) == "data"


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"ports": {"http": 0, "https": 0, "onvif": 0, "rtsp": 0}},
        {"ports": {"http": 80, "onvif": 80}, "bind_door": {"http": ["0.0.0.0"], "onvif": ["::"]}},
        {"ports": {"http": 80, "onvif": 80}, "bind_door": {"http": ["127.0.0.1"], "onvif": ["127.0.0.2"]}},
        {"recording": {"storage": [{"name": "a"}, {"name": "b"}]}, "camera": [{"url": "x", "storage": "b"}]},
        {"user": [{"name": "a", "password": "x"}, {"name": "b", "password_file": "x"}]},
        {"user": "nonsense", "camera": [5, {"url": "x"}], "ports": [], "recording": 1, "bind": 5},
    ],
)
def test_what_passes(tables):
    assert list(check(tables)) == []


@pytest.mark.parametrize("narrowed", [{"http": ["0.0.0.0"], "onvif": ["10.0.0.1"]}, {"http": ["::"]}, {}])
def test_addresses_that_meet(narrowed):
    (broken,) = check({"ports": {"http": 80, "onvif": 80}, "bind_door": narrowed})
    assert broken.path == ("ports", "http")


def lines(**tables: object) -> list[str]:
    return warnings(read(tables, base=Path("/x"), environ={}))


def test_defaults_are_not_warned_about():
    assert lines() == []


def test_what_this_version_does_not_serve_is_named():
    found = lines(
        ports={"push": "40001-40099"},
        multicast={"enabled": True},
        camera=[{"id": "phone", "push": 40001, "owner": "op"}],
        user=[
            {"name": "op", "password": "x", "cameras": ["garden", "gate-*", "phone"]},
            {"name": "w", "password_hash": "$argon2id$", "doors": ["web"]},
        ],
    )
    assert found == [
        "ports.push is configured, but video push comes with a later version",
        "multicast.enabled is true, but multicast comes with a later version",
        "camera[0] (phone) is a push camera; video push comes with a later version",
        "user[1] (w) is for the web client alone, which comes with a later version",
        'user[0].cameras: no camera of this file is called "garden"',
    ]
