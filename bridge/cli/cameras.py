"""`onb cameras`: which cameras are there, and how they are."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.opened import load_config, open_config_database, open_stored_cameras, tell_service
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    NOT_RUNNING,
    AsJson,
    ConfigFile,
    PasswordFile,
    errors_as_sentences,
    note,
    print_rows,
    read_password,
    say,
)

if TYPE_CHECKING:
    from bridge.system.config import Config

cameras_app = typer.Typer(help="Which cameras are there, and how they are.", no_args_is_help=True)


@cameras_app.command("list")
def cameras_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """All cameras with their state, as the running service sees them."""
    from bridge.system.control import NotRunningError, ask

    with errors_as_sentences():
        loaded = load_config(config)
        try:
            cameras = ask(loaded.data, "cameras").get("cameras")
        except NotRunningError:
            cameras = _cameras_at_rest(loaded)
    if as_json:
        say(json.dumps(cameras, ensure_ascii=False, indent=2))
        return
    rows = [
        {
            "id": camera["id"],
            "name": camera["name"],
            "state": camera["state"],
            "recording": _recording_in_words(camera["streams"]),
            "streams": ", ".join(_stream_in_words(stream) for stream in camera["streams"]),
            "reason": camera["reason"],
            "certificate": ", ".join(_certificate_in_words(one) for one in camera.get("certificates", ())),
        }
        for camera in (cameras if isinstance(cameras, list) else [])
    ]
    # Most cameras have none: then there is no column for them.
    shown = ("certificate",) if any(row["certificate"] for row in rows) else ()
    print_rows(rows, False, ("id", "name", "state", "recording", "streams", "reason", *shown))


@cameras_app.command("add")
def cameras_add(
    camera_id: Annotated[str, typer.Argument(metavar="ID")],
    urls: Annotated[
        list[str], typer.Argument(metavar="URL...", help="Main stream first; - reads them from standard input.")
    ],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    transport: Annotated[str, typer.Option(help="tcp, udp, multicast or http (RTSP through HTTP).")] = "tcp",
    driver: Annotated[str, typer.Option(help="native or aiortsp.")] = "native",
    record: Annotated[str, typer.Option(help="always, motion or never.")] = "always",
    username: Annotated[str, typer.Option(help="Log-in at the camera, for addresses without one.")] = "",
    password_file: PasswordFile = "",
    device_port: Annotated[int, typer.Option(help="A virtual ONVIF device of its own on this port.")] = 0,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add a camera to the database by the RTSP addresses of its streams."""
    from bridge.base.time import SystemClock
    from bridge.system.config_load import read_camera

    with errors_as_sentences():
        loaded = load_config(config)
        if urls == ["-"]:
            urls = sys.stdin.read().split()
        elif any(":" in url.partition("://")[2].rpartition("@")[0] for url in urls):
            note("the address stood in the process list with its password; give it as - on standard input instead")
        if username:
            login = _login(username, read_password(password_file))
            urls = [_with_login(url, login) for url in urls]
        streams = [{"url": url, "transport": transport} for url in urls]
        table: dict[str, object] = {"id": camera_id, "driver": driver, "record": record, "stream": streams}
        if name:
            table["name"] = name
        if device_port:
            table["device_port"] = device_port
        read_camera(table, environ={})
        with open_stored_cameras(loaded) as stored:
            stored.add(table, loaded.cameras, SystemClock().utc_ns())
        tell_service(loaded, "cameras-changed")


@cameras_app.command("remove")
def cameras_remove(
    camera_id: Annotated[str, typer.Argument(metavar="ID")], config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Remove a camera from the database; its recordings stay."""
    from bridge.system.camera_trust import CameraTrust

    with errors_as_sentences():
        loaded = load_config(config)
        with open_stored_cameras(loaded) as stored:
            stored.remove(camera_id, loaded.cameras)
        with open_config_database(loaded) as database:
            CameraTrust(database).forget(camera_id)
        tell_service(loaded, "cameras-changed")


@cameras_app.command("trust")
def cameras_trust(
    camera_id: Annotated[str, typer.Argument(metavar="ID")],
    forget: Annotated[
        bool, typer.Option("--forget", help="Trust whatever it shows next, instead of what it showed last.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Trust the certificate that a camera over rtsps:// shows now, instead of the one that it showed first."""
    from bridge.base.time import SystemClock
    from bridge.system.camera_trust import CameraTrust

    with errors_as_sentences():
        loaded = load_config(config)
        with open_config_database(loaded) as database:
            trust = CameraTrust(database)
            if forget:
                note(f"certificates forgotten: {trust.forget(camera_id)}")
            else:
                for one in trust.accept(camera_id, SystemClock().utc_ns()):
                    note(f"{one.address}: trusted from now on: SHA-256 {one.sha256}")
        tell_service(loaded, "trust-changed")


def _cameras_at_rest(config: "Config") -> list[dict[str, object]]:
    """What is known without the service: which cameras there are."""
    from bridge.system.camera_trust import CameraTrust, TrustedCertificate
    from bridge.system.control import describe_certificates, describe_stream
    from bridge.system.database import is_there

    cameras = config.cameras
    trusted: Mapping[str, list[TrustedCertificate]] = {}
    if is_there(config.data, config.database.get_secret_value()):
        with open_stored_cameras(config) as stored:
            together = stored.with_file(config.cameras)
        with open_config_database(config) as database:
            trusted = CameraTrust(database).listed()
        cameras = together.cameras
        for problem in together.problems:
            note(problem)
    return [
        {
            "id": camera.id,
            "name": camera.name,
            "state": "unknown",
            "reason": NOT_RUNNING,
            "streams": [describe_stream(stream.name) for stream in camera.streams],
        }
        | describe_certificates(trusted.get(camera.id, ()))
        for camera in cameras
    ]


def _login(username: str, password: str) -> str:
    from urllib.parse import quote

    return f"{quote(username, safe='')}:{quote(password, safe='')}@"


def _with_login(url: str, login: str) -> str:
    scheme, separator, rest = url.partition("://")
    return url if "@" in rest else f"{scheme}{separator}{login}{rest}"


def _recording_in_words(streams: list[dict[str, object]]) -> str:
    """How recording goes; with the reason where it does not."""
    states = [
        (stream.get("recording"), stream.get("recording_reason")) for stream in streams if stream.get("recording")
    ]
    return ", ".join(str(state) if state == "recording" else f"{state}: {reason}" for state, reason in states)


def _certificate_in_words(certificate: dict[str, object]) -> str:
    """SHA-256 of what is trusted; whole, as it is for comparing."""
    offered = f", shows {certificate['offered']}" if certificate["offered"] else ""
    return f"{certificate['address']} {certificate['sha256']}{offered}"


def _stream_in_words(stream: dict[str, object]) -> str:
    size = f" {stream['width']}x{stream['height']}" if stream.get("width") else ""
    codec = f" {stream['codec']}" if stream.get("codec") else ""
    rate = f" {stream['fps']} fps" if stream.get("fps") else ""
    return f"{stream['name']}{codec}{size}{rate}"
