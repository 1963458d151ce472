"""`onb demo`: the whole service on embedded defaults, with simulated cameras and a user with a random password.

The simulated cameras are served by a second instance of our RTSP server on the loopback address, and the service pulls
them from there with a log-in, as it pulls real ones.
"""

import contextlib
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.app.doors import Door, may_bind_low_ports, open_door
from bridge.app.reactor import install
from bridge.app.running import run
from bridge.base.time import SystemClock
from bridge.services.rtsp.server import Accounts, RtspServer
from bridge.sim.cameras import STREAM_NAMES, SimulatedCameras
from bridge.sim.scenes import scenes
from bridge.system.access import Gatekeeper, Principal, Role
from bridge.system.config import Config
from bridge.system.config_load import read
from bridge.system.lockout import Lockout

USER = "demo"
DEFAULT_PORTS = {"onvif": 580, "rtsp": 554, "rtsps": 322, "http": 8081, "https": 8082}
UNPRIVILEGED_OFFSET = 8000
_LOOPBACK = "127.0.0.1"
_SIM_USER = "sim"


def demo(
    data: Path | None,
    ports: Mapping[str, int],
    cameras: int,
    bind: Sequence[str] | None,
    *,
    gap: bool = True,
    small: bool = False,
) -> int:
    """Runs until SIGTERM or SIGINT; the exit code.

    gap:   one camera is silent for a few seconds, so that there is a gap to be seen in its recording
    small: pictures of half the width and height
    data:  kept there; None: in a temporary folder that goes at the end
    ports: by door; those that are not named have their default, moved up by 8000 where low ports may not be bound
    """
    with contextlib.ExitStack() as kept:
        folder = data or Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="onb-demo-")))
        addresses = list(bind) if bind else ["0.0.0.0", "::"]  # noqa: S104 - a demo is meant to be looked at from elsewhere
        chosen = _ports(ports, addresses)
        reactor = install()
        password, camera_password = secrets.token_urlsafe(9), secrets.token_urlsafe(12)
        simulated = SimulatedCameras(reactor, SystemClock(), scenes(cameras, gap=gap, small=small))
        server = _camera_server(reactor, simulated, camera_password)
        door = open_door(reactor, Door("simulated cameras", 0, (_LOOPBACK,), server))
        config = _config(folder, chosen, addresses, simulated, password, camera_password, door.port)

        def begin() -> None:
            server.start()
            simulated.start()
            _tell(chosen, password)

        return run(
            config, None, reactor, also=begin, at_end=simulated.stop, more_ready={"user": USER, "password": password}
        )


def _ports(asked: Mapping[str, int], addresses: Sequence[str]) -> dict[str, int]:
    low_allowed = may_bind_low_ports(addresses)
    chosen = {
        name: port if low_allowed or port >= 1024 else port + UNPRIVILEGED_OFFSET
        for name, port in DEFAULT_PORTS.items()
    }
    if not asked and not low_allowed:
        _note(
            "ports under 1024 may not be opened by this user, so 8000 is added to them: "
            + ", ".join(f"{name} {port}" for name, port in chosen.items())
        )
    return chosen | dict(asked)


def _camera_server(reactor: Any, simulated: SimulatedCameras, password: str) -> RtspServer:
    """Our own RTSP server over the simulated cameras, for one user, who may also talk to them."""
    user = Principal.with_role(_SIM_USER, Role.OPERATOR)
    accounts = Accounts({_SIM_USER: user}.get, {_SIM_USER: password}.get, Lockout(10, 1_000_000_000))
    return RtspServer(
        reactor,
        SystemClock(),
        simulated.catalogue,
        Gatekeeper(),
        accounts,
        _no_audit,
        secrets.token_bytes,
        hosts=(_LOOPBACK,),
    )


def _no_audit(principal: str, action: str, object: str, outcome: str, peer: str, utc_ns: int) -> None:  # noqa: A002 - as Audit has it
    """What the simulated cameras are asked is no one's business but the demo's own."""


def _config(
    folder: Path,
    ports: Mapping[str, int],
    addresses: Sequence[str],
    simulated: SimulatedCameras,
    password: str,
    camera_password: str,
    camera_port: int,
) -> Config:
    def url(camera_id: str, stream: str) -> str:
        return f"rtsp://{_SIM_USER}:{camera_password}@{_LOOPBACK}:{camera_port}/live/{camera_id}/{stream}"

    return read(
        {
            "data": str(folder.absolute()),
            "bind": list(addresses),
            "ports": dict(ports),
            "user": [{"name": USER, "password": password, "role": "administrator"}],
            "camera": [
                {
                    "id": camera.id,
                    "name": camera.name,
                    "talk": camera.talk is not None,
                    "stream": [{"name": name, "url": url(camera.id, name)} for name in STREAM_NAMES],
                }
                for camera in simulated.catalogue.cameras()
            ],
        },
        environ={},
    )


def _tell(ports: Mapping[str, int], password: str) -> None:
    """For people, on standard error; programs read the ready line."""
    lines = [
        "Open Network Bridge demo: simulated cameras, live and recorded.",
        f"  user {USER}, password {password}",
        *(f"  {text}" for text in _addresses(ports)),
        "  Ctrl-C ends it.",
    ]
    for line in lines:
        _note(line)


def _addresses(ports: Mapping[str, int]) -> Iterator[str]:
    if ports.get("onvif"):
        yield f"ONVIF    http://127.0.0.1:{ports['onvif']}/onvif/device_service"
    if ports.get("rtsp"):
        yield f"RTSP     rtsp://127.0.0.1:{ports['rtsp']}/live/entrance"
    if ports.get("rtsps"):
        yield f"RTSPS    rtsps://127.0.0.1:{ports['rtsps']}/live/entrance"
    if ports.get("http"):
        yield f"metrics  http://127.0.0.1:{ports['http']}/metrics"


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
