"""The configuration: every key of onb.toml as a frozen model, its default beside it.

The file's names are the aliases; where a value has a unit, the attribute's name carries it (`segment` -> `segment_ns`).
Texts are turned into values by bridge/system/config_fields.py; what two keys say together is checked in
bridge/system/config_checks.py, and faults become sentences in bridge/system/config_load.py.
docs/configuration.md explains every key to users; a test holds the two together.
"""

from pathlib import Path
from typing import Annotated, Literal

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
from bridge.base.tokens import is_camera_id
from bridge.system import config_values as values
from bridge.system.access import Action, Grant, Principal, Role
from bridge.system.config_fields import (
    Address,
    CameraId,
    CameraPattern,
    CertificateFile,
    Count,
    DatabaseAddress,
    Door,
    KeyFile,
    Label,
    Network,
    Password,
    PasswordHash,
    PasswordOfFile,
    Port,
    Retention,
    Roll,
    Several,
    Size,
    SourceUrl,
    StreamName,
    UserName,
    Wait,
    authorities,
    between,
    certificate_file,
    duration,
    key_file,
    member,
    path_text,
    reading,
    taken_from,
)
from bridge.system.config_values import ExpectedError

DOORS = ("onvif", "onvif_tls", "rtsp", "rtsps", "http", "https")
"""The doors that have a port of their own under [ports]; video push has a range of them."""

RECORDINGS_FOLDER = "recordings"
"""In `data`: the folder of a storage that names none."""


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
    push: Annotated[tuple[int, int] | None, taken_from(str, values.parse_port_range, values.PORT_RANGE)] = None


class Discovery(Table):
    """[discovery]: WS-Discovery."""

    enabled: bool = True


def _placed(text: str, info: ValidationInfo) -> str:
    return str((reading(info).base / path_text(text)).absolute()) if text else ""


class Storage(Table):
    """[[recording.storage]]: path "": data/recordings, else absolute; max_bytes 0: no limit."""

    name: StreamName = "default"
    path: Annotated[str, AfterValidator(_placed)] = ""
    max_bytes: Size = 0
    min_free_bytes: Size = 2_000_000_000


class Recording(Table):
    """[recording]."""

    sync_interval_ns: Annotated[int, duration(100_000_000, 60 * NS_PER_S, "100ms", "1m")] = Field(
        default=2 * NS_PER_S, alias="sync_interval"
    )
    segment_ns: Annotated[int, duration(NS_PER_S, 3600 * NS_PER_S, "1s", "1h")] = Field(
        default=60 * NS_PER_S, alias="segment"
    )
    storages: Several[Storage] = Field(default=(Storage(),), alias="storage")


class Rtsp(Table):
    """[rtsp]."""

    packet_bytes: Annotated[int, between(256, 8960, "a whole number")] = 1400


class Multicast(Table):
    """[multicast]."""

    enabled: bool = False
    range: Annotated[str, taken_from(str, values.parse_multicast_range, "an IPv4 multicast network in quotes")] = (
        "239.192.0.0/16"
    )
    ttl: Annotated[int, between(1, 255, "a whole number")] = 1
    dscp: Annotated[int, between(0, 63, "a whole number")] = 0


class Security(Table):
    """[security]."""

    usernametoken: bool = True
    plain_http_login: Literal["never", "loopback", "always"] = "loopback"
    metrics: Literal["nobody", "loopback", "everybody"] = "loopback"


class Tls(Table):
    """[tls]: the certificate of every TLS door; both None: one of our own making."""

    certificate: Annotated[CertificateFile | None, BeforeValidator(certificate_file)] = None
    key: Annotated[KeyFile | None, BeforeValidator(key_file)] = None


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
    actions: Several[Annotated[Action, member(Action)]]


class UserConfig(Table):
    """[[user]]. Just one of password, password_file and password_hash is set; the latter for doors = ["web"] alone."""

    name: UserName
    password: Password | None = None
    password_of_file: PasswordOfFile | None = Field(default=None, alias="password_file")
    password_hash: PasswordHash | None = None
    role: Annotated[Role, member(Role)] = Role.VIEWER
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
    schedule: Several[Annotated[str, taken_from(str, values.parse_schedule, "a time of the week in quotes")]] = ()
    retention_ns: Retention | None = Field(default=None, alias="retention")
    retention_bytes: Size | None = None
    storage: StreamName = "default"
    driver: Literal["native", "aiortsp"] = "native"
    tls_ca: Annotated[CertificateFile | None, BeforeValidator(authorities)] = None
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
        return table | {"data": (reading(info).base / path_text(data)).absolute()} if isinstance(data, str) else table

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
