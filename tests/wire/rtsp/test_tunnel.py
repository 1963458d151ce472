from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.rtsp.tunnel import Base64Stream, PostReader, encode, is_cookie
from tests import feeder

ONE, TWO, THREE = (
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"DESCRIBE rtsp://h/live/a RTSP/1.0\r\nCSeq: 22\r\n\r\n",
    b"$\x01\x00\x02ab",
)
LINES = b"\r\n".join(b64encode(ONE + TWO)[at : at + 19] for at in range(0, 200, 19))

# (as received, what it means)
STREAMS = [
    (b"", b""),
    (encode(ONE), ONE),
    (b64encode(ONE + TWO + THREE), ONE + TWO + THREE),
    (b"".join(map(encode, (ONE, TWO, THREE))), ONE + TWO + THREE),  # padding after each request
    (LINES, ONE + TWO),
    (b"\n".join(bytes([each]) for each in encode(ONE)), ONE),
    (b" \t" + encode(THREE) + b"\r\n\r\n", THREE),
    (b"YQ==YWI=YWJj", b"aababc"),
]
REFUSED = [b"OPTIONS * RTSP/1.0\r\n", b"YQ=a", b"=YQ=", b"Y===", b"====", b"YWJj!", b"-_-_", b"YWJj\0AAA"]


@pytest.mark.parametrize(("received", "meaning"), STREAMS)
def test_base64_however_cut(received: bytes, meaning: bytes) -> None:
    def decoded(pieces: object) -> bytes:
        stream = Base64Stream()
        return b"".join(stream.feed(piece) for piece in pieces)  # type: ignore[attr-defined]

    assert feeder.same_however_cut(received, decoded) == meaning


@pytest.mark.parametrize("received", REFUSED)
def test_what_is_no_base64(received: bytes) -> None:
    def outcome(pieces: object) -> str:
        return feeder.outcome_of(Base64Stream().feed, pieces)  # type: ignore[arg-type]

    assert feeder.same_however_cut(received + b"AAAA", outcome) == "refused 400"


def test_the_error_says_where() -> None:
    stream = Base64Stream()
    stream.feed(encode(ONE))
    with pytest.raises(RemoteProtocolError, match=rf"base64 b'!!!!' behind {len(encode(ONE))} characters: expected"):
        stream.feed(b"!!!!")


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
def test_what_is_encoded_comes_out(parts: list[bytes], size: int) -> None:
    received = b"".join(map(encode, parts))
    stream = Base64Stream()
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    assert b"".join(map(stream.feed, pieces)) == b"".join(parts)


@given(st.binary(max_size=300), st.one_of(st.none(), st.integers(0, 50)))
def test_any_bytes_give_bytes_or_a_refusal(data: bytes, length: int | None) -> None:
    reader, stream = PostReader("c", length), Base64Stream()

    def feed(piece: bytes) -> None:
        stream.feed(reader.feed(piece))

    assert feeder.outcome_of(feed, [data]) in ("", "refused 400")


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a", True), ("Tq2x/+=", True), ("x" * 128, True), ("", False), ("x" * 129, False), ("a b", False), ("ä", False)],
)
def test_cookies(text: str, fits: bool) -> None:
    assert is_cookie(text) is fits


# --- The bodies of POSTs ---------------------------------------------------------------------------------------------


def head(*headers: str, cookie: str = "c") -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", f"X-SessionCookie: {cookie}", *headers, "", ""]).encode()


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# (length of the first body, what comes, base64 in it, what is answered)
BODIES = [
    (32767, b"AAAA", b"AAAA", b""),
    (0, b"AAAABBBB", b"AAAABBBB", b""),
    (4, b"AAAABBBBPOST", b"AAAABBBBPOST", b""),  # beyond its length: the length was an empty word
    (8, b"AAAAPOSTPOSTA", b"AAAAPOSTPOSTA", b""),
    (4, b"AAAA" + head("Content-Length: 4") + b"BBBB", b"AAAABBBB", b""),
    (4, b"AAAA\r\n" + head("Content-Length: 2") + b"BB" + head() + b"BB", b"AAAABBBB", b""),
    (
        4,
        b"AAAA" + head("Content-Length: 4", "Expect: 100-continue") + b"BBBB",
        b"AAAABBBB",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ),
    (None, chunked(b"A", b"AAABB", b"BB", end=b""), b"AAAABBBB", b""),
    (None, chunked(b"AAAA"), b"AAAA", DONE),
    (None, b"04 ; why=not\r\nAAAA\r\n0\r\nTrailer: x\r\n\r\n", b"AAAA", DONE),
    (None, chunked(b"AAAA") + head("Transfer-Encoding: chunked") + chunked(b"BBBB"), b"AAAABBBB", DONE + DONE),
]


@pytest.mark.parametrize(("length", "received", "meaning", "answer"), BODIES)
def test_bodies_however_cut(length: int | None, received: bytes, meaning: bytes, answer: bytes) -> None:
    def seen(pieces: object) -> tuple[bytes, bytes]:
        reader = PostReader("c", length)
        found = b"".join(reader.feed(piece) for piece in pieces)  # type: ignore[attr-defined]
        return found, reader.take_replies()

    assert feeder.same_however_cut(received, seen) == (meaning, answer)


@pytest.mark.parametrize(
    ("length", "received", "text"),
    [
        (None, b"x\r\n", "chunk size b'x'"),
        (None, b"123456789\r\n", "chunk size"),
        (None, b"1" * 1100, "longer than 1024"),
        (None, b"1\r\nAA\r\n", "behind a chunk"),
        (4, b"AAAA" + head("Content-Length: 4", cookie="d"), "not of that tunnel"),
        (4, b"AAAA" + b"POST / HTTP/1.1\r\n\r\n", "not of that tunnel"),
        (4, b"AAAA" + head("Content-Length: -4"), "Content-Length '-4'"),
        (4, b"AAAA" + head("X: " + "x" * 17_000)[:17_000], "longer than 16384"),
    ],
)
def test_bodies_that_break_their_rules(length: int | None, received: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=text):
        PostReader("c", length).feed(received)


def test_many_small_chunks_take_linear_time() -> None:
    reader = PostReader("c", None)
    assert reader.feed(b"1\r\nA\r\n" * 100_000) == b"A" * 100_000
