"""The configuration: every key of onb.toml as a frozen model, its default beside it.

The file's names are the aliases; where a value has a unit, the attribute's name carries it (`segment` -> `segment_ns`).
Texts are turned into values here (bridge/system/config_values.py); what two keys say together is checked in
bridge/system/config_checks.py, and faults become sentences in bridge/system/config_load.py.
docs/configuration.md explains every key to users; a test holds the two together.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from bridge.base.time import NS_PER_S
from bridge.base.tokens import CAMERA_ID_RULE, STREAM_NAME_RULE, is_camera_id, is_stream_name
from bridge.system import config_values as values
from bridge.system.access import Action, Grant, Principal, Role
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

DOORS = ("onvif", "onvif_tls", "rtsp", "rtsps", "http", "https")
"""The doors that have a port of their own under [ports]; video push has a range of them."""

RECORDINGS_FOLDER = "recordings"
"""In `data`: the folder of a storage that names none."""

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


def _reading(info: ValidationInfo) -> Reading:
    context = info.context
    return context if isinstance(context, Reading) else Reading({}, Path.cwd())


def _from(accepted: type | tuple[type, ...], parse: Callable[[Any], object], expected: str) -> BeforeValidator:
    """Values of the accepted types go through `parse`; every other is told what was expected. bool is never an int."""

    def validate(value: object) -> object:
        if not isinstance(value, accepted) or isinstance(value, bool):
            raise ExpectedError(expected)
        return parse(value)

    return BeforeValidator(validate)


def _between(low: int, high: int, what: str) -> BeforeValidator:
    expected = f"{what} from {low} to {high}"

    def parse(value: int) -> int:
        if not low <= value <= high:
            raise ExpectedError(expected)
        return value

    return _from(int, parse, expected)


def _kept(rule: str, holds: Callable[[str], bool]) -> BeforeValidator:
    def parse(value: str) -> str:
        if not holds(value):
            raise ExpectedError(rule)
        return value

    return _from(str, parse, rule)


def is_user_name(text: str) -> bool:
    """Whether `text` keeps USER_NAME_RULE: it must stand in digest headers and before the `:` of HTTP Basic."""
    return 1 <= len(text) <= 64 and text.isprintable() and text == text.strip() and not set(text) & set(':"\\')


def _path(text: str) -> str:
    if "\0" in text or len(os.fsencode(text)) > 4096:
        raise ExpectedError("a path of the file system")
    return text


def _duration(low_ns: int, high_ns: int, low: str, high: str) -> BeforeValidator:
    expected = f"{values.DURATION}, from {low} to {high}"

    def parse(text: str) -> int:
        length_ns = values.parse_duration(text)
        if not low_ns <= length_ns <= high_ns:
            raise ExpectedError(expected)
        return length_ns

    return _from(str, parse, expected)


def _member(kind: type[Role] | type[Action]) -> BeforeValidator:
    expected = one_of(list(kind))

    def parse(text: str) -> object:
        if text not in set(kind):
            raise ExpectedError(expected)
        return kind(text)

    return _from(str, parse, expected)


def one_of(words: list[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _secret(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str) or not value:
        raise ExpectedError("a text in quotes that is not empty")
    if (text := values.expand(value, _reading(info).environ)) == "":
        raise ExpectedError("an environment variable that is not empty")
    return SecretStr(text)


def _secret_of_file(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str) or not value:
        raise ExpectedError("the path of a file whose first line is the password")
    path = _reading(info).base / _path(values.expand(value, _reading(info).environ))
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


def _certificate_file(value: object, info: ValidationInfo) -> CertificateFile | None:
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


def _authorities(value: object, info: ValidationInfo) -> CertificateFile | None:
    expected = "the path of a PEM file with the certificates of authorities"
    path = _file(value, info, expected)
    try:
        return None if path is None else CertificateFile(str(path), tuple(load_certificates(path)))
    except CertificateError as error:
        raise ExpectedError(f"{expected}; {error}") from None


def _key_file(value: object, info: ValidationInfo) -> KeyFile | None:
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
    text = _path(values.expand(value, _reading(info).environ))
    return (_reading(info).base / text).absolute() if text else None


def _argon2(text: str) -> SecretStr:
    if not is_hash(text):
        raise ExpectedError(HASH_RULE)
    return SecretStr(text)


def _camera_url(value: object, info: ValidationInfo) -> RtspUrl:
    if not isinstance(value, str):
        raise ExpectedError("an address in quotes such as rtsp://192.0.2.10/stream1")
    tunnelled = info.data.get("transport") == "http"
    return parse_camera_url(value, _reading(info).environ, tunnelled=tunnelled)


def _database_address(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str):
        raise ExpectedError('"" or an address in quotes such as postgresql://user:password@host/name')
    return SecretStr(parse_database_address(value, _reading(info).environ))


T = TypeVar("T")
Several = Annotated[tuple[T, ...], Field(strict=False)]
"""A TOML array. Models are strict (no "580" for 580), but an array may become a tuple."""

Port = Annotated[int, _between(0, 65535, "a port")]
Count = Annotated[int, _between(1, 10_000_000, "a whole number")]
Size = Annotated[int, _from((int, str), values.parse_size, values.SIZE)]
Retention = Annotated[int, _duration(60 * NS_PER_S, 36_500 * 86_400 * NS_PER_S, "1m", "36500d")]
Wait = Annotated[int, _duration(NS_PER_S, 86_400 * NS_PER_S, "1s", "1d")]
Roll = Annotated[int, _duration(0, 3600 * NS_PER_S, "0s", "1h")]
Address = Annotated[str, _from(str, values.parse_address, "an IPv4 or IPv6 address in quotes")]
Network = Annotated[str, _from(str, values.parse_network, "an address or network in quotes")]
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
PasswordHash = Annotated[SecretStr, _from(str, _argon2, "an argon2 hash in quotes")]
DatabaseAddress = Annotated[SecretStr, BeforeValidator(_database_address)]
SourceUrl = Annotated[RtspUrl, BeforeValidator(_camera_url)]
Door = Literal["onvif", "rtsp", "web", "push"]


class Table(BaseModel):
    """What every table of the file shares: unknown keys and wrong types are faults, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class BindDoor(Table):
    """[bind_door]: addresses of one door where they differ from `bind`; None: as `bind` says."""

    onvif: Several[Address] | None = None
    onvif_tls: Several[Address] | None = None
    rtsp: Several[Address] | None = None
    rtsps: Several[Address] | None = None
    http: Several[Address] | None = None
    https: Several[Address] | None = None
    push: Several[Address] | None = None
    discovery: Several[Address] | None = None


