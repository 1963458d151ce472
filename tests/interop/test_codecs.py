"""JPEG, Opus, G.726 and LATM all the way: GStreamer's RTSP server as the camera, FFmpeg and GStreamer as viewers.

What was recorded of it FFmpeg opens where it lies.
"""

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.interop.conftest import Service, eventually, needs, onb, running, write_config
from tests.interop.test_ingest_gstreamer import camera, end, missing, pull

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

NEEDED = ("jpegenc", "opusenc", "avenc_g726", "avenc_aac", "rtpjpegpay", "rtpopuspay", "rtpg726pay", "rtpmp4apay")
PASSWORD = "interop"
PLAYED_WITHIN_S = 30
PICTURES = 30
#: GStreamer puts a quarter of a second of G.726 into a packet.
UNITS = 10

#: Camera: (FFmpeg's names of its tracks, width, height)
CAMERAS = {
    "jpeg": (["mjpeg"], 320, 240),
    "jpeg422": (["mjpeg"], 320, 240),
    "jpeglarge": (["mjpeg"], 2048, 128),
    "jpegopus": (["mjpeg", "opus"], 320, 240),
    "jpegg726": (["mjpeg", "g726le"], 320, 240),
    "jpeglatm": (["mjpeg", "aac"], 320, 240),
}
#: FFmpeg does not know the way in which sizes beyond 2040 are told, and G.726 has no name in MP4.
NOT_BY_FFMPEG = {"jpeglarge"}
NOT_IN_FILES = {"g726le", "aac"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    if reason := missing(NEEDED):
        pytest.skip(reason)
    process, port = camera()
    yield port
    end(process)


@pytest.fixture(scope="module")
def bridge(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("codecs")
    cameras = "\n".join(
        f'[[camera]]\nid = "{name}"\nrecord = "always"\nurl = "rtsp://127.0.0.1:{port}/{name}"' for name in CAMERAS
    )
    config = write_config(folder, f'[[user]]\nname = "chief"\npassword = "{PASSWORD}"\n{cameras}\n')
    with running(["serve", "--config", str(config)], folder) as service:
        service.wait_until_up(*CAMERAS)
        yield service


def url(bridge: Service, name: str) -> str:
    return bridge.rtsp_url(f"/live/{name}", user="chief", password=PASSWORD)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("driver", ["native", "aiortsp"])
@pytest.mark.parametrize(
    ("path", "codecs"),
    [
        ("jpeglarge", ["JPEG"]),
        ("jpeg422", ["JPEG"]),
        ("jpegopus", ["JPEG", "opus"]),
        ("jpegg726", ["JPEG", "G726"]),
        ("jpeglatm", ["JPEG", "MP4A-LATM"]),
    ],
)
def test_cameras_come_up(port: int, path: str, codecs: list[str], driver: str, transport: str) -> None:
    seen = pull(f"rtsp://127.0.0.1:{port}/{path}", transport, driver, units=UNITS)
    assert seen["states"] == [["connecting", ""], ["up", ""]]
    assert [track["codec"] for track in seen["tracks"]] == (codecs if driver == "native" else codecs[:1])
    assert all(track["units"] >= UNITS for track in seen["tracks"])
    assert seen["tracks"][0]["keys"] == seen["tracks"][0]["units"]
    assert (seen["runs"], seen["damaged"], seen["statistics"]["lost"]) == (1, 0, 0)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", [name for name in CAMERAS if name not in NOT_BY_FFMPEG])
def test_ffmpeg_plays(bridge: Service, name: str, transport: str) -> None:
    names, width, height = CAMERAS[name]
    options = {"rtsp_transport": transport, "timeout": "10000000"}
    with av.open(url(bridge, name), options=options, timeout=20) as container:
        assert [stream.codec_context.name for stream in container.streams] == names
        pictures, sounds = 0, 0
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert (frame.width, frame.height) == (width, height)
                    pictures += 1
                elif isinstance(frame, av.AudioFrame):
                    sounds += 1
            if pictures >= PICTURES and (sounds >= UNITS or len(names) == 1):
                break


@pytest.mark.parametrize("name", CAMERAS)
def test_gstreamer_plays(bridge: Service, name: str) -> None:
    names, width, height = CAMERAS[name]
    pipeline = (
        f"rtspsrc location={bridge.ready['rtsp']}/live/{name} user-id=chief user-pw={PASSWORD} protocols=tcp "
        "name=source source. ! application/x-rtp,media=video ! decodebin ! videoconvert ! "
        f"video/x-raw,format=GRAY8,width={width},height={height} ! fdsink fd=1"
    )
    if len(names) > 1:
        pipeline += " source. ! application/x-rtp,media=audio ! decodebin ! audioconvert ! fakesink sync=true"
    command = [needs("gst-launch-1.0"), "-q", *pipeline.split()]
    player = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch = threading.Timer(PLAYED_WITHIN_S, player.kill)  # a player that shows nothing must not hold the tests up
    watch.start()
    assert player.stdout is not None
    shown = player.stdout.read(width * height * PICTURES)
    watch.cancel()
    player.kill()
    _, errors = player.communicate()
    assert len(shown) == width * height * PICTURES, errors.decode()


def segments(bridge: Service) -> dict[str, Path]:
    """The newest segment of each camera, as soon as each has pictures in it."""
    names = {}
    for row in (bridge.data / "recordings").glob("*/recording.json"):
        found = sorted(row.parent.glob("*/*.mp4"))
        for name in CAMERAS:
            if f'"{name}"' in row.read_text() and found and found[-1].stat().st_size > 100_000:
                names[name] = found[-1]
    return names if len(names) == len(CAMERAS) else {}


def test_segments_play_as_they_lie(bridge: Service) -> None:
    for name, path in eventually(lambda: segments(bridge), what="recording").items():
        names, width, height = CAMERAS[name]
        with av.open(str(path)) as container:
            assert [stream.type for stream in container.streams] == ["video", "audio"][: len(names)]
            assert container.streams.video[0].codec_context.name == names[0]
            frames = list(container.decode(video=0))
            assert {(frame.width, frame.height) for frame in frames} == {(width, height)}
        for sound in names[1:]:
            with av.open(str(path)) as container:
                if sound not in NOT_IN_FILES:
                    assert list(container.decode(audio=0))
                else:
                    assert [packet.size for packet in container.demux(container.streams[1]) if packet.size]


def test_what_was_recorded_is_whole_and_indexed_anew(bridge: Service) -> None:
    """The last test: it ends the service."""
    eventually(lambda: segments(bridge), what="recording")
    config = ("--config", str(bridge.log.parent / "onb.toml"))
    checked = onb("recordings", "check", *config)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    bridge.process.send_signal(signal.SIGTERM)
    assert bridge.process.wait(20) == 0
    listed = onb("recordings", "list", "--json", *config).stdout
    indexed = onb("recordings", "reindex", *config)
    assert indexed.returncode == 0, indexed.stdout + indexed.stderr
    assert onb("recordings", "list", "--json", *config).stdout == listed
    assert onb("recordings", "check", "--digests", *config).returncode == 0
