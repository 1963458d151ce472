"""FFmpeg (through PyAV) and GStreamer play every camera of the demo, over TCP and UDP, with its sound."""

import itertools
import subprocess
import threading
import time

import av
import pytest

from bridge.sim.picture import read_clock
from bridge.sim.scenes import scenes
from tests.interop.conftest import Service, needs

pytestmark = pytest.mark.interop

CAMERAS = {scene.camera_id: scene for scene in scenes(4, small=True)}
# How far the picture that is shown may be behind the clock; a busy test machine is slow, a wrong catch-up is slower:
# without it a viewer that joins late in a GOP of 2 s is that much behind for ever.
BEHIND_MS = 1500
PLAYED_WITHIN_S = 30


def behind_ms(frame: av.VideoFrame) -> float | None:
    """How far the clock in the picture is behind ours."""
    plane = frame.reformat(format="gray").planes[0]
    shown = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
    return None if shown is None else time.time() * 1000 - shown


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("stream", ["", "/sub"])
def test_ffmpeg_plays(demo: Service, camera: str, stream: str, transport: str) -> None:
    scene = CAMERAS[camera]
    options = {"rtsp_transport": transport, "timeout": "10000000"}
    with av.open(demo.rtsp_url(f"/live/{camera}{stream}"), options=options, timeout=20) as container:
        video = container.streams.video[0]
        codec = scene.codec if not stream else "H264"
        assert video.codec_context.name == {"H264": "h264", "H265": "hevc"}[codec]
        divisor = 2 if stream else 1
        assert (video.codec_context.width, video.codec_context.height) == (
            scene.width // divisor // 2 * 2,
            scene.height // divisor // 2 * 2,
        )
        has_sound = bool(scene.audio) and not stream
        assert len(container.streams.audio) == has_sound
        frames, sound, late, times = 0, 0, None, []
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    frames += 1
                    if frame.pts is not None:  # FFmpeg gives the first picture of any RTSP server none
                        times.append(frame.pts)
                    late = behind_ms(frame)
                elif isinstance(frame, av.AudioFrame):
                    sound += frame.samples
            if frames >= 3 * scene.frame_rate // divisor and (sound or not has_sound):
                break
    assert all(earlier < later for earlier, later in itertools.pairwise(times)), "times rise strictly"
    assert late is not None, "the clock is in the picture"
    assert -50 < late < BEHIND_MS


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("camera", CAMERAS)
def test_gstreamer_plays(demo: Service, camera: str, transport: str) -> None:
    """rtspsrc, in step with its clock (sync=true): what it shows is live."""
    scene = CAMERAS[camera]
    pipeline = (
        f"rtspsrc location={demo.ready['rtsp']}/live/{camera} "
        f"user-id={demo.ready['user']} user-pw={demo.ready['password']} protocols={transport} latency=200 name=source "
        f"source. ! application/x-rtp,media=video ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! "
        f"fdsink fd=1 sync=true"
    )
    if scene.audio:
        pipeline += " source. ! application/x-rtp,media=audio ! decodebin ! audioconvert ! fakesink sync=true"
    command = [needs("gst-launch-1.0"), "-q", *pipeline.split()]
    size, wanted = scene.width * scene.height, 3 * scene.frame_rate
    player = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch = threading.Timer(PLAYED_WITHIN_S, player.kill)  # a player that shows nothing must not hold the tests up
    watch.start()
    assert player.stdout is not None
    assert player.stderr is not None
    frames, late = 0, None
    while frames < wanted and len(data := player.stdout.read(size)) == size:
        frames += 1
        shown = read_clock(data, scene.width, scene.width, scene.height)
        late = None if shown is None else time.time() * 1000 - shown
    watch.cancel()
    player.kill()
    _, errors = player.communicate()
    assert frames == wanted, errors.decode()
    assert late is not None, "the clock is in the picture"
    assert -50 < late < BEHIND_MS + 200
