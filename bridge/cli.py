"""The command `onb`: reads arguments, prints tables or JSON, and turns every error into one sentence.

Exit codes: 0 clean, 1 failed while running, 2 wrong usage or configuration. Data goes to standard output, everything
else to standard error. What a command needs is imported when it runs, so that the small ones start fast.
"""

import enum
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bridge import __version__
from bridge.base.errors import BridgeError

if TYPE_CHECKING:
    from bridge.system.config import Config
    from bridge.system.database import Database
    from bridge.system.stored_cameras import StoredCameras
    from bridge.system.users import Users

FAILED = 1
WRONG = 2
NOT_RUNNING = "the service is not running"
NO_CONFIG = (
    "{path}: there is no such file. Write one (docs/configuration.md explains it, docs/onb.example.toml is a start),"
    " name one with --config, or try `onb demo`, which needs none"
)


class LogFormat(enum.StrEnum):
    """--log-format."""

    TEXT = "text"
    JSON = "json"


class LogLevel(enum.StrEnum):
    """--log-level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app = typer.Typer(
    name="onb",
    help="Open Network Bridge: cameras of a video management system as one ONVIF device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
users_app = typer.Typer(help="Who may log in.", no_args_is_help=True)
cameras_app = typer.Typer(help="Which cameras are there, and how they are.", no_args_is_help=True)
app.add_typer(users_app, name="users")
app.add_typer(cameras_app, name="cameras")

ConfigFile = Annotated[
    Path, typer.Option("--config", envvar="ONB_CONFIG", metavar="FILE", help="The configuration file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Format = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
Level = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]
PasswordFile = Annotated[
    str, typer.Option("--password-file", metavar="FILE", help="Read the password from FILE, - for standard input.")
]
DEFAULT_CONFIG = Path("onb.toml")


def main() -> None:
    """The entry point `onb`."""
    app(prog_name="onb")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        _say(f"onb {__version__}")
        raise typer.Exit


@app.command()
def serve(
    config: ConfigFile = DEFAULT_CONFIG, log_format: Format = LogFormat.TEXT, log_level: Level = LogLevel.INFO
) -> None:
    """Run the service in the foreground; SIGHUP reloads the configuration, SIGTERM or Ctrl-C ends it."""
    with _errors_as_sentences():
        loaded = _load(config)
        _set_up_logs(log_format, log_level)
        from bridge.app import serve as serve_until_told

        code = serve_until_told(loaded, config)
    raise typer.Exit(code)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Keep data here; else they go.")] = None,
    ports: Annotated[str, typer.Option("--ports", metavar="onvif=18580,rtsp=18554,…", help="Ports of doors.")] = "",
    cameras: Annotated[int, typer.Option("--cameras", min=0, max=1000, help="How many cameras.")] = 4,
    bind: Annotated[list[str] | None, typer.Option("--bind", metavar="ADDRESS", help="Listen here; repeat.")] = None,
    config: Annotated[Path | None, typer.Option("--config", hidden=True, help="Not read: it is built in.")] = None,
    log_format: Format = LogFormat.TEXT,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Run the service with simulated cameras and a user with a random password, both printed."""
    with _errors_as_sentences():
        if config is not None:
            _note("demo: --config is not read, the demo brings its own configuration")
        wanted = parse_ports(ports)
        _set_up_logs(log_format, log_level)
        from bridge.app import demo as demonstrate

        code = demonstrate(data, wanted, cameras, bind or None)
    raise typer.Exit(code)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Validate the configuration and print every fault; exit 2 when there is one."""
    from bridge.system.config_checks import warnings
    from bridge.system.config_load import FaultyConfigurationError, load

    faults: list[dict[str, str]] = []
    lines: list[str] = []
    try:
        loaded = load(config)
    except FaultyConfigurationError as error:
        faults = [{"path": one.path, "value": one.value, "expected": one.expected} for one in error.faults]
        lines = [str(one) for one in error.faults]
    else:
        lines = [f"note: {line}" for line in warnings(loaded)]
    if as_json:
        notes = [] if faults else [line.removeprefix("note: ") for line in lines]
        _say(json.dumps({"faults": faults, "warnings": notes}, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            _say(line)
        if not faults:
            _say(f"{config}: no faults; cameras: {len(loaded.cameras)}, users: {len(loaded.users)}")
    if faults:
        raise typer.Exit(WRONG)


@users_app.command("list")
def users_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Users of the file and of the database, without passwords."""
    with _errors_as_sentences(), _users(_load(config), make=False) as users:
        rows: list[dict[str, object]] = [
            {
                "name": user.principal.name,
                "role": user.principal.role.value,
                "cameras": list(user.cameras),
                "doors": sorted(user.principal.doors),
                "fast_start": user.principal.fast_start,
                "source": user.source,
            }
            for user in users.list()
        ]
        problems = users.problems
    for problem in problems:
        _note(problem)
    _print_rows(rows, as_json, ("name", "role", "cameras", "doors", "source"))


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help="administrator, operator or viewer.")] = "viewer",
    camera: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Cameras; repeat. Default: *")] = None,
    door: Annotated[list[str] | None, typer.Option(help="onvif, rtsp, web or push; repeat. Default: all")] = None,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="'gate-*=live,ptz'", help="More than the role says; repeat.")
    ] = None,
    fast_start: Annotated[bool, typer.Option(help="Live starts from the current GOP.")] = True,
    password_file: PasswordFile = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add a user to the database. The password is asked for, or read from --password-file."""
    from bridge.base.time import SystemClock
    from bridge.system.config_load import read_user

    with _errors_as_sentences():
        loaded = _load(config)
        table: dict[str, object] = {
            "name": name,
            "role": role,
            "cameras": camera or ["*"],
            "doors": door or [],
            "grant": [_parse_grant(text) for text in grant or ()],
            "fast_start": fast_start,
        }
        read_user(table | {"password": "-"}, environ={})  # faults before anybody types a password
        password = _password(password_file)
        user = read_user(table | {"password": _literal(password)}, environ={})
        with _users(loaded) as users:
            users.add(user, SystemClock().utc_ns())
        _tell(loaded, "users-changed")


@users_app.command("remove")
def users_remove(name: str, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Remove a user from the database."""
    with _errors_as_sentences():
        loaded = _load(config)
        with _users(loaded) as users:
            users.remove(name)
        _tell(loaded, "users-changed")


