"""A file as a response."""

from pathlib import Path
from typing import Any

import pytest

from bridge.net.http import Reply
from bridge.services.web.files import PIECE_BYTES, STALLED_S, send_file, wanted_range
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Route, Who
from tests.services.web.resources_setting import at_once
from tests.services.web.web_setting import Setting, parse


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", None),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=5-4", None),  # not valid, so it is none (14.1.1)
        ("bytes=0-1,5-6", None),
        ("pages=1-2", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
    ],
)
def test_ranges(header: str, part: tuple[int, int] | None) -> None:
    assert wanted_range(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_that_are_not_there(header: str) -> None:
    with pytest.raises(ProblemError) as raised:
        wanted_range(header, 100)
    reply = raised.value.reply()
    assert (reply.status, dict(reply.headers)["Content-Range"]) == (416, "bytes */100")


def setting(path: Path) -> Setting:
    async def answer(asked: Asked) -> Reply | None:
        return await send_file(asked, path, "video/mp4", "tag", "gate.mp4", at_once)

    return Setting([Route("GET", "/file", answer, Who.ANYBODY, "a file", content="video/mp4")])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.mp4"
    path.write_bytes(bytes(range(100)))
    return path


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ((), 200, bytes(range(100))),
        (("Range: bytes=10-19",), 206, bytes(range(10, 20))),
        (("Range: bytes=10-19", 'If-Range: "tag"'), 206, bytes(range(10, 20))),
        (("Range: bytes=10-19", 'If-Range: "other"'), 200, bytes(range(100))),
        (('If-None-Match: "tag"',), 304, b""),
    ],
)
def test_answers(file: Path, headers: tuple[str, ...], status: int, body: bytes) -> None:
    got, told, data = setting(file).ask("GET", "/file", *headers)
    assert (got, data) == (status, body)
    if status != 304:
        assert told["content-length"] == str(len(body))
        assert told["accept-ranges"] == "bytes"
        assert told["content-disposition"] == 'attachment; filename="gate.mp4"'
    if status == 206:
        assert told["content-range"] == "bytes 10-19/100"


def test_head_and_errors(file: Path, tmp_path: Path) -> None:
    status, told, data = setting(file).ask("HEAD", "/file")
    assert (status, told["content-length"], data) == (200, "100", b"")
    assert setting(file).ask("GET", "/file", "Range: bytes=100-")[0] == 416
    assert setting(tmp_path / "gone").ask("GET", "/file")[0] == 404


def begin(path: Path) -> tuple[Setting, Any, Any]:
    one = setting(path)
    channel, transport = one.connect()
    transport.registerProducer = lambda producer, streaming: None
    transport.unregisterProducer = lambda: None
    real = transport.write

    def write(data: bytes) -> None:
        real(data)
        if len(transport.value()) > PIECE_BYTES:
            channel.pauseProducing()

    transport.write = write
    transport.writeSequence = lambda pieces: write(b"".join(pieces))
    channel.dataReceived(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
    return one, channel, transport


def test_who_reads_slowly_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(bytes(4 * PIECE_BYTES))
    one, channel, transport = begin(path)
    while len(transport.value()) < 4 * PIECE_BYTES:
        before = len(transport.value())
        one.reactor.advance(STALLED_S / 2)
        assert len(transport.value()) == before
        channel.resumeProducing()
    status, _, body = parse(transport.value())
    assert (status, len(body), transport.aborted) == (200, 4 * PIECE_BYTES, False)


def test_who_does_not_read_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(bytes(4 * PIECE_BYTES))
    one, _, transport = begin(path)
    assert len(transport.value()) < 3 * PIECE_BYTES
    one.reactor.advance(STALLED_S)
    assert transport.aborted


def test_a_file_that_became_shorter_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(bytes(4 * PIECE_BYTES))
    _, channel, transport = begin(path)
    with path.open("r+b") as file:
        file.truncate(0)
    channel.resumeProducing()
    assert transport.aborted


def test_who_hangs_up_ends_it(tmp_path: Path) -> None:
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    path = tmp_path / "x.mp4"
    path.write_bytes(bytes(4 * PIECE_BYTES))
    one, channel, transport = begin(path)
    channel.connectionLost(Failure(ConnectionDone()))
    one.reactor.advance(STALLED_S)
    assert not transport.aborted
