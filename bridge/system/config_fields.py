"""The kinds of value in onb.toml: what stands in the file -> what the models of config.py hold, checked.

What each accepts is said in words, for the faults that users read; parsers of one text are in config_values.py.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
)

from bridge.base.time import NS_PER_S
from bridge.base.tokens import CAMERA_ID_RULE, STREAM_NAME_RULE, is_camera_id, is_stream_name
from bridge.system import config_values as values
from bridge.system.access import Action, Role
from bridge.system.camera_url import parse_camera_url
from bridge.system.certificate_files import (
    CertificateError,
    PrivateKey,
    check_pair,
    load_certificates,
    load_key,
    parse_key,
    pem_of_key,
)
from bridge.system.config_values import ExpectedError
from bridge.system.database_address import parse_database_address
from bridge.system.passwords import HASH_RULE, is_hash
from bridge.wire.rtsp.url import RtspUrl

USER_NAME_RULE = '1 to 64 printable characters without : " and \\, no space at either end'
PASSWORD_FILE_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """What the validators need to know.

    environ: for `${NAME}`
    base:    the folder that paths are relative to
    """

    environ: Mapping[str, str]
    base: Path


def reading(info: ValidationInfo) -> Reading:
    """What the file was read with."""
    context = info.context
    return context if isinstance(context, Reading) else Reading({}, Path.cwd())


def taken_from(accepted: type | tuple[type, ...], parse: Callable[[Any], object], expected: str) -> BeforeValidator:
    """Values of the accepted types go through `parse`; every other is told what was expected. bool is never an int."""

    def validate(value: object) -> object:
        if not isinstance(value, accepted) or isinstance(value, bool):
            raise ExpectedError(expected)
        return parse(value)

    return BeforeValidator(validate)


def between(low: int, high: int, what: str) -> BeforeValidator:
    """A whole number of that range."""
    expected = f"{what} from {low} to {high}"

    def parse(value: int) -> int:
        if not low <= value <= high:
            raise ExpectedError(expected)
        return value

    return taken_from(int, parse, expected)


def _kept(rule: str, holds: Callable[[str], bool]) -> BeforeValidator:
    def parse(value: str) -> str:
        if not holds(value):
            raise ExpectedError(rule)
        return value

    return taken_from(str, parse, rule)


def is_user_name(text: str) -> bool:
    """Whether `text` keeps USER_NAME_RULE: it must stand in digest headers and before the `:` of HTTP Basic."""
    return 1 <= len(text) <= 64 and text.isprintable() and text == text.strip() and not set(text) & set(':"\\')


def path_text(text: str) -> str:
    """A path as the file system takes it."""
    if "\0" in text or len(os.fsencode(text)) > 4096:
        raise ExpectedError("a path of the file system")
    return text


def duration(low_ns: int, high_ns: int, low: str, high: str) -> BeforeValidator:
    """A length of time in nanoseconds; low, high: the bounds as users write them."""
    expected = f"{values.DURATION}, from {low} to {high}"

    def parse(text: str) -> int:
        length_ns = values.parse_duration(text)
        if not low_ns <= length_ns <= high_ns:
            raise ExpectedError(expected)
        return length_ns

    return taken_from(str, parse, expected)


def member(kind: type[Role] | type[Action]) -> BeforeValidator:
    """One of its words."""
    expected = one_of(list(kind))

    def parse(text: str) -> object:
        if text not in set(kind):
            raise ExpectedError(expected)
        return kind(text)

    return taken_from(str, parse, expected)


def one_of(words: list[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _secret(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str) or not value:
        raise ExpectedError("a text in quotes that is not empty")
    if (text := values.expand(value, reading(info).environ)) == "":
        raise ExpectedError("an environment variable that is not empty")
    return SecretStr(text)


def _secret_of_file(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str) or not value:
        raise ExpectedError("the path of a file whose first line is the password")
    path = reading(info).base / path_text(values.expand(value, reading(info).environ))
    return SecretStr(read_password_file(path))


def read_password_file(path: Path) -> str:
    """The password that `path` holds: its text without the last line end. Raises ExpectedError with the reason."""
    try:
        with path.open("rb") as file:
            text = file.read(PASSWORD_FILE_LIMIT_BYTES + 1).decode()
    except UnicodeDecodeError:
        raise ExpectedError("a password file in UTF-8") from None
    except OSError as error:
        raise ExpectedError(f"a password file that can be read ({error.strerror})") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(text) > PASSWORD_FILE_LIMIT_BYTES:
        raise ExpectedError("a password file that holds one password")
    return text


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """The certificates of a file, the doors' own first."""

    path: str
    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key, as PEM, so that two readings of it compare."""

    path: str
    pem: bytes = field(repr=False)

    @property
    def key(self) -> PrivateKey:
        """The key itself."""
        return parse_key(self.pem, self.path)


def certificate_file(value: object, info: ValidationInfo) -> CertificateFile | None:
    """That of the doors; None: none is named."""
    expected = "the path of a PEM file with the doors' certificate first, and those above it"
    path = _file(value, info, expected)
    if path is None:
        return None
    try:
        found = CertificateFile(str(path), tuple(load_certificates(path)))
    except CertificateError as error:
        raise ExpectedError(f"{expected}; {error}") from None
    own = found.certificates[0]
    try:
        uses = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return found
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(uses):
        raise ExpectedError("a certificate for servers (extended key usage serverAuth)")
    return found


def authorities(value: object, info: ValidationInfo) -> CertificateFile | None:
    """Those that vouch for a camera; None: none are named."""
    expected = "the path of a PEM file with the certificates of authorities"
    path = _file(value, info, expected)
    try:
        return None if path is None else CertificateFile(str(path), tuple(load_certificates(path)))
    except CertificateError as error:
        raise ExpectedError(f"{expected}; {error}") from None


def key_file(value: object, info: ValidationInfo) -> KeyFile | None:
    """The key of the doors' certificate; None: none is named."""
    expected = "the path of a PEM file with the key of tls.certificate, without a password"
    path = _file(value, info, expected)
    if path is None:
        return None
    certificate = info.data.get("certificate")
    try:
        key = load_key(path)
        if certificate is not None:
            check_pair(certificate.certificates, key, certificate.path, str(path))
    except CertificateError as error:
        raise ExpectedError(f"{expected}; {error}") from None
    return KeyFile(str(path), pem_of_key(key))