def _host(text: str) -> str:
    if text and not (
        len(text) <= 253 and text.isascii() and text.isprintable() and not set(text) & set(' /@?#[]"\\<>')
    ):
        raise ExpectedError('a host name or address without scheme and port, or "" for what the client called')
    return text


class Public(Table):
    """[public]: what addresses carry behind NAT or a port forward; "" and 0: what the client called."""

    host: Annotated[str, AfterValidator(_host)] = ""
    onvif: Port = 0
    onvif_tls: Port = 0
    rtsp: Port = 0
    rtsps: Port = 0
    http: Port = 0
    https: Port = 0


class Ports(Table):
    """[ports]: 0 means off. push: first and last port of the range for video push; None means off."""

    onvif: Port = 580
    onvif_tls: Port = 0
    rtsp: Port = 554
    rtsps: Port = 322
    http: Port = 8081
    https: Port = 8082
    push: Annotated[tuple[int, int] | None, _from(str, values.parse_port_range, values.PORT_RANGE)] = None


class Discovery(Table):
    """[discovery]: WS-Discovery."""

    enabled: bool = True


def _placed(text: str, info: ValidationInfo) -> str:
    return str((_reading(info).base / _path(text)).absolute()) if text else ""


class Storage(Table):
    """[[recording.storage]]: path "": data/recordings, else absolute; max_bytes 0: no limit."""

    name: StreamName = "default"
    path: Annotated[str, AfterValidator(_placed)] = ""
    max_bytes: Size = 0
    min_free_bytes: Size = 2_000_000_000


class Recording(Table):
    """[recording]."""

    sync_interval_ns: Annotated[int, _duration(100_000_000, 60 * NS_PER_S, "100ms", "1m")] = Field(
        default=2 * NS_PER_S, alias="sync_interval"
    )
    segment_ns: Annotated[int, _duration(NS_PER_S, 3600 * NS_PER_S, "1s", "1h")] = Field(
        default=60 * NS_PER_S, alias="segment"
    )
    storages: Several[Storage] = Field(default=(Storage(),), alias="storage")


class Rtsp(Table):
    """[rtsp]."""

    packet_bytes: Annotated[int, _between(256, 8960, "a whole number")] = 1400