@users_app.command("password")
def users_password(name: str, password_file: PasswordFile = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Set another password for a user of the database."""
    from bridge.base.time import SystemClock

    with _errors_as_sentences():
        loaded = _load(config)
        with _users(loaded) as users:
            users.set_password(name, _password(password_file), SystemClock().utc_ns())
        _tell(loaded, "users-changed")


@cameras_app.command("list")
def cameras_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """All cameras with their state, as the running service sees them."""
    from bridge.system.control import NotRunningError, ask

    with _errors_as_sentences():
        loaded = _load(config)
        try:
            cameras = ask(loaded.data, "cameras").get("cameras")
        except NotRunningError:
            cameras = _cameras_at_rest(loaded)
    if as_json:
        _say(json.dumps(cameras, ensure_ascii=False, indent=2))
        return
    rows = [
        {
            "id": camera["id"],
            "name": camera["name"],
            "state": camera["state"],
            "streams": ", ".join(_stream_in_words(stream) for stream in camera["streams"]),
            "reason": camera["reason"],
        }
        for camera in (cameras if isinstance(cameras, list) else [])
    ]
    _print_rows(rows, False, ("id", "name", "state", "streams", "reason"))


@cameras_app.command("add")
def cameras_add(
    camera_id: Annotated[str, typer.Argument(metavar="ID")],
    urls: Annotated[
        list[str], typer.Argument(metavar="URL...", help="Main stream first; - reads them from standard input.")
    ],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    transport: Annotated[str, typer.Option(help="tcp or udp.")] = "tcp",
    driver: Annotated[str, typer.Option(help="native or aiortsp.")] = "native",
    record: Annotated[str, typer.Option(help="always, motion or never.")] = "always",
    username: Annotated[str, typer.Option(help="Log-in at the camera, for addresses without one.")] = "",
    password_file: PasswordFile = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add a camera to the database by the RTSP addresses of its streams."""
    from bridge.base.time import SystemClock
    from bridge.system.config_load import read_camera

    with _errors_as_sentences():
        loaded = _load(config)
        if urls == ["-"]:
            urls = sys.stdin.read().split()
        elif any(":" in url.partition("://")[2].rpartition("@")[0] for url in urls):
            _note("the address stood in the process list with its password; give it as - on standard input instead")
        if username:
            login = _login(username, _password(password_file))
            urls = [_with_login(url, login) for url in urls]
        streams = [{"url": url, "transport": transport} for url in urls]
        table: dict[str, object] = {"id": camera_id, "driver": driver, "record": record, "stream": streams}
        if name:
            table["name"] = name
        read_camera(table, environ={})
        with _stored_cameras(loaded) as stored:
            stored.add(table, loaded.cameras, SystemClock().utc_ns())
        _tell(loaded, "cameras-changed")


@cameras_app.command("remove")
def cameras_remove(
    camera_id: Annotated[str, typer.Argument(metavar="ID")], config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Remove a camera from the database; its recordings stay."""
    with _errors_as_sentences():
        loaded = _load(config)
        with _stored_cameras(loaded) as stored:
            stored.remove(camera_id, loaded.cameras)
        _tell(loaded, "cameras-changed")


def parse_ports(text: str) -> dict[str, int]:
    """`onvif=18580,rtsp=18554` -> ports by door. Raises typer.BadParameter."""
    from bridge.system.config import DOORS

    ports: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        door, _, port = (piece.strip() for piece in part.partition("="))
        if door not in DOORS:
            raise typer.BadParameter(f"--ports: {door!r} is no door; doors are {', '.join(DOORS)}")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            raise typer.BadParameter(f"--ports: {door}={port}: expected a port from 0 to 65535")
        ports[door] = int(port)
    return ports


def _load(path: Path) -> "Config":
    """The configuration; faults end the command with exit code 2."""
    from bridge.system.config_load import load

    if not path.exists():
        _fail(NO_CONFIG.format(path=path), WRONG)
    return load(path)


def _set_up_logs(log_format: LogFormat, level: LogLevel) -> None:
    from bridge.base.time import SystemClock
    from bridge.system import logs

    logs.set_up(log_format=log_format.value, level=level.value, clock=SystemClock())


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    from bridge.base.errors import ConfigurationError

    try:
        yield
    except ConfigurationError as error:
        _fail(str(error), WRONG)
    except BridgeError as error:
        _fail(str(error), FAILED)
    except OSError as error:
        _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part), FAILED)


def _fail(sentence: str, code: int) -> NoReturn:
    for line in sentence.splitlines():
        typer.echo(f"onb: {line}", err=True)
    raise typer.Exit(code)


@contextmanager
def _database(config: "Config") -> "Iterator[Database]":
    from bridge.system.database import open_database

    database = open_database(config.data)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _users(config: "Config", *, make: bool = True) -> "Iterator[Users]":
    """make: whether the database is made where there is none (a list makes nothing)."""
    from bridge.system.database import DATABASE_FILE
    from bridge.system.secrets import open_vault
    from bridge.system.users import Users

    if not make and not (config.data / DATABASE_FILE).exists():
        yield Users(config.users, None, None)
        return
    with _database(config) as database:
        yield Users(config.users, database, open_vault(config.data))


@contextmanager
def _stored_cameras(config: "Config") -> "Iterator[StoredCameras]":
    from bridge.system.secrets import open_vault
    from bridge.system.stored_cameras import StoredCameras

    with _database(config) as database:
        yield StoredCameras(database, open_vault(config.data))


def _cameras_at_rest(config: "Config") -> list[dict[str, object]]:
    """What is known without the service: which cameras there are."""
    from bridge.system.control import describe_stream
    from bridge.system.database import DATABASE_FILE

    cameras = config.cameras
    if (config.data / DATABASE_FILE).exists():
        with _stored_cameras(config) as stored:
            together = stored.with_file(config.cameras)
        cameras = together.cameras
        for problem in together.problems:
            _note(problem)
    return [
        {
            "id": camera.id,
            "name": camera.name,
            "state": "unknown",
            "reason": NOT_RUNNING,
            "streams": [describe_stream(stream.name) for stream in camera.streams],
        }
        for camera in cameras
    ]


def _tell(config: "Config", do: str) -> None:
    """The running service takes the change over at once; without one it counts from the next start."""
    from bridge.system.control import ControlError, NotRunningError, ask

    try:
        ask(config.data, do)
    except NotRunningError:
        return
    except ControlError as error:
        _note(f"it is kept, but the running service has not taken it over: {error}")


def _password(source: str) -> str:
    """From a file, from standard input, or typed twice; never from an argument, which everybody can read in `ps`."""
    from bridge.system.config import read_password_file
    from bridge.system.config_values import ExpectedError

    if source == "-":
        password = sys.stdin.readline().rstrip("\r\n")
    elif source:
        try:
            password = read_password_file(Path(source))
        except ExpectedError as error:
            _fail(f"--password-file {source}: expected {error}", WRONG)
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        _fail("a password is needed: --password-file FILE, or - to read it from standard input", WRONG)
    if not password:
        _fail("the password is empty", WRONG)
    return str(password)


def _literal(password: str) -> str:
    """As a configuration holds it: `${NAME}` in a typed password is no variable."""
    return password.replace("${", "$${")


def _login(username: str, password: str) -> str:
    from urllib.parse import quote

    return f"{quote(username, safe='')}:{quote(password, safe='')}@"


def _with_login(url: str, login: str) -> str:
    scheme, separator, rest = url.partition("://")
    return url if "@" in rest else f"{scheme}{separator}{login}{rest}"


def _parse_grant(text: str) -> dict[str, list[str]]:
    cameras, separator, actions = text.rpartition("=")
    if not separator or not cameras or not actions:
        raise typer.BadParameter(f"--grant {text!r}: expected cameras=actions such as gate-*=live,ptz")
    return {"cameras": cameras.split(","), "actions": actions.split(",")}


def _stream_in_words(stream: dict[str, object]) -> str:
    size = f" {stream['width']}x{stream['height']}" if stream.get("width") else ""
    codec = f" {stream['codec']}" if stream.get("codec") else ""
    rate = f" {stream['fps']} fps" if stream.get("fps") else ""
    return f"{stream['name']}{codec}{size}{rate}"


def _print_rows(rows: Sequence[dict[str, object]], as_json: bool, columns: tuple[str, ...]) -> None:
    """JSON, a table for a terminal, or one line a row with tabs for pipes."""
    if as_json:
        _say(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    in_words: list[list[str]] = [[_cell(row[column]) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for cells in in_words:
            _say("\t".join(cells))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for cells in in_words:
        table.add_row(*map(Text, cells))
    Console().print(table)


def _cell(value: object) -> str:
    """In words, on one line: reasons may carry what a peer sent."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(one if one.isprintable() else " " for one in text)


def _say(text: str) -> None:
    typer.echo(text)


def _note(text: str) -> None:
    typer.echo(f"onb: note: {text}", err=True)


if __name__ == "__main__":
    main()
