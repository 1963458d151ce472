"""From a file to a `Config`, or to every fault at once: where, what stands there, what was expected.

No sentence of the TOML reader or of pydantic reaches the user unexplained, and no secret does: passwords show as `***`,
log-ins in addresses too, and the value of an unknown key (which may be a password with a typing error) not at all.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bridge.base.errors import ConfigurationError
from bridge.system.camera_url import HIDDEN, mask_faulty_url, mask_urls
from bridge.system.config import CameraConfig, Config, UserConfig
from bridge.system.config_checks import Broken, KeyPath, check, format_path
from bridge.system.config_fields import Reading, one_of
from bridge.system.config_values import ExpectedError

FILE_LIMIT_BYTES = 16 * 1024 * 1024
_SHOWN_CHARACTERS = 80
_SECRET_KEYS = frozenset({"password", "password_hash"})
_ADDRESS_KEYS = frozenset({"url", "database"})
_WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_KINDS = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "string_unicode": "a text in quotes",
    "tuple_type": "a list, [ ... ]",
    "model_type": "a table",
    "path_type": "a path in quotes",
    "is_instance_of": "a path in quotes",
}


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. path: `camera[0].stream[1].url`, "" for the file itself; value: as shown, "" when there is none."""

    path: str
    value: str
    expected: str

    def __str__(self) -> str:
        value = f"{self.value}: " if self.value else ""
        return f"{self.path}: {value}{self.expected}" if self.path else f"{value}{self.expected}"


class FaultyConfigurationError(ConfigurationError):
    """Every fault of a configuration, in the order of the file; its text has one line for each."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration in the file. Raises FaultyConfigurationError."""
    return read(_tables_of_file(path), base=path.absolute().parent, environ=environ)