class Multicast(Table):
    """[multicast]."""

    enabled: bool = False
    range: Annotated[str, _from(str, values.parse_multicast_range, "an IPv4 multicast network in quotes")] = (
        "239.192.0.0/16"
    )
    ttl: Annotated[int, _between(1, 255, "a whole number")] = 1
    dscp: Annotated[int, _between(0, 63, "a whole number")] = 0


class Security(Table):
    """[security]."""

    usernametoken: bool = True
    plain_http_login: Literal["never", "loopback", "always"] = "loopback"
    metrics: Literal["nobody", "loopback", "everybody"] = "loopback"


class Tls(Table):
    """[tls]: the certificate of every TLS door; both None: one of our own making."""

    certificate: Annotated[CertificateFile | None, BeforeValidator(_certificate_file)] = None
    key: Annotated[KeyFile | None, BeforeValidator(_key_file)] = None


class Clients(Table):
    """[clients]: what clients contradict each other in. None: as the preset has it (bridge/system/presets.py)."""

    preset: Literal["standard", "sha-256", "scrypted", "unifi-protect"] = "standard"
    digest: Annotated[Several[Literal["md5", "sha-256"]], Field(min_length=1)] | None = None
    rtsp_login: Literal["always", "after-onvif"] | None = None
    configuring: Literal["refuse", "ignore"] | None = None


class Events(Table):
    """[events]: networks beside the subscriber's own address that notifications may be sent to."""

    callback_allow: Several[Network] = ()


class Limits(Table):
    """[limits]: bounds that suit 100 cameras. What happens at each is said in docs/configuration.md."""

    rtsp_connections: Count = 1000
    rtsp_connections_per_address: Count = 500
    rtsp_sessions: Count = 1000
    rtsp_sessions_per_user: Count = 500
    rtsp_replays: Count = 200
    http_connections: Count = 500
    http_connections_per_address: Count = 128
    http_body_bytes: Size = 1_048_576
    web_viewers: Count = 500
    web_viewers_per_user: Count = 100
    web_footage: Count = 64
    first_request_timeout_ns: Wait = Field(default=10 * NS_PER_S, alias="first_request_timeout")
    request_timeout_ns: Wait = Field(default=30 * NS_PER_S, alias="request_timeout")
    idle_timeout_ns: Wait = Field(default=60 * NS_PER_S, alias="idle_timeout")
    rtsp_session_timeout_ns: Wait = Field(default=60 * NS_PER_S, alias="rtsp_session_timeout")
    login_failures: Count = 10
    login_pause_ns: Wait = Field(default=10 * NS_PER_S, alias="login_pause")
    audit_rows: Count = 100_000
    event_rows: Count = 1_000_000
    event_age_ns: Retention | None = Field(default=None, alias="event_age")


class Export(Table):
    """[export]: exports through the web door; keep_ns, max_bytes: of finished files in data/exports."""

    keep_ns: Retention = Field(default=7 * 86_400 * NS_PER_S, alias="keep")
    max_bytes: Size = 50_000_000_000
    min_free_bytes: Size = 2_000_000_000
    waiting: Count = 50
    waiting_per_user: Count = 10


class GrantConfig(Table):
    """[[user.grant]]."""

    cameras: Several[CameraPattern]
    actions: Several[Annotated[Action, _member(Action)]]


class UserConfig(Table):
    """[[user]]. Just one of password, password_file and password_hash is set; the latter for doors = ["web"] alone."""

    name: UserName
    password: Password | None = None
    password_of_file: PasswordOfFile | None = Field(default=None, alias="password_file")
    password_hash: PasswordHash | None = None
    role: Annotated[Role, _member(Role)] = Role.VIEWER
    cameras: Several[CameraPattern] = ("*",)
    fast_start: bool = True
    doors: Several[Door] = ()
    grants: Several[GrantConfig] = Field(default=(), alias="grant")

    @property
    def secret(self) -> str | None:
        """The password itself; None when only its hash is known."""
        secret = self.password or self.password_of_file
        return secret.get_secret_value() if secret else None

    def principal(self) -> Principal:
        """The user as doors carry him about."""
        more = [Grant(grant.cameras, frozenset(grant.actions)) for grant in self.grants]
        return Principal.with_role(
            self.name, self.role, self.cameras, more, fast_start=self.fast_start, doors=self.doors
        )


