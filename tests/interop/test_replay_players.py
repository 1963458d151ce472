"""The demo's recordings are played while they are made: by FFmpeg, by GStreamer, and as an ONVIF client asks.

The picture carries a clock that programs read, so that what is played is held against what was filmed.
"""

import datetime as dt
import itertools
import subprocess
import threading
import time

import av
import pytest

from bridge.sim.picture import read_clock
from bridge.sim.scenes import scenes
from tests.interop.conftest import Service, eventually, needs, onb_recordings
from tests.interop.replay_client import ReplayClient, Unit

pytestmark = pytest.mark.interop

ENTRANCE = scenes(1, small=True)[0]

RECORDED_S = 10
"""Of each recording, before anything is played."""


@pytest.fixture(scope="module")
def recorded(demo: Service) -> Service:
    """The demo, when there is something to play."""
    eventually(lambda: all(length_s(demo, camera) > RECORDED_S for camera in demo.cameras()), what="recordings")
    return demo


def length_s(demo: Service, camera: str) -> float:
    rows = [row for row in onb_recordings(demo) if row["camera"] == camera]
    return seconds(rows[0]["until"]) - seconds(rows[0]["from"]) if rows else 0


def seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def clock(utc_s: float) -> str:
    return f"clock={dt.datetime.fromtimestamp(utc_s, dt.UTC):%Y%m%dT%H%M%S.%fZ}-"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("camera", ["entrance", "car-park"])
def test_ffmpeg_plays_a_recording_from_its_start(recorded: Service, camera: str, transport: str) -> None:
    options = {"rtsp_transport": transport, "timeout": "10000000"}
    shown: list[tuple[float, int]] = []
    with av.open(recorded.rtsp_url(f"/recordings/{camera}"), options=options, timeout=20) as container:
        for frame in container.decode(video=0):
            plane = frame.reformat(format="gray").planes[0]
            filmed_ms = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
            if frame.time is not None and filmed_ms is not None:
                shown.append((frame.time * 1000, filmed_ms))
            if len(shown) >= 40:
                break
    steps = [
        (next_ms - shown_ms, next_filmed_ms - filmed_ms)
        for (shown_ms, filmed_ms), (next_ms, next_filmed_ms) in itertools.pairwise(shown)
        if next_filmed_ms - filmed_ms < 900  # else the camera of a busy machine has left a gap, which is skipped
    ]
    # The simulated camera may draw a picture late, by up to its interval. With sound FFmpeg takes its time from sender
    # reports, and steps by what a run's first capture times were wrong.
    odd = [step for step in steps if step[0] != pytest.approx(step[1], abs=250)]
    assert len(odd) <= 2, odd
    assert len(steps) > 10
    began_ms = seconds(next(row for row in onb_recordings(recorded) if row["camera"] == camera)["from"]) * 1000
    assert shown[0][1] - began_ms < 3000


def test_gstreamer_plays_a_recording(recorded: Service) -> None:
    """rtspsrc as it plays any server: no ONVIF, in step with its clock."""
    location = f"location={recorded.ready['rtsp']}/recordings/rec-entrance.main protocols=tcp"
    login = f"user-id={recorded.ready['user']} user-pw={recorded.ready['password']}"
    pipeline = (
        f"rtspsrc {location} {login} name=source source. ! application/x-rtp,media=video ! decodebin"
        " ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1 sync=true"
    )
    assert played(pipeline) > 30


def test_gstreamer_plays_as_an_onvif_client_and_sees_capture_times(recorded: Service) -> None:
    """onvif-mode: Require, Rate-Control, and a parser that takes the time of each picture from the extension.

    With is-live=false rtspsrc 1.22 breaks on any server's first packet, ours for live video too.
    """
    location = f"location={recorded.ready['rtsp']}/recordings/rec-entrance.main protocols=tcp"
    login = f"user-id={recorded.ready['user']} user-pw={recorded.ready['password']}"
    pipeline = (
        f"rtspsrc {location} {login} onvif-mode=true onvif-rate-control=false name=source"
        " source. ! application/x-rtp,media=video ! rtponvifparse ! rtph264depay ! h264parse ! avdec_h264"
        " ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1 sync=false"
    )
    assert played(pipeline) > 30


