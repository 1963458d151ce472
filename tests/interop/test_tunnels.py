"""RTSP inside HTTP with real clients: FFmpeg and GStreamer through a tunnel, Node over WebSocket."""

import base64
import json
import re
import socket
import subprocess
import threading
from pathlib import Path

import av
import pytest

from tests.interop.conftest import Service, eventually, needs, onb_recordings

pytestmark = pytest.mark.interop

PLAYED_WITHIN_S = 30
OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
GAUGES = (
    "onb_rtsp_connections",
    "onb_rtsp_sessions",
    "onb_rtsp_viewers",
    "onb_rtsp_replays",
    "onb_rtsp_http_tunnels",
    "onb_rtsp_websockets",
)


def web_port(demo: Service) -> int:
    return int(re.match(r"http://[^:]+:(\d+)/", demo.ready["onvif"])[1])  # type: ignore[index]


def gauges(demo: Service) -> dict[str, float]:
    page = demo.metrics()
    return {name: float(re.search(rf"^{name} (\S+)$", page, re.MULTILINE)[1]) for name in GAUGES}  # type: ignore[index]


@pytest.fixture
def nothing_left(demo: Service):
    """When a test has ended, nobody is connected any more."""
    yield
    eventually(lambda: not any(gauges(demo).values()), what="everybody gone")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("path", ["/live/entrance", "/live/car-park/sub", "/recordings/entrance"])
def test_ffmpeg_plays_through_the_tunnel(demo: Service, path: str) -> None:
    eventually(lambda: any(row["camera"] == "entrance" for row in onb_recordings(demo)), what="a recording")
    url = demo.rtsp_url(path).replace(demo.ready["rtsp"].rpartition(":")[2] + "/", f"{web_port(demo)}/")
    options = {"rtsp_transport": "http", "timeout": "10000000"}
    with av.open(url, options=options, timeout=20) as container:
        frames = [frame for _, frame in zip(range(20), container.decode(video=0), strict=False)]
        assert len(frames) == 20
        now = gauges(demo)
        assert now["onb_rtsp_http_tunnels"] == 1
        assert now["onb_rtsp_connections"] == 1


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("path", ["/live/entrance", "/recordings/entrance"])
def test_gstreamer_plays_through_the_tunnel(demo: Service, path: str) -> None:
    eventually(lambda: any(row["camera"] == "entrance" for row in onb_recordings(demo)), what="a recording")
    pipeline = (
        f"rtspsrc location=rtsph://127.0.0.1:{web_port(demo)}{path} "
        f"user-id={demo.ready['user']} user-pw={demo.ready['password']} latency=200 name=source "
        "source. ! application/x-rtp,media=video ! decodebin ! videoconvert ! "
        "video/x-raw,format=GRAY8 ! fdsink fd=1 sync=false"
    )
    player = subprocess.Popen(
        [needs("gst-launch-1.0"), "-q", *pipeline.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = threading.Timer(PLAYED_WITHIN_S, player.kill)
    watch.start()
    assert player.stdout is not None
    shown = len(player.stdout.read(2_000_000))
    tunnels = gauges(demo)["onb_rtsp_http_tunnels"]
    watch.cancel()
    player.kill()
    _, errors = player.communicate()
    assert shown == 2_000_000, errors.decode()
    assert tunnels == 1


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("path", ["/live/entrance", "/recordings/entrance"])
def test_node_plays_over_websocket(demo: Service, path: str) -> None:
    """Its client is undici's; in Node 20 behind a flag, from 22 on without."""
    node, flag = needs("node"), "--experimental-websocket"
    asked = subprocess.run(
        [node, flag, "-p", "typeof WebSocket"], capture_output=True, text=True, check=False, timeout=20
    )
    if "function" not in asked.stdout:
        pytest.skip(f"{node} has no WebSocket")
    eventually(lambda: any(row["camera"] == "entrance" for row in onb_recordings(demo)), what="a recording")
    address = f"ws://127.0.0.1:{web_port(demo)}/onvif/rtsp_over_websocket"
    script = Path(__file__).parent / "node" / "websocket.mjs"
    url = f"rtsp://127.0.0.1:{web_port(demo)}{path}"
    command = [node, flag, str(script), address, url, demo.ready["user"], demo.ready["password"], "200"]
    played = subprocess.run(command, capture_output=True, text=True, check=False, timeout=40)
    seen = json.loads(played.stdout)
    assert seen["protocol"] == "rtsp.onvif.org", seen
    assert seen["statuses"] == [200, 401, 200, 200, 200]
    assert seen["channels"]["0"] >= 200
    assert seen["closed"] == 1000


@pytest.mark.usefixtures("nothing_left")
def test_halves_and_rubbish_leave_nothing(demo: Service) -> None:
    """A GET that nobody posts to, a POST that nobody gets, a slow head, a GET whose client goes, broken base64."""
    address = ("127.0.0.1", web_port(demo))

    def connect(data: bytes) -> socket.socket:
        opened = socket.create_connection(address, 10)
        opened.sendall(data)
        return opened

    def head(method: str, cookie: str) -> bytes:
        more = "Content-Length: 32767\r\n" if method == "POST" else ""
        return f"{method} /live/entrance HTTP/1.1\r\nx-sessioncookie: {cookie}\r\n{more}\r\n".encode()

    alone = [connect(head("GET", "alone")), connect(head("POST", "other")), connect(b"GET / HTTP/1.1\r\nx-sess")]
    get, post = connect(head("GET", "one")), connect(head("POST", "one"))
    assert get.recv(1000).startswith(b"HTTP/1.0 200 OK\r\n")
    again = connect(head("GET", "one"))
    assert again.recv(1000).startswith(b"HTTP/1.1 409 ")
    post.sendall(b"!!!!")
    assert get.recv(1000) == b""
    assert post.recv(1000) == b""
    left, right = connect(head("GET", "two")), connect(head("POST", "two") + base64.b64encode(OPTIONS))
    said = b""
    while b"RTSP/1.0 200 OK\r\n" not in said:
        said += left.recv(1000)
    left.close()
    assert right.recv(1000) == b""
    assert alone[0].recv(1000)
    assert alone[0].recv(1000) == b""
    assert alone[1].recv(1000).startswith(b"HTTP/1.1 404 ")
    for each in (*alone, get, post, again, right):
        each.close()