class StreamConfig(Table):
    """[[camera.stream]]."""

    name: StreamName
    transport: Literal["tcp", "udp", "multicast", "http"] = "tcp"  # before url, whose meaning it changes
    url: SourceUrl
    record: bool = False


def default_stream_name(index: int) -> str:
    """`main`, `sub`, `sub2`, `sub3` …"""
    return ("main", "sub")[index] if index < 2 else f"sub{index}"


class CameraConfig(Table):
    """[[camera]]. retention_ns and retention_bytes None: kept while the storage has room. push 0: not a push camera.

    device_port 0: it is no virtual device; device_address None: one on the addresses of the ONVIF door.
    """

    id: CameraId
    name: Label
    streams: Several[StreamConfig] = Field(default=(), alias="stream")
    record: Literal["always", "motion", "never"] = "always"
    pre_roll_ns: Roll = Field(default=5 * NS_PER_S, alias="pre_roll")
    post_roll_ns: Roll = Field(default=10 * NS_PER_S, alias="post_roll")
    schedule: Several[Annotated[str, _from(str, values.parse_schedule, "a time of the week in quotes")]] = ()
    retention_ns: Retention | None = Field(default=None, alias="retention")
    retention_bytes: Size | None = None
    storage: StreamName = "default"
    driver: Literal["native", "aiortsp"] = "native"
    tls_ca: Annotated[CertificateFile | None, BeforeValidator(_authorities)] = None
    talk: bool = False
    push: Port = 0
    owner: UserName | None = None
    device_port: Port = 0
    device_address: Address | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_names(cls, table: object) -> object:
        """`url` on the camera is short for one stream; names default to their place; the first stream is recorded."""
        if not isinstance(table, dict):
            return table
        table = dict(table)
        camera_id = table.get("id")
        # A faulty id must not look like a faulty name as well.
        table.setdefault("name", camera_id if isinstance(camera_id, str) and is_camera_id(camera_id) else "camera")
        url = table.pop("url", None)
        if url is not None:
            table.setdefault("stream", [{"url": url}])
        streams = table.get("stream")
        if isinstance(streams, list):
            table["stream"] = [cls._fill_stream(index, stream) for index, stream in enumerate(streams)]
        return table

    @staticmethod
    def _fill_stream(index: int, stream: object) -> object:
        if not isinstance(stream, dict):
            return stream
        return {"name": default_stream_name(index), "record": index == 0} | stream


class Config(Table):
    """The whole file. `data` is absolute; relative paths are relative to the folder of the file."""

    data: Path
    database: DatabaseAddress = SecretStr("")
    bind: Several[Address] = ("0.0.0.0", "::")  # noqa: S104 - every door on every address is the contract's default
    bind_door: BindDoor = BindDoor()
    public: Public = Public()
    ports: Ports = Ports()
    discovery: Discovery = Discovery()
    recording: Recording = Recording()
    rtsp: Rtsp = Rtsp()
    multicast: Multicast = Multicast()
    tls: Tls = Tls()
    security: Security = Security()
    clients: Clients = Clients()
    events: Events = Events()
    limits: Limits = Limits()
    export: Export = Export()
    users: Several[UserConfig] = Field(default=(), alias="user")
    cameras: Several[CameraConfig] = Field(default=(), alias="camera")

    @model_validator(mode="before")
    @classmethod
    def _place_data(cls, table: object, info: ValidationInfo) -> object:
        if not isinstance(table, dict):
            return table
        data = table.get("data", "./data")
        return table | {"data": (_reading(info).base / _path(data)).absolute()} if isinstance(data, str) else table

    def folder_of(self, storage: Storage) -> Path:
        """Where it lies: `data`/recordings when it names no path."""
        return Path(storage.path) if storage.path else self.data / RECORDINGS_FOLDER

    def bind_of(self, door: str) -> tuple[str, ...]:
        """The addresses that `door` (one of DOORS, `push` or `discovery`) listens on."""
        narrowed: tuple[str, ...] | None = getattr(self.bind_door, door)
        return self.bind if narrowed is None else narrowed

    def device_addresses(self, camera: CameraConfig) -> tuple[str, ...]:
        """The addresses that the camera's virtual device listens on."""
        return (camera.device_address,) if camera.device_address else self.bind_of("onvif")

    def port_of(self, door: str) -> int:
        """The port of one of DOORS; 0 means off."""
        port: int = getattr(self.ports, door)
        return port