def played(pipeline: str, wanted: int = 40) -> int:
    """Pictures that came out of a pipeline; it is ended after `wanted`."""
    player = subprocess.Popen(
        [needs("gst-launch-1.0"), "-q", *pipeline.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = threading.Timer(40, player.kill)
    watch.start()
    assert player.stdout is not None
    count, size = 0, ENTRANCE.width * ENTRANCE.height
    while count < wanted and len(player.stdout.read(size)) == size:
        count += 1
    player.kill()
    _, errors = player.communicate()
    watch.cancel()
    if not count:
        pytest.fail(errors.decode())
    return count


def client(recorded: Service, path: str = "/recordings/rec-entrance.main") -> ReplayClient:
    return ReplayClient(str(recorded.ready["rtsp"]) + path, recorded.ready["user"], recorded.ready["password"]).open()


def wait_for(viewer: ReplayClient, count: int) -> list[Unit]:
    eventually(lambda: len(viewer.video) >= count, what=f"{count} units")
    return list(viewer.video)


def first_s(viewer: ReplayClient) -> float:
    """Where the footage begins, as the SDP says."""
    (line,) = (line for line in viewer.described.body.splitlines() if line.startswith("a=range:clock="))
    text = line.removeprefix("a=range:clock=").partition("-")[0].partition(".")[0].rstrip("Z")
    return dt.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC).timestamp()


def test_as_fast_as_it_is_read_forwards(recorded: Service) -> None:
    with client(recorded) as viewer:
        assert "x-onvif-track:VIDEO001" in viewer.described.body
        reply = viewer.ask("PLAY", Require="onvif-replay", Rate_Control="no", Range=clock(first_s(viewer) + 1))
        assert (reply.status, reply.headers["rate-control"]) == (200, "no")
        seen = wait_for(viewer, 100)
        assert viewer.tallies[0].gaps == 0
    assert (seen[0].clean, seen[0].discontinuity) == (True, True)
    assert all(earlier.utc_s < later.utc_s for earlier, later in itertools.pairwise(seen))
    assert seen[99].came_s - seen[0].came_s < (seen[99].utc_s - seen[0].utc_s)
    assert {unit.cseq for unit in seen} == {int(reply.headers["cseq"])}
    assert seen[0].sequence == int(reply.headers["rtp-info"].partition(";seq=")[2].partition(";")[0])
    assert seen[0].rtp_time == int(reply.headers["rtp-info"].rpartition("rtptime=")[2])


def test_backwards_the_last_seconds(recorded: Service) -> None:
    with client(recorded) as viewer:
        reply = viewer.ask(
            "PLAY", Require="onvif-replay", Rate_Control="no", Scale="-1.0", Range=clock(time.time() - 3)
        )
        assert (reply.status, reply.headers["scale"]) == (200, "-1.0")
        seen = wait_for(viewer, 60)
    gops = [index for index, unit in enumerate(seen) if unit.discontinuity]
    assert len(gops) >= 2
    assert all(seen[index].clean for index in gops)
    for earlier, later in itertools.pairwise(gops):
        assert seen[later].utc_s < seen[earlier].utc_s
    for earlier_unit, later_unit in itertools.pairwise(seen):
        assert later_unit.discontinuity or later_unit.utc_s > earlier_unit.utc_s


def test_key_frames_and_seeks(recorded: Service) -> None:
    with client(recorded) as viewer:
        viewer.ask("PLAY", Rate_Control="no", Frames="intra", Range=clock(first_s(viewer)))
        seen = wait_for(viewer, 3)
        assert all(unit.clean for unit in seen)
        reply = viewer.ask("PLAY", Immediate="yes", Range=clock(seen[2].utc_s + 0.001))
        eventually(lambda: viewer.video[-1].cseq == int(reply.headers["cseq"]), what="the new position")
        jumped = next(unit for unit in viewer.video if unit.cseq == int(reply.headers["cseq"]))
        assert jumped.discontinuity
        assert jumped.utc_s == pytest.approx(seen[2].utc_s, abs=0.0001)
        assert viewer.tallies[0].gaps == 0


def test_pause_and_on(recorded: Service) -> None:
    with client(recorded) as viewer:
        viewer.ask("PLAY")
        wait_for(viewer, 5)
        assert viewer.ask("PAUSE").status == 200
        time.sleep(0.3)
        paused = len(viewer.video)
        time.sleep(1)
        assert len(viewer.video) == paused
        assert viewer.ask("PLAY").status == 200
        seen = wait_for(viewer, paused + 5)
        assert not seen[paused].discontinuity
        assert seen[paused].sequence > seen[paused - 1].sequence
        assert viewer.ask("TEARDOWN").status == 200


def test_it_follows_the_live_edge(recorded: Service) -> None:
    with client(recorded) as viewer:
        viewer.ask("PLAY", Rate_Control="no", Range=clock(time.time() - 2))
        began_s = time.time()
        eventually(lambda: viewer.video and viewer.video[-1].utc_s > began_s + 2, what="what came since")
        assert not any(unit.end or unit.terminal for unit in viewer.video)


def test_what_is_not_there(recorded: Service) -> None:
    with client(recorded) as viewer:
        assert viewer.ask("PLAY", Range="clock=20200101T000000Z-", Scale="-1.0").status == 457
        assert viewer.ask("PLAY", Range="clock=x-").status == 457
        assert viewer.ask("PLAY", Frames="none").status == 400
        assert viewer.ask("PLAY").status == 200
    login = recorded.ready["user"], recorded.ready["password"]
    with ReplayClient(f"{recorded.ready['rtsp']}/recordings/rec-nothing.main", *login) as stranger:
        assert stranger.request("DESCRIBE").status == 404
