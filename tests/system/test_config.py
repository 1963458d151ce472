"""docs/configuration.md and docs/onb.example.toml against the models: they cannot drift apart."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge.system.access import Principal
from bridge.system.config import (
    DOORS,
    CameraConfig,
    Config,
    GrantConfig,
    StreamConfig,
    UserConfig,
    default_stream_name,
)
from bridge.system.config_checks import warnings
from bridge.system.config_fields import is_user_name
from bridge.system.config_load import fields_of, load, model_inside, read

DOCS = Path(__file__).parents[2] / "docs"
_ROW = re.compile(r"^\| `([a-z_]+)` \| [^|]+ \| (?:`(.*?)`)? ?\| ", re.MULTILINE)


def documented() -> dict[str, dict[str, str]]:
    """Section -> key -> default as TOML text ("" for none)."""
    sections = re.split(r"^##+ ", (DOCS / "configuration.md").read_text(), flags=re.MULTILINE)
    return {section.partition("\n")[0]: dict(_ROW.findall(section)) for section in sections}


def tables(kind: type[BaseModel], path: str = "") -> dict[str, type[BaseModel]]:
    found = {path: kind}
    for key, field in fields_of(kind).items():
        inner = model_inside(field.annotation)
        if inner is not None:
            found |= tables(inner, f"{path}.{key}" if path else key)
    return found


SEVERAL = {"recording.storage", "user", "user.grant", "camera", "camera.stream"}


def heading(path: str) -> str:
    return "Top level" if not path else f"[[{path}]]" if path in SEVERAL else f"[{path}]"


@pytest.mark.parametrize("path", tables(Config))
def test_every_key_is_documented_and_no_other(path):
    keys = set(fields_of(tables(Config)[path]))
    if path == "camera":
        keys.add("url")
    assert set(documented()[heading(path)]) == keys


@pytest.mark.parametrize("path", [path for path in tables(Config) if path])
def test_documented_defaults_are_the_defaults(path):
    defaults = {key: tomllib.loads(f"x = {text}")["x"] for key, text in documented()[heading(path)].items() if text}
    required = {
        CameraConfig: {"id": "a", "url": "rtsp://h/"},
        UserConfig: {"name": "a", "password": "x"},
        StreamConfig: {"name": "a", "url": "rtsp://h/"},
        GrantConfig: {"cameras": [], "actions": []},
    }
    kind = tables(Config)[path]
    start = required.get(kind, {})
    assert kind.model_validate(start | defaults) == kind.model_validate(start)
    undocumented = set(fields_of(kind)) - set(defaults) - set(start)
    for key in undocumented:
        default = fields_of(kind)[key].get_default(call_default_factory=True)
        assert default in (None, ()) or model_inside(fields_of(kind)[key].annotation) or kind in required, key


def test_top_level_defaults():
    text = "\n".join(f"{key} = {default}" for key, default in documented()["Top level"].items() if default)
    assert read(tomllib.loads(text), base=Path("/x")) == read({}, base=Path("/x"))


def test_the_example_is_clean():
    config = load(DOCS / "onb.example.toml", {})
    assert warnings(config) == []
    assert [camera.id for camera in config.cameras] == ["front-door", "gate-1"]
    assert [stream.name for stream in config.cameras[1].streams] == ["main", "sub"]


def test_defaults_are_the_contract_s():
    config = read({}, base=Path("/x"))
    assert {door: config.port_of(door) for door in DOORS} == {
        "onvif": 580,
        "onvif_tls": 0,
        "rtsp": 554,
        "rtsps": 322,
        "http": 8081,
        "https": 8082,
    }
    assert config.data == Path("/x/data")
    assert config.bind == ("0.0.0.0", "::")
    assert config.rtsp.packet_bytes == 1400


def test_a_configuration_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        read({}, base=Path("/x")).database = "x"


def test_stream_names():
    assert [default_stream_name(index) for index in range(4)] == ["main", "sub", "sub2", "sub3"]


@pytest.mark.parametrize(
    ("name", "good"),
    [("op", True), ("Jörg Müller", True), ("x" * 64, True), ("", False), ("x" * 65, False), ("a:b", False),
     ('a"b', False), ("a\\b", False), (" a", False), ("a\n", False)],
)  # fmt: skip
def test_user_names(name, good):
    assert is_user_name(name) is good


def test_a_principal_holds_no_secret():
    user = read({"user": [{"name": "op", "password": "hunter2"}]}, base=Path("/x")).users[0]
    assert isinstance(user.principal(), Principal)
    assert "hunter2" not in repr(user.principal())
    assert "hunter2" not in repr(user)
    assert "hunter2" not in user.model_dump_json()
