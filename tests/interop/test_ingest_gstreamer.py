"""Our drivers against GStreamer's RTSP server as the camera: real sockets on the loopback interface."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"
NEEDED = ("x264enc", "x265enc", "avenc_aac", "mulawenc", "rtph265pay", "rtpmp4gpay")
CHECK = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer;"
    "Gst.init(None);"
    "print([name for name in {needed!r} if not Gst.ElementFactory.find(name)])"
)
USER, PASSWORD, IN_URL = "admin", "p@ss wort", "admin:p%40ss%20wort@"


def missing(needed=NEEDED):
    """Why GStreamer cannot be the camera here, which needs these elements; "" when it can."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is missing"
    found = subprocess.run(
        [SYSTEM_PYTHON, "-c", CHECK.format(needed=needed)], capture_output=True, text=True, check=False, timeout=60
    )
    if found.returncode:
        return "GStreamer's RTSP server for Python (gir1.2-gst-rtsp-server-1.0, python3-gi) is missing"
    return "" if found.stdout.strip() == "[]" else f"GStreamer lacks {found.stdout.strip()}"


@pytest.fixture(scope="module")
def gstreamer():
    reason = missing()
    if reason:
        pytest.skip(reason)


def camera(*arguments):
    """The camera's process and its port."""
    process = subprocess.Popen(
        [SYSTEM_PYTHON, HERE / "gst_camera.py", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        return process, json.loads(process.stdout.readline())["port"]
    except ValueError:
        end(process)
        raise


def end(process):
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="module")
def port(gstreamer):
    process, port = camera()
    yield port
    end(process)


@pytest.fixture(scope="module")
def guarded_port(gstreamer):
    process, port = camera(USER, PASSWORD)
    yield port
    end(process)


def pull(url, transport, driver, *, seconds=30, units=30):
    """What one source brought in at most that many seconds."""
    arguments = [sys.executable, HERE / "pull.py", url, transport, driver, str(seconds), str(units)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=seconds + 30, cwd=HERE.parent.parent
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("driver", ["native", "aiortsp"])
@pytest.mark.parametrize(
    ("path", "codecs"),
    [
        ("h264aac", ["H264", "MPEG4-GENERIC"]),
        ("h265", ["H265"]),
        ("h264pcmu", ["H264", "PCMU"]),
    ],
)
def test_cameras_come_up(port, path, codecs, driver, transport):
    seen = pull(f"rtsp://127.0.0.1:{port}/{path}", transport, driver)
    assert seen["states"] == [["connecting", ""], ["up", ""]]
    assert [track["codec"] for track in seen["tracks"]] == (codecs if driver == "native" else codecs[:1])
    assert all(track["units"] >= 30 for track in seen["tracks"])
    assert seen["tracks"][0]["keys"] >= 1
    assert seen["tracks"][0]["width"] == 320
    assert (seen["runs"], seen["damaged"], seen["statistics"]["lost"]) == (1, 0, 0)


@pytest.mark.parametrize(("guarded", "path"), [(False, "h264aac"), (True, "h264")])
def test_a_camera_behind_a_tunnel(port, guarded_port, guarded, path):
    """GStreamer's server takes tunnels on its RTSP port."""
    where = f"{IN_URL}127.0.0.1:{guarded_port}" if guarded else f"127.0.0.1:{port}"
    seen = pull(f"rtsp://{where}/{path}", "http", "native")
    assert seen["states"] == [["connecting", ""], ["up", ""]]
    assert all(track["units"] >= 30 for track in seen["tracks"])
    assert (seen["runs"], seen["damaged"], seen["statistics"]["lost"]) == (1, 0, 0)


@pytest.mark.parametrize("driver", ["native", "aiortsp"])
def test_digest(guarded_port, driver):
    seen = pull(f"rtsp://{IN_URL}127.0.0.1:{guarded_port}/h264", "tcp", driver)
    assert seen["states"][-1] == ["up", ""]


@pytest.mark.parametrize("driver", ["native", "aiortsp"])
@pytest.mark.parametrize(
    ("credentials", "text"),
    [
        ("admin:wrong@", "401: user name or password refused"),
        ("", "401: the camera wants a user name and password"),
    ],
)
def test_wrong_credentials(guarded_port, driver, credentials, text):
    seen = pull(f"rtsp://{credentials}127.0.0.1:{guarded_port}/h264", "tcp", driver, seconds=2)
    assert seen["states"][-1] == ["down", text]


@pytest.mark.parametrize("driver", ["native", "aiortsp"])
@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("rtsp://127.0.0.1:{port}/nothing", "404: the camera has no stream at this path"),
        ("rtsp://127.0.0.1:9/live", "refused: 127.0.0.1:9 does not accept connections"),
        ("rtsp://cam.invalid/live", "DNS: no address for cam.invalid"),
    ],
)
def test_reasons(port, driver, url, text):
    seen = pull(url.format(port=port), "tcp", driver, seconds=2)
    assert seen["states"][-1] == ["down", text]
