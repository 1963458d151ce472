import socket
import threading
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Track
from bridge.base.time import ManualClock
from bridge.media.hub import Hub
from bridge.system import control
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState
from bridge.system.control import ControlError, NotRunningError


def test_requests():
    for do in control.REQUESTS:
        assert control.decode_request(control.encode({"do": do})) == do
    assert control.decode(control.done(cameras=[])) == {"ok": True, "cameras": []}
    assert control.decode(control.refused("no")) == {"ok": False, "error": "no"}


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"{}", b'{"do": 5}', b'{"do": "halt"}', b"\xff", b" " * 5000, b"[" * 4000]
)
def test_what_is_no_request(line):
    with pytest.raises(RemoteProtocolError, match="control: "):
        control.decode_request(line)


@given(st.binary())
def test_any_bytes_are_a_request_or_a_fault(data):
    try:
        assert control.decode_request(data) in control.REQUESTS
    except RemoteProtocolError:
        return


class Service:
    """A thread that accepts one connection and answers with what it is given."""

    def __init__(self, data, answer: bytes | None) -> None:
        self.received = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(control.socket_address(data))
        self._socket.listen()
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.received = connection.recv(4096)
            if self._answer is None:
                connection.recv(1)  # until the client has given up
            else:
                connection.sendall(self._answer)

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()


def ask(tmp_path, answer: bytes | None) -> dict[str, object]:
    service = Service(tmp_path, answer)
    try:
        return control.ask(tmp_path, "cameras", timeout_s=1 if answer is None else 10)
    finally:
        service.close()
        assert service.received == b'{"do":"cameras"}\n'


def test_an_answer(tmp_path):
    assert ask(tmp_path, control.done(cameras=["x" * 200_000]))["cameras"] == ["x" * 200_000]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (control.refused("camera[0].id: expected"), r"^camera\[0\]\.id: expected$"),
        (b"", "answered in another language"),
        (b"HTTP/1.1 200 OK\r\n", "answered in another language"),
        (b'{"ok": true}', "answered in another language"),
        (b"{}\n", "the service refused"),
        (None, "did not answer within 1 s"),
    ],
)
def test_other_answers_are_one_sentence(tmp_path, answer, sentence):
    with pytest.raises(ControlError, match=sentence):
        ask(tmp_path, answer)


def test_no_service(tmp_path):
    with pytest.raises(NotRunningError, match="the service is not running"):
        control.ask(tmp_path, "cameras")
    left = socket.socket(socket.AF_UNIX)  # a service that was killed leaves its socket behind
    left.bind(control.socket_address(tmp_path))
    left.close()
    with pytest.raises(NotRunningError):
        control.ask(tmp_path, "cameras")


def test_a_path_that_is_too_long_for_a_socket(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    with pytest.raises(ControlError, match="longer than the 107 bytes"):
        control.socket_address(deep)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert control.socket_address(deep) == "onb.sock"


def test_cameras_as_the_command_prints_them():
    hub = Hub("gate/main", ManualClock())
    hub.tracks = (
        Track(Codec.PCMU, 8000),
        Track(Codec.H264, 90_000, width=1920, height=1080, frame_rate=Fraction(30_000, 1001)),
    )
    hub.statistics.bitrate_bps = 4_000_000
    down = LiveStream("sub", Hub("gate/sub", ManualClock()), StreamState.DOWN, "DNS: no address")
    catalogue = Catalogue()
    catalogue.replace([Camera("gate", "Gate", (LiveStream("main", hub, StreamState.UP), down))])
    recordings = {("gate", "main"): ("failed", "/video is full")}
    assert control.describe_cameras(catalogue, recordings) == [
        {
            "id": "gate",
            "name": "Gate",
            "state": "up",
            "reason": "",
            "streams": [
                {"name": "main", "codec": "H264", "width": 1920, "height": 1080, "fps": 29.97, "bitrate": 4_000_000}
                | {"recording": "failed", "recording_reason": "/video is full"},
                {"name": "sub", "codec": None, "width": None, "height": None, "fps": None, "bitrate": None}
                | {"recording": None, "recording_reason": None},
            ],
        }
    ]