def read(tables: Mapping[str, object], *, base: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Tables as TOML gives them -> Config; relative paths are relative to `base`. Raises FaultyConfigurationError."""
    return _read(Config, dict(tables), list(check(tables)), base, environ)


def read_camera(
    table: Mapping[str, object], *, base: Path | None = None, environ: Mapping[str, str] | None = None
) -> CameraConfig:
    """One [[camera]] as the command line or the database gives it. Raises FaultyConfigurationError."""
    return _read(CameraConfig, dict(table), _alone("camera", table), base, environ)


def read_user(
    table: Mapping[str, object], *, base: Path | None = None, environ: Mapping[str, str] | None = None
) -> UserConfig:
    """One [[user]] as the command line or the database gives it. Raises FaultyConfigurationError."""
    return _read(UserConfig, dict(table), _alone("user", table), base, environ)


def _alone(kind: str, table: Mapping[str, object]) -> list[Broken]:
    """What `check` finds in one camera or user by itself. Its storage is looked up where it meets the file."""
    prefix = (kind, 0)
    return [
        Broken(one.path[2:], one.expected)
        for one in check({kind: [table]})
        if one.path[:2] == prefix and one.path[2:] != ("storage",)
    ]


def _tables_of_file(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
        if len(data) > FILE_LIMIT_BYTES:
            raise _whole_file("a file of at most 16 MiB")
        return tomllib.loads(data.decode().replace("\r\n", "\n"))
    except OSError as error:
        raise _whole_file(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _whole_file(f"{path}: line {line}, column {column}: expected text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _whole_file(f"{path}: {_explain_toml(str(error), data.decode())}") from None
    except (RecursionError, ValueError):
        # tomllib descends into nested arrays, and int() refuses numbers of thousands of digits.
        raise _whole_file(f"{path}: not TOML: arrays are nested too deeply, or a number is too long") from None


def _whole_file(sentence: str) -> FaultyConfigurationError:
    return FaultyConfigurationError([Fault("", "", sentence)])


def _explain_toml(message: str, text: str) -> str:
    match = _WHERE.search(message)
    if match is None:
        return "the text is not TOML"
    if match[1] is None:
        lines = text.rstrip("\n").split("\n")
        where = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    else:
        where = f"line {match[1]}, column {match[2]}"
    # The reader's own words name characters and keys, never values.
    return f"{where}: not TOML: {message[: match.start()].rstrip('.')}"


def _read(
    kind: type[Model],
    tables: dict[str, object],
    broken: list[Broken],
    base: Path | None,
    environ: Mapping[str, str] | None,
) -> Model:
    reading = Reading(os.environ if environ is None else environ, base or Path.cwd())
    try:
        model = kind.model_validate(tables, context=reading)
    except ValidationError as error:
        found = [_broken(kind, tables, dict(one)) for one in error.errors(include_url=False)]
        seen = {one.path for one in found}
        # A camera whose url is broken is not also one without a url.
        broken = found + [one for one in broken if one.path not in seen]
    else:
        if not broken:
            return model
    broken.sort(key=lambda one: _place(tables, one.path))
    raise FaultyConfigurationError(_fault(tables, one) for one in broken) from None


def _broken(kind: type[BaseModel], tables: Mapping[str, object], error: Mapping[str, Any]) -> Broken:
    """What pydantic found -> a place of the file, and a sentence. Any: pydantic's error records are loose."""
    path = _path_in_file(tables, error["loc"])
    code = error["type"]
    if code == "extra_forbidden":
        return Broken(path, _unknown_key(kind, path))
    if code == "missing":
        return Broken(path, "expected this key, as it has no default")
    if code == "literal_error":
        return Broken(path, "expected " + one_of(re.findall(r"'([^']*)'", error["ctx"]["expected"])))
    reason = error.get("ctx", {}).get("error")
    if isinstance(reason, ExpectedError):
        return Broken(path, f"expected {reason}")
    return Broken(path, f"expected {_KINDS.get(code, 'a value of another kind')}")


def _path_in_file(tables: Mapping[str, object], loc: tuple[str | int, ...]) -> KeyPath:
    """`camera[0].stream[0].url` is `camera[0].url` when that is how it was written."""
    path = loc
    if len(loc) >= 3 and loc[-3:] == ("stream", 0, "url"):
        camera = _value(tables, loc[:-3])
        if isinstance(camera, dict) and "stream" not in camera:
            path = (*loc[:-3], "url")
    # Steps that are no keys (the branches of a union) end the path.
    for length in range(1, len(path)):
        parent = _value(tables, path[:length])
        if not isinstance(parent, dict | list):
            return path[:length]
    return path


def _unknown_key(kind: type[BaseModel], path: KeyPath) -> str:
    known = _keys_at(kind, path[:-1])
    close = difflib.get_close_matches(str(path[-1]), known, 1)
    return f"unknown key; did you mean {close[0]}?" if close else f"unknown key; known here: {', '.join(sorted(known))}"


def _keys_at(kind: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys of the table at `path`."""
    for part in path:
        if isinstance(part, str):
            kind = next(_model_of(field.annotation) for key, field in fields_of(kind).items() if key == part)
    keys = list(fields_of(kind))
    return [*keys, "url"] if kind is CameraConfig else keys


def fields_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The fields of a table by their name in the file. Any: pydantic's FieldInfo."""
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _model_of(annotation: Any) -> type[BaseModel]:  # Any: annotations are what typing makes of them
    model = model_inside(annotation)
    assert model is not None, annotation  # noqa: S101 - pydantic found a key below this one, so it is a table
    return model


def model_inside(annotation: Any) -> type[BaseModel] | None:  # Any: annotations are what typing makes of them
    """The model that a field's annotation holds, also inside a tuple or union; None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, UnionType) or hasattr(annotation, "__metadata__"):
        return next((model for one in get_args(annotation) if (model := model_inside(one))), None)
    return None


def _value(tables: object, path: KeyPath) -> object:
    """What stands at `path`; None when nothing does."""
    for part in path:
        if isinstance(tables, list):
            tables = tables[part] if isinstance(part, int) and part < len(tables) else None
        else:
            tables = tables.get(part) if isinstance(tables, dict) else None
    return tables


def _place(tables: object, path: KeyPath) -> list[int]:
    """Where `path` stands in the file, for sorting: places of keys in their tables; missing keys after the others."""
    place: list[int] = []
    for part in path:
        if isinstance(tables, dict):
            keys = list(tables)
            place.append(keys.index(part) if part in tables else len(keys))
        else:
            place.append(part if isinstance(part, int) else 0)
        tables = _value(tables, (part,))
    return place


def _fault(tables: Mapping[str, object], broken: Broken) -> Fault:
    expected = broken.expected
    if expected.startswith("unknown key"):
        return Fault(format_path(broken.path), "", expected)
    if not expected.startswith("expected "):
        expected = f"expected {expected}"
    return Fault(format_path(broken.path), show(broken.path, _value(tables, broken.path), expected), expected)


def show(path: KeyPath, value: object, expected: str) -> str:
    """The value as it may be shown: secrets hidden, tables and lists by their kind alone, long texts cut."""
    key = path[-1] if path else ""
    if value is None:
        return ""
    if key in _SECRET_KEYS:
        return HIDDEN
    if isinstance(value, dict):
        return "a table" if "table" not in expected and len(path) > 2 else ""
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if not isinstance(value, str):
        return str(value)
    if "-----BEGIN" in value:
        return HIDDEN  # the key itself where its file is due
    if expected.startswith(("expected a table", "expected a list")):
        return "a text"  # where a table is due, a text may be anything, a password too
    return _quoted(mask_faulty_url(value) if key in _ADDRESS_KEYS else mask_urls(value))


def _quoted(text: str) -> str:
    """In quotes, cut, on one line, without control characters (a terminal would obey them)."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    quoted = json.dumps(cut, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in quoted)
