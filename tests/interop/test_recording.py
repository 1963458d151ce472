"""The demo is recorded: what lies on disk is what its cameras showed, and when; it is listed, checked and taken away.

The picture carries a clock that programs read, so that a recording's times are held against what was filmed.
"""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from bridge.base.time import NS_PER_MS, format_utc, parse_utc
from bridge.sim.picture import read_clock
from bridge.sim.scenes import SILENCE_S, scenes
from tests.interop.conftest import EARLY_MS, LATE_MS, free_ports, needs, running

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

RECORDED_S = 34
"""Harbour is silent from its second 20 on for 6 s."""


@dataclass
class Recorded:
    """What a demo left behind. began: when it had come up."""

    config: Path
    data: Path
    began_s: float
    while_running: list[dict[str, Any]]
    cameras: dict[str, dict[str, Any]]
    metrics: str

    @property
    def segments(self) -> list[Path]:
        return sorted((self.data / "recordings").glob("*/*/*.mp4"))

    def onb(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "bridge.cli", *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    data, config = folder / "data", folder / "onb.toml"
    config.write_text(f'data = "{data}"\n')
    ports = ",".join(f"{name}={port}" for name, port in zip(("onvif", "rtsp", "http"), free_ports(3), strict=True))
    arguments = ["demo", "--small", "--data", str(data), "--ports", f"{ports},rtsps=0,https=0", "--bind", "127.0.0.1"]
    result = Recorded(config, data, 0, [], {}, "")
    with running(arguments, folder, data=data) as service:
        service.wait_until_up()
        result.began_s = time.time()
        time.sleep(RECORDED_S)
        result.while_running = json.loads(result.onb("recordings", "list", "--json").stdout)
        result.cameras = service.cameras()
        result.metrics = service.metrics()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
    return result


def listed(recorded: Recorded) -> dict[str, dict[str, Any]]:
    return {row["camera"]: row for row in json.loads(recorded.onb("recordings", "list", "--json").stdout)}


def test_every_camera_is_recorded_and_one_has_a_gap(recorded: Recorded) -> None:
    rows = listed(recorded)
    assert list(rows) == [scene.camera_id for scene in scenes(4)]
    for camera, row in rows.items():
        assert row["recording"] == f"rec-{camera}.main"
        lasts_s = (parse_utc(row["until"]) - parse_utc(row["from"])) / 1e9
        assert lasts_s >= RECORDED_S
        assert row["bytes"] > 500_000
        if camera == "harbour":
            (gap,) = row["gaps"]
            gap_s = (parse_utc(gap["until"]) - parse_utc(gap["from"])) / 1e9
            assert SILENCE_S - 1 <= gap_s <= SILENCE_S + 3  # a GOP of two seconds
        else:
            assert row["gaps"] == []


def test_the_running_service_lists_up_to_now_and_says_how_it_is(recorded: Recorded) -> None:
    rows = {row["camera"]: row for row in recorded.while_running}
    at_rest = listed(recorded)
    for camera, row in at_rest.items():
        missing_s = (parse_utc(row["until"]) - parse_utc(rows[camera]["until"])) / 1e9
        assert 0 <= missing_s < 5
    for camera in recorded.cameras.values():
        assert [stream["recording"] for stream in camera["streams"]] == ["recording", None]
    assert 'onb_recording_state{camera="entrance",state="recording",stream="main"} 1.0' in recorded.metrics
    assert 'onb_recording_lost_units_total{camera="entrance",stream="main"} 0.0' in recorded.metrics
    assert 'onb_storage_state{state="ok",storage="default"} 1.0' in recorded.metrics


def test_check_finds_nothing_and_reindex_loses_nothing(recorded: Recorded) -> None:
    for options in ([], ["--digests"]):
        found = recorded.onb("recordings", "check", *options)
        assert found.returncode == 0, found.stdout + found.stderr
    before = recorded.onb("recordings", "list", "--json").stdout
    assert recorded.onb("recordings", "reindex").returncode == 0
    assert recorded.onb("recordings", "list", "--json").stdout == before
    assert recorded.onb("recordings", "check", "--digests").returncode == 0


def clocks(path: Path) -> list[tuple[float, int]]:
    """Of every picture: when a player shows it (seconds), and the clock in it (UTC milliseconds)."""
    shown = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            clock = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
            assert clock is not None
            shown.append((float(frame.time or 0), clock))
    return shown


def test_every_segment_plays_as_it_lies(recorded: Recorded) -> None:
    assert len(recorded.segments) >= 5  # Harbour's gap made two of one
    for path in recorded.segments:
        shown = clocks(path)
        assert shown[0][0] < 0.5
        for (time_s, clock), (next_s, next_clock) in itertools.pairwise(shown):
            assert (next_s - time_s) * 1000 == pytest.approx(next_clock - clock, abs=120)


def test_gstreamer_plays_every_segment(recorded: Recorded) -> None:
    gst = needs("gst-launch-1.0")
    for path in recorded.segments:
        with av.open(str(path)) as container:
            has_sound = bool(container.streams.audio) and container.streams.audio[0].codec_context.name == "aac"
        pipeline = f"filesrc location={path} ! qtdemux name=d d.video_0 ! queue ! decodebin ! fakesink"
        if has_sound:
            pipeline += " d.audio_0 ! queue ! decodebin ! fakesink"
        player = subprocess.Popen([gst, "-q", *pipeline.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watch = threading.Timer(60, player.kill)
        watch.start()
        _, errors = player.communicate()
        watch.cancel()
        assert (player.returncode, errors) == (0, b""), f"{path}: {errors.decode()}"


@pytest.mark.parametrize(("camera", "form"), [("entrance", ()), ("car-park", ()), ("entrance", ("--plain",))])
def test_an_export_shows_what_was_filmed_then(
    recorded: Recorded, camera: str, form: tuple[str, ...], tmp_path: Path
) -> None:
    begin_ns = parse_utc(listed(recorded)[camera]["from"])
    from_ns, until_ns = begin_ns + 5_300 * NS_PER_MS, begin_ns + 15_300 * NS_PER_MS
    out = tmp_path / "out.mp4"
    times = ("--from", format_utc(from_ns), "--until", format_utc(until_ns), *form)
    exported = recorded.onb("recordings", "export", "--camera", camera, *times, str(out), "--json")
    # The first of all signed exports tells of the certificate.
    told = [line for line in exported.stderr.splitlines() if "made a certificate for exports" not in line]
    assert (exported.returncode, told) == (0, [])
    shown = clocks(out)
    assert shown[0][0] == pytest.approx(0, abs=0.01)
    # An overloaded machine's cameras leave pictures out: the end is no further away than other pictures are.
    pause_s = max(after[0] - before[0] for before, after in itertools.pairwise(shown))
    assert 10 - max(0.2, pause_s) <= shown[-1][0] < 10
    # It begins with the first picture from then on, and where the cameras leave pictures out that is not at once.
    begins_ns = parse_utc(json.loads(exported.stdout)["from"])
    assert 0 <= begins_ns - from_ns <= max(0.2, pause_s) * 1e9
    for time_s, clock in shown[:: len(shown) // 10]:
        late_ms = begins_ns / 1e6 + time_s * 1000 - clock
        assert -EARLY_MS <= late_ms <= LATE_MS
    again = recorded.onb("recordings", "export", "--camera", camera, *times, str(out))
    assert (again.returncode, again.stderr) == (2, f"onb: {out} is there already; name another file\n")
    verified = recorded.onb("recordings", "verify", str(out))
    assert verified.returncode == (1 if form else 0)
    assert "signer unknown" in verified.stdout or form


@pytest.mark.parametrize("form", [(), ("--plain",)])
def test_an_export_over_a_gap_says_so(recorded: Recorded, form: tuple[str, ...], tmp_path: Path) -> None:
    row = listed(recorded)["harbour"]
    (gap,) = row["gaps"]
    since_ns, until_ns = parse_utc(gap["from"]), parse_utc(gap["until"])
    out = tmp_path / "out.mp4"
    times = ("--from", format_utc(since_ns - 5_000 * NS_PER_MS), "--until", format_utc(until_ns + 3_000 * NS_PER_MS))
    exported = recorded.onb("recordings", "export", "--camera", "harbour", *times, *form, str(out))
    assert exported.returncode == 0
    assert f"nothing was recorded from {gap['from']} until {gap['until']}" in exported.stderr
    assert ("it is left out" in exported.stderr) is bool(form)
    shown = clocks(out)
    # Left out, or a picture that stands still for as long.
    still_s = 0 if form else (until_ns - since_ns) / 1e9
    assert shown[-1][0] == pytest.approx(8 + still_s, abs=0.5)
    jumps = [after[1] - before[1] for before, after in itertools.pairwise(shown)]
    assert sum(jump > 1000 for jump in jumps) == 1