def _file(value: object, info: ValidationInfo, expected: str) -> Path | None:
    """Where it lies; None for the empty text."""
    if not isinstance(value, str) or "-----BEGIN" in value:
        raise ExpectedError(expected)  # also for what should be in the file; nothing of it is shown
    text = path_text(values.expand(value, reading(info).environ))
    return (reading(info).base / text).absolute() if text else None


def _argon2(text: str) -> SecretStr:
    if not is_hash(text):
        raise ExpectedError(HASH_RULE)
    return SecretStr(text)


def _camera_url(value: object, info: ValidationInfo) -> RtspUrl:
    if not isinstance(value, str):
        raise ExpectedError("an address in quotes such as rtsp://192.0.2.10/stream1")
    tunnelled = info.data.get("transport") == "http"
    return parse_camera_url(value, reading(info).environ, tunnelled=tunnelled)


def _database_address(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str):
        raise ExpectedError('"" or an address in quotes such as postgresql://user:password@host/name')
    return SecretStr(parse_database_address(value, reading(info).environ))


T = TypeVar("T")
Several = Annotated[tuple[T, ...], Field(strict=False)]
"""A TOML array. Models are strict (no "580" for 580), but an array may become a tuple."""

Port = Annotated[int, between(0, 65535, "a port")]
Count = Annotated[int, between(1, 10_000_000, "a whole number")]
Size = Annotated[int, taken_from((int, str), values.parse_size, values.SIZE)]
Retention = Annotated[int, duration(60 * NS_PER_S, 36_500 * 86_400 * NS_PER_S, "1m", "36500d")]
Wait = Annotated[int, duration(NS_PER_S, 86_400 * NS_PER_S, "1s", "1d")]
Roll = Annotated[int, duration(0, 3600 * NS_PER_S, "0s", "1h")]
Address = Annotated[str, taken_from(str, values.parse_address, "an IPv4 or IPv6 address in quotes")]
Network = Annotated[str, taken_from(str, values.parse_network, "an address or network in quotes")]
Label = Annotated[
    str,
    _kept("1 to 64 printable characters", lambda text: len(text) <= 64 and text.isprintable() and text.strip() != ""),
]
CameraId = Annotated[str, _kept(CAMERA_ID_RULE, is_camera_id)]
StreamName = Annotated[str, _kept(STREAM_NAME_RULE, is_stream_name)]
UserName = Annotated[str, _kept(USER_NAME_RULE, is_user_name)]
CameraPattern = Annotated[
    str,
    _kept('a camera id or a pattern of one such as "gate-*"', lambda text: 0 < len(text) <= 64 and text.isprintable()),
]
Password = Annotated[SecretStr, BeforeValidator(_secret)]
PasswordOfFile = Annotated[SecretStr, BeforeValidator(_secret_of_file)]
PasswordHash = Annotated[SecretStr, taken_from(str, _argon2, "an argon2 hash in quotes")]
DatabaseAddress = Annotated[SecretStr, BeforeValidator(_database_address)]
SourceUrl = Annotated[RtspUrl, BeforeValidator(_camera_url)]
Door = Literal["onvif", "rtsp", "web", "push"]
