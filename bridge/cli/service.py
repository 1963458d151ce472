"""The root of `onb`, and the commands that run or check the service."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bridge import __version__
from bridge.cli.cameras import cameras_app
from bridge.cli.certificates import certificates_app
from bridge.cli.opened import load_config, set_up_logs
from bridge.cli.recordings import recordings_app
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    WRONG,
    AsJson,
    ConfigFile,
    Format,
    Level,
    LogFormat,
    LogLevel,
    errors_as_sentences,
    note,
    say,
)
from bridge.cli.users import users_app

app = typer.Typer(
    name="onb",
    help="Open Network Bridge: cameras of a video management system as one ONVIF device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(users_app, name="users")
app.add_typer(cameras_app, name="cameras")
app.add_typer(recordings_app, name="recordings")
app.add_typer(certificates_app, name="certificates")


def main() -> None:
    """The entry point `onb`."""
    app(prog_name="onb")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        say(f"onb {__version__}")
        raise typer.Exit


@app.command()
def serve(
    config: ConfigFile = DEFAULT_CONFIG, log_format: Format = LogFormat.TEXT, log_level: Level = LogLevel.INFO
) -> None:
    """Run the service in the foreground; SIGHUP reloads the configuration, SIGTERM or Ctrl-C ends it."""
    with errors_as_sentences():
        loaded = load_config(config)
        set_up_logs(log_format, log_level)
        from bridge.app import serve as serve_until_told

        code = serve_until_told(loaded, config)
    raise typer.Exit(code)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Keep data here; else they go.")] = None,
    ports: Annotated[str, typer.Option("--ports", metavar="onvif=18580,rtsp=18554,…", help="Ports of doors.")] = "",
    cameras: Annotated[int, typer.Option("--cameras", min=0, max=1000, help="How many cameras.")] = 4,
    bind: Annotated[list[str] | None, typer.Option("--bind", metavar="ADDRESS", help="Listen here; repeat.")] = None,
    gap: Annotated[bool, typer.Option(help="One camera is silent for 6 s after 20 s: a gap in its recording.")] = True,
    small: Annotated[bool, typer.Option("--small", help="Small pictures, for a machine with little to spare.")] = False,
    config: Annotated[Path | None, typer.Option("--config", hidden=True, help="Not read: it is built in.")] = None,
    log_format: Format = LogFormat.TEXT,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Run the service with simulated cameras and a user with a random password, both printed."""
    with errors_as_sentences():
        if config is not None:
            note("demo: --config is not read, the demo brings its own configuration")
        wanted = parse_ports(ports)
        set_up_logs(log_format, log_level)
        from bridge.app import demo as demonstrate

        code = demonstrate(data, wanted, cameras, bind or None, gap=gap, small=small)
    raise typer.Exit(code)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Validate the configuration and print every fault; exit 2 when there is one."""
    from bridge.base.time import SystemClock
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
        lines = [f"note: {line}" for line in warnings(loaded, SystemClock().utc_ns())]
    if as_json:
        notes = [] if faults else [line.removeprefix("note: ") for line in lines]
        say(json.dumps({"faults": faults, "warnings": notes}, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            say(line)
        if not faults:
            say(f"{config}: no faults; cameras: {len(loaded.cameras)}, users: {len(loaded.users)}")
    if faults:
        raise typer.Exit(WRONG)


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
