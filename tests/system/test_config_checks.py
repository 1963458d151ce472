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


def cameras(*devices):
    return [{"url": "x", "device_port": port} | ({"device_address": at} if at else {}) for port, at in devices]


def test_devices_that_do_not_meet():
    tables = {
        "bind_door": {"onvif": ["192.0.2.30"]},
        "camera": cameras((580, "192.0.2.31"), (580, "192.0.2.32"), (5801, ""), (5802, "::1"), (5802, "192.0.2.31")),
    }
    assert list(check(tables)) == []


@pytest.mark.parametrize(
    ("tables", "key", "expected"),
    [
        (
            {"camera": cameras((5801, ""), (5801, ""))},
            "camera[1].device_port",
            "a port of its own; camera[0] has it too",
        ),
        (
            {"camera": cameras((5801, "192.0.2.3"), (5801, ""))},
            "camera[1].device_port",
            "a port of its own; camera[0] has it too",
        ),
        (
            {"camera": cameras((580, "192.0.2.3"))},
            "camera[0].device_port",
            "a port that no door has; ports.onvif is 580",
        ),
        ({"camera": cameras((554, ""))}, "camera[0].device_port", "a port that no door has; ports.rtsp is 554"),
        (
            {"ports": {"push": "5800-5900"}, "camera": cameras((5801, ""))},
            "camera[0].device_port",
            "a port outside of ports.push, 5800-5900",
        ),
        (
            {"ports": {"push": "nonsense"}, "camera": cameras((5801, ""), (5801, ""))},
            "camera[1].device_port",
            "a port of its own",
        ),
        (
            {"camera": [{"url": "x", "device_address": "192.0.2.3"}]},
            "camera[0].device_address",
            "device_port beside it",
        ),
    ],
)
def test_devices_that_collide(tables, key, expected):
    (broken,) = check(tables)
    assert format_path(broken.path) == key
    assert broken.expected.startswith(expected)


def lines(**tables: object) -> list[str]:
    return warnings(read(tables, base=Path("/x"), environ={}))


def test_defaults_are_not_warned_about():
    assert lines() == []


def test_what_this_version_does_not_serve_is_named():
    found = lines(
        ports={"push": "40001-40099"},
        camera=[{"id": "phone", "push": 40001, "owner": "op"}],
        user=[
            {"name": "op", "password": "x", "cameras": ["garden", "gate-*", "phone"]},
        ],
    )
    assert found == [
        "ports.push is configured, but video push comes with a later version",
        "camera[0] (phone) is a push camera; video push comes with a later version",
        'user[0].cameras: no camera of this file is called "garden"',
    ]


def test_a_device_without_rtsp_on_its_address_is_named():
    camera = {"id": "gate", "url": "rtsp://192.0.2.9/", "device_port": 580, "device_address": "192.0.2.31"}
    found = lines(bind=["192.0.2.30"], camera=[camera])
    assert [line.partition(",")[0] for line in found] == [
        "camera[0] (gate): RTSP does not listen on its device_address 192.0.2.31"
    ]
    assert lines(bind=["192.0.2.30"], bind_door={"rtsp": ["0.0.0.0"]}, camera=[camera]) == []
