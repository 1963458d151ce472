"""How far behind live the picture is that is *shown*: for who joined at a key frame, and for who joined in mid-GOP.

A camera with a GOP of 10 s shows the time in its picture. Two players a protocol join through the bridge, one right
after a key frame and one in the middle of the GOP; ten seconds after its start each is asked what it shows. A late
joiner who is served the cached GOP under its true times shows the past for good; who is served none sees nothing until
the next key frame.

    ffmpeg     PyAV reads and decodes. Every picture is shown at its presentation time after the one before, never
               earlier: like a player that does not run faster than the clock to catch up.
    gstreamer  `rtspsrc latency=200` and a sink that is in step with its clock (sync=true).
"""

import contextlib
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av

from bench import measure, viewers
from bench.clock_camera import FRAME_RATE, HEIGHT, WIDTH
from bench.fanout import bridge
from bridge.sim.picture import read_clock

GOP_S = 10
WATCHED_S = 10.0
_LAST_S = 1.0
"""What is shown in the last second is what counts: its median, for one picture is up to a picture's length old."""
_PLAYER_LATENCY_S = 0.1
JOINS = {"at a key frame": 0.15, "in mid-GOP": GOP_S / 2, "at the end of a GOP": GOP_S - 0.5}
"""Seconds after a key frame."""


@dataclass
class Showing:
    """What one player showed: wall time of showing and the clock in the picture, both in milliseconds."""

    joined_ms: float
    pictures: list[tuple[float, int]] = field(default_factory=list)

    def behind_ms(self, at_s: float) -> float:
        """How far behind, `at_s` seconds after joining."""
        end = self.joined_ms + 1000 * at_s
        late = [shown - clock for shown, clock in self.pictures if end - 1000 * _LAST_S < shown <= end]
        if not late:
            raise RuntimeError(f"nothing was shown in the last second; {len(self.pictures)} pictures in all")
        return statistics.median(late)

    @property
    def first_ms(self) -> float:
        """From the start of the player to its first picture."""
        return self.pictures[0][0] - self.joined_ms


def by_ffmpeg(url: str, transport: str) -> Showing:
    """PyAV."""
    showing = Showing(1000 * time.time())
    due_s, previous = 0.0, None
    options = {"rtsp_transport": transport, "analyzeduration": "100000"}  # a second of probing would be a second behind
    with av.open(url, options=options, timeout=20) as container:
        for frame in container.decode(video=0):
            now_s = time.time()
            if previous is None:
                due_s = now_s + _PLAYER_LATENCY_S
            elif frame.pts is not None:
                due_s = max(now_s, due_s + float((frame.pts - previous) * frame.time_base))
            previous = frame.pts if frame.pts is not None else previous
            plane = frame.planes[0]
            clock = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
            if clock is not None:
                showing.pictures.append((1000 * due_s, clock))
            if 1000 * now_s > showing.joined_ms + 1000 * (WATCHED_S + 0.2):
                return showing
    return showing


def by_gstreamer(url: str, transport: str, user: str, password: str) -> Showing:
    """gst-launch-1.0, raw pictures on its standard output when they are due."""
    pipeline = (
        f"rtspsrc location={url} user-id={user} user-pw={password} protocols={transport} latency=200 "
        "! application/x-rtp,media=video ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1 sync=true"
    )
    showing = Showing(1000 * time.time())
    size = WIDTH * HEIGHT
    with subprocess.Popen(["gst-launch-1.0", "-q", *pipeline.split()], stdout=subprocess.PIPE) as player:
        if player.stdout is None:
            raise RuntimeError("the player has no output")
        while time.time() * 1000 < showing.joined_ms + 1000 * (WATCHED_S + 0.2):
            data = player.stdout.read(size)
            if len(data) < size:
                break
            clock = read_clock(data, WIDTH, WIDTH, HEIGHT)
            if clock is not None:
                showing.pictures.append((1000 * time.time(), clock))
        player.terminate()
    return showing


def players() -> dict[str, Callable[[viewers.Target, str], Showing]]:
    """Those that are installed."""
    found: dict[str, Callable[[viewers.Target, str], Showing]] = {
        "ffmpeg": lambda target, transport: by_ffmpeg(_with_login(target), transport)
    }
    if shutil.which("gst-launch-1.0"):
        found["gstreamer"] = lambda target, transport: by_gstreamer(target.url, transport, target.user, target.password)
    return found


def _with_login(target: viewers.Target) -> str:
    return target.url.replace("rtsp://", f"rtsp://{target.user}:{target.password}@")


@contextlib.contextmanager
def service() -> Iterator[viewers.Target]:
    """The bridge with the clock camera, once its hub holds a GOP."""
    with (
        measure.process([measure.python(), "-m", "bench.clock_camera", str(GOP_S)], ready="rtsp://") as (_, url),
        bridge(url) as (_, target),
    ):
        yield target


def key_frame_ms(target: viewers.Target) -> int:
    """UTC of the present GOP's key frame: who joins gets that first."""
    with av.open(_with_login(target), options={"rtsp_transport": "tcp"}, timeout=30) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            clock = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
            if clock is not None:
                return clock
    raise RuntimeError("no picture shows a clock")


def run(*, runs: int, transports: tuple[str, ...], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Medians over the runs, a row for each player and transport."""
    shown: dict[tuple[str, str, str], list[Showing]] = {}
    installed = players()
    with service() as target:
        for number in range(runs):
            for transport in transports:
                for (player, join), showing in _round(target, installed, transport).items():
                    shown.setdefault((player, transport, join), []).append(showing)
            late = {f"{p} {t} {j}": round(each[-1].behind_ms(WATCHED_S)) for (p, t, j), each in shown.items()}
            say(f"behind live, run {number + 1}: ms {late}")
    return [
        {"player": player, "transport": transport, "picture_ms": 1000 / FRAME_RATE}
        | {
            f"{what} {join}": measure.median([value(each) for each in shown[player, transport, join]])
            for join in JOINS
            for what, value in (
                ("behind_ms", lambda each: each.behind_ms(WATCHED_S)),
                ("first_ms", lambda each: each.first_ms),
            )
        }
        for player in installed
        for transport in transports
    ]


def _round(
    target: viewers.Target, installed: dict[str, Callable[[viewers.Target, str], Showing]], transport: str
) -> dict[tuple[str, str], Showing]:
    """Every player at every join of one GOP."""
    key_ms = key_frame_ms(target)
    while key_ms < 1000 * time.time():
        key_ms += 1000 * GOP_S
    found: dict[tuple[str, str], Showing] = {}

    def watch(player: str, join: str) -> None:
        time.sleep(max(0.0, (key_ms - 1000 * time.time()) / 1000 + JOINS[join]))
        found[player, join] = installed[player](target, transport)

    threads = [threading.Thread(target=watch, args=(player, join)) for player in installed for join in JOINS]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found
