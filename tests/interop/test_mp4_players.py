"""GStreamer plays the MP4 files that we write: its demuxer is not FFmpeg's."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.base.media import Codec, Medium
from tests.interop.conftest import needs
from tests.wire.mp4 import files
from tests.wire.mp4.test_ffmpeg import FILES
from tests.wire.mp4.test_plain import plain_file

pytestmark = pytest.mark.interop

PLAYED_WITHIN_S = 30
WIDTH, HEIGHT = 320, 240
CHOSEN = {name: tracks for name, tracks in FILES.items() if "law" not in name}


def played(file: Path, branch: str) -> bytes:
    """What qtdemux's track behind `branch` decodes to."""
    pipeline = f"filesrc location={file} ! qtdemux name=demuxer demuxer.{branch} ! fdsink fd=1"
    command = [needs("gst-launch-1.0"), "-q", *pipeline.split()]
    player = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch = threading.Timer(PLAYED_WITHIN_S, player.kill)  # a player that hangs must not hold the tests up
    watch.start()
    shown, errors = player.communicate()
    watch.cancel()
    assert player.returncode == 0, errors.decode()
    assert errors == b""
    return shown


@pytest.mark.parametrize("written", [files.fragmented, plain_file])
@pytest.mark.parametrize("tracks", CHOSEN.values(), ids=CHOSEN.keys())
def test_gstreamer_plays(
    tracks: list[files.Samples], written: Callable[[list[files.Samples]], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "recorded.mp4"
    file.write_bytes(written(tracks))
    for samples in tracks:
        if samples.track.medium is Medium.VIDEO:
            shown = played(file, "video_0 ! decodebin ! videoconvert ! video/x-raw,format=GRAY8")
            assert len(shown) == WIDTH * HEIGHT * len(samples.data)
        else:
            channels = samples.track.channels
            shown = played(file, "audio_0 ! decodebin ! audioconvert ! audio/x-raw,format=S16LE")
            # Decoders of AAC may keep the first frame, which has nothing to overlap with.
            frames = len(shown) / (2 * channels * (960 if samples.track.codec is Codec.OPUS else 1024))
            assert len(samples.data) - 1 <= frames <= len(samples.data) + 1
