"""Eight cameras in one process: real H.264 (and G.711 on the first), looped, over our own RTSP server.

`python -m tests.torture.cameras COUNT [PORT]` prints the port of rtsp://127.0.0.1:PORT/live/cam<N>/main, and ends with
its standard input. Every second camera has B-frames. They are not in step, as real ones are not.
"""

import secrets
import sys
from typing import Any

from bridge.app.doors import Door, open_door
from bridge.app.reactor import install
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, SystemClock
from bridge.media.hub import Hub, Run
from bridge.services.rtsp.server import Accounts, RtspServer
from bridge.system.access import Gatekeeper, Principal, Role
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState
from bridge.system.lockout import Lockout
from bridge.wire.payload import complete_track
from tests.wire import encoded

RATE = 25
GOP = 10
FRAMES = 100
USER = "torture"
PASSWORD = "torture"


class Loop:
    """One camera: pushes its pictures in decoding order at an even pace, for ever."""

    def __init__(self, hub: Hub, number: int) -> None:
        pictures = encoded.pictures("libx264", 160, 120, frames=FRAMES, b_frames=2 if number % 2 else 0)
        self._pictures = pictures
        tracks = [complete_track(Track(Codec.H264, 90_000), pictures[0].parts)]
        if number == 0:
            tracks.append(Track(Codec.PCMU, 8000))
        self._sound = number == 0
        self._run: Run = hub.begin_run(tracks)
        self._sent = 0

    def push(self, now: int) -> None:
        """The next picture, and 40 ms of sound."""
        turn, index = divmod(self._sent, len(self._pictures))
        picture = self._pictures[index]
        shown = turn * len(self._pictures) + picture.pts
        self._run.push(0, (shown + 10) * 90_000 // RATE, tuple(picture.parts), picture.key, False, now)
        if self._sound:
            for half in range(2):
                place = 2 * self._sent + half
                self._run.push(1, (place + 20) * 160, (bytes([place % 250]) * 160,), True, False, now)
        self._sent += 1


def main() -> None:
    """Until standard input ends."""
    reactor: Any = install()
    clock = SystemClock()
    count, port = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    catalogue = Catalogue()
    hubs = [Hub(f"cam{number}/main", clock) for number in range(count)]
    catalogue.replace(
        Camera(f"cam{number}", f"Camera {number}", (LiveStream("main", hub, StreamState.UP),))
        for number, hub in enumerate(hubs)
    )
    viewer = Principal.with_role(USER, Role.VIEWER, fast_start=False)
    accounts = Accounts({USER: viewer}.get, {USER: PASSWORD}.get, Lockout(1000, NS_PER_S))
    server = RtspServer(
        *(reactor, clock, catalogue, Gatekeeper(), accounts, lambda *_, **__: None, secrets.token_bytes),
        hosts=("127.0.0.1",),
    )
    door = open_door(reactor, Door("cameras", port, ("127.0.0.1",), server))
    server.start()
    loops = [Loop(hub, number) for number, hub in enumerate(hubs)]
    begin = clock.monotonic_ns()

    def tick(number: int, sent: int) -> None:
        loops[number].push(clock.monotonic_ns())
        due_ns = begin + (sent + 1) * NS_PER_S // RATE + number * NS_PER_S // RATE // count
        reactor.callLater(max(0, due_ns - clock.monotonic_ns()) / NS_PER_S, tick, number, sent + 1)

    for number in range(count):
        reactor.callLater(0, tick, number, 0)
    reactor.callInThread(lambda: (sys.stdin.read(), reactor.callFromThread(reactor.stop)))
    sys.stdout.write(f"{door.port}\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main()
