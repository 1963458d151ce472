"""A camera whose pictures show the time, in long GOPs: `python -m bench.clock_camera GOP_SECONDS`.

It is a simulated camera of `onb demo` behind the bridge's own RTSP server, without log-in. Prints its URL when it
listens.
"""

import secrets
import sys

from bridge.app.doors import Door, open_door
from bridge.app.reactor import install
from bridge.base.time import SystemClock
from bridge.services.rtsp.server import Accounts, RtspServer
from bridge.sim.cameras import SimulatedCameras
from bridge.sim.scenes import Scene
from bridge.system.access import Gatekeeper, Principal, Role
from bridge.system.lockout import Lockout

WIDTH, HEIGHT, FRAME_RATE = 640, 360, 24


def main(gop_seconds: str) -> None:
    """Runs until it is ended."""
    reactor, clock = install(), SystemClock()
    scene = Scene(
        "Clock",
        60,
        width=WIDTH,
        height=HEIGHT,
        frame_rate=FRAME_RATE,
        gop=int(gop_seconds) * FRAME_RATE,
        bitrate_bps=1_000_000,
    )
    cameras = SimulatedCameras(reactor, clock, [scene])
    accounts = Accounts(lambda _: None, lambda _: None, Lockout(10, 1), anonymous=Principal.with_role("a", Role.VIEWER))
    server = RtspServer(
        reactor,
        clock,
        cameras.catalogue,
        Gatekeeper(),
        accounts,
        lambda *_: None,
        secrets.token_bytes,
        hosts=("127.0.0.1",),
    )

    door = open_door(reactor, Door("clock camera", 0, ("127.0.0.1",), server))

    def start() -> None:
        server.start()
        cameras.start()
        print(f"rtsp://127.0.0.1:{door.port}/live/clock", flush=True)

    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", cameras.stop)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
