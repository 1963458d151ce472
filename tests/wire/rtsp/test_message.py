"""The RTSP reader and writer."""

import gc
import struct
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.message import (
    CLIENT_LIMITS,
    REASONS,
    SERVER_LIMITS,
    Headers,
    Reader,
    ReaderLimits,
    Request,
    Response,
)
from bridge.wire.rtsp.reader_limits import MAX_FINDS, BareNewline, BodyLength, LostPlace
from tests import feeder

CAMERAS = Path(__file__).parents[2] / "fixtures" / "cameras"


def collector(limits=SERVER_LIMITS):
    """A `collect` for the feeder: messages and frames in order, then how it ended."""

    def collect(pieces: Sequence[bytes]) -> list[object]:
        seen: list[object] = []
        reader = Reader(seen.append, lambda channel, payload: seen.append((channel, bytes(payload))), limits)
        ended = feeder.outcome_of(reader.feed, pieces)
        return [*seen, ended] if ended else seen

    return collect


def frame(payload: bytes, channel: int = 0) -> bytes:
    return b"$" + struct.pack("!BH", channel, len(payload)) + payload


# as received, normal form, value
TABLE = [
    pytest.param(
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        Request("OPTIONS", "*", Headers([("CSeq", "1")])),
        id="smallest request",
    ),
    pytest.param(
        b"DESCRIBE rtsp://h/a RTSP/1.0\nCSeq : 2\nAccept:application/sdp\n\n",
        b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
        Request("DESCRIBE", "rtsp://h/a", Headers([("CSeq", "2"), ("Accept", "application/sdp")])),
        id="LF only, blanks around the colon",
    ),
    pytest.param(
        b"SETUP rtsp://h/a RTSP/1.0\r\nTransport: RTP/AVP,\r\n  RTP/AVP/TCP\r\n\tx\r\n\r\n",
        b"SETUP rtsp://h/a RTSP/1.0\r\nTransport: RTP/AVP, RTP/AVP/TCP x\r\n\r\n",
        Request("SETUP", "rtsp://h/a", Headers([("Transport", "RTP/AVP, RTP/AVP/TCP x")])),
        id="folded lines",
    ),
    pytest.param(
        b"SET_PARAMETER rtsp://h/a RTSP/1.0\r\ncontent-length: 3\r\n\r\na\r\n",
        b"SET_PARAMETER rtsp://h/a RTSP/1.0\r\nContent-Length: 3\r\n\r\na\r\n",
        Request("SET_PARAMETER", "rtsp://h/a", Headers([("Content-Length", "3")]), b"a\r\n"),
        id="body",
    ),
    pytest.param(
        b"DESCRIBE rtsp://h/a b RTSP/1.0\r\n\r\n",
        None,
        Request("DESCRIBE", "rtsp://h/a b"),
        id="a blank inside the URI",
    ),
    pytest.param(
        b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest a\r\nWWW-Authenticate: Basic b\r\n\r\n",
        b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest a\r\nWWW-Authenticate: Basic b\r\n\r\n",
        Response(401, "Unauthorized", Headers([("WWW-Authenticate", "Digest a"), ("WWW-Authenticate", "Basic b")])),
        id="repeated header",
    ),
    pytest.param(b"RTSP/1.0 200\r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", Response(200), id="no reason phrase"),
    pytest.param(b"RTSP/1.0 200OK\r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", Response(200, "OK"), id="reason glued on"),
    pytest.param(b"RTSP/1.0 200 \r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", Response(200), id="empty reason phrase"),
    pytest.param(
        b"RTSP/1.0 200 OK\r\nServer: Kamera f\xc3\xbcr\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nServer: Kamera f\xc3\xbcr\r\n\r\n",
        Response(200, "OK", Headers([("Server", "Kamera für")])),
        id="UTF-8",
    ),
    pytest.param(
        b"RTSP/1.0 200 OK\r\nServer: Kamera f\xfcr\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nServer: Kamera f\xc3\xbcr\r\n\r\n",
        Response(200, "OK", Headers([("Server", "Kamera für")])),
        id="Latin-1",
    ),
    pytest.param(
        b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        Response(200, "OK", Headers([("Content-Length", "2"), ("Content-Length", "2")]), b"ab"),
        id="Content-Length twice, the same",
    ),
    pytest.param(
        b"RTSP/1.0 200 OK\r\nX-Empty:\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nX-Empty: \r\n\r\n",
        Response(200, "OK", Headers([("X-Empty", "")])),
        id="empty value",
    ),
]


@pytest.mark.parametrize(("received", "normal", "value"), TABLE)
def test_table(received, normal, value):
    assert feeder.same_however_cut(received, collector()) == [value]
    if normal is not None:
        assert value.encode() == normal
        assert [message.encode() for message in collector()([normal])] == [normal]


@pytest.mark.parametrize(("first", "_normal", "value"), TABLE)
def test_glued_and_trailing(first, _normal, value):
    second = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"
    assert feeder.glued(first, second, collector()) == [value, Response(200, "OK", Headers([("CSeq", "9")]))]
    assert feeder.trailing(first, b"RTSP/1.0 200 OK\r\nCSe", collector()) == [value]
    assert feeder.trailing(first, b"$\0\0\x09abc", collector()) == [value]


def test_frames_between_messages_and_stray_line_ends():
    data = (
        frame(b"a")
        + b"\r\n\r\nOPTIONS * RTSP/1.0\r\n\r\n"
        + frame(b"", 1)
        + frame(b"x" * 300, 255)
        + b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n$\0\0\1"
        + frame(b"$\0\0\0")
    )
    assert feeder.same_however_cut(data, collector()) == [
        (0, b"a"),
        Request("OPTIONS", "*"),
        (1, b""),
        (255, b"x" * 300),
        Response(200, "OK", Headers([("Content-Length", "4")]), b"$\0\0\1"),
        (0, b"$\0\0\0"),
    ]


def test_largest_frame_in_small_pieces_is_not_copied_again_and_again():
    data = frame(b"x" * 65535) * 4
    seen: list[int] = []
    reader = Reader(lambda message: None, lambda channel, payload: seen.append(len(payload)))
    for at in range(0, len(data), 7):
        reader.feed(data[at : at + 7])
    assert seen == [65535] * 4


def test_frames_are_views_without_a_copy():
    data = frame(b"abc") + frame(b"de")
    views: list[memoryview] = []
    Reader(lambda message: None, lambda channel, payload: views.append(payload)).feed(data)
    assert [view.obj is data for view in views] == [True, True]


REFUSED = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS hello"),
    pytest.param(b"\0", 400, id="NUL"),
    pytest.param(b" OPTIONS", 400, id="blank in front"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="HTTP"),
    pytest.param(b"OPTIONS * RTSP/2.0\r\n\r\n", 505, id="RTSP 2.0"),
    pytest.param(b"RTSP/2.0 200 OK\r\n\r\n", 505, id="RTSP 2.0 response"),
    pytest.param(b"OPTIONS *\r\n\r\n", 400, id="no version"),
    pytest.param(b"OPTIONS RTSP/1.0\r\n\r\n", 400, id="no URI"),
    pytest.param(b"RTSP/1.0 20 OK\r\n\r\n", 400, id="status of two digits"),
    pytest.param(b"a" * 33, 400, id="endless method"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nnonsense\r\n\r\n", 400, id="no colon"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\n: x\r\n\r\n", 400, id="no name"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\n x\r\n\r\n", 400, id="folded line without a header"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nA: b\rc\r\n\r\n", 400, id="CR inside a value"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nA: b\0\r\n\r\n", 400, id="NUL inside a value"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", 400, id="negative length"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: 1x\r\n\r\n", 400, id="length not a number"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: \xc2\xb2\r\n\r\n", 400, id="length a superscript"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length:\r\n\r\n", 400, id="length empty"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\nab", 400, id="two lengths"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: 65537\r\n\r\n", 413, id="large body"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413, id="huge length"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 65 + b"\r\n", 400, id="many headers"),
    pytest.param(b"OPTIONS * RTSP/1.0\r\nA: " + b"b" * 8192, 400, id="long head"),
    pytest.param(b"OPTIONS rtsp://h/" + b"b" * 8192, 414, id="long URI"),
]


@pytest.mark.parametrize(("data", "status"), REFUSED)
def test_refused(data, status):
    assert feeder.same_however_cut(data, collector()) == [f"refused {status}"]


def test_what_came_before_an_error_is_seen():
    assert collector()([frame(b"a") + b"OPTIONS * RTSP/1.0\r\n\r\n\0"]) == [
        (0, b"a"),
        Request("OPTIONS", "*"),
        "refused 400",
    ]


@pytest.mark.parametrize("begin", [b"\x80", b"\0\0", b"GET /x\x01", b"<?xml", b"OPTIONS\r\n"])
def test_garbage_is_refused_at_its_first_bytes(begin):
    reader = Reader(lambda message: None, lambda channel, payload: None)
    with pytest.raises(RemoteProtocolError):
        reader.feed(begin)


def test_after_an_error_more_input_is_refused():
    reader = Reader(lambda message: None, lambda channel, payload: None)
    with pytest.raises(RemoteProtocolError):
        reader.feed(b"\0")
    with pytest.raises(RemoteProtocolError) as caught:
        reader.feed(b"OPTIONS * RTSP/1.0\r\n\r\n")
    assert caught.value.status == 0


def test_after_a_callable_raised_more_input_is_refused():
    def raises(channel, payload):
        raise ZeroDivisionError

    reader = Reader(lambda message: None, raises)
    with pytest.raises(ZeroDivisionError):
        reader.feed(frame(b"a"))
    with pytest.raises(RemoteProtocolError):
        reader.feed(b"\r\n")


def test_limits_are_met_to_the_byte():
    head = b"OPTIONS * RTSP/1.0\r\nA: "
    fits = head + b"b" * (8192 - len(head) - 4) + b"\r\n\r\n"
    (message,) = feeder.same_however_cut(fits, collector())
    assert isinstance(message, Request)
    assert collector()([head + b"b" * (8192 - len(head) - 3) + b"\r\n\r\n"]) == ["refused 400"]
    body = b"OPTIONS * RTSP/1.0\r\nContent-Length: 65536\r\n\r\n" + b"x" * 65536
    (message,) = collector()([body[:100], body[100:]])
    assert len(message.body) == 65536
    (message,) = collector()([b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 64 + b"\r\n"])
    assert len(message.headers) == 64


def test_client_limits_bear_what_cameras_do():
    data = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nnonsense\r\nContent-Length:\r\n" + b"A: b\r\n" * 100 + b"\r\n"
    (message,) = feeder.same_however_cut(data, collector(CLIENT_LIMITS))
    assert message.headers.get("cseq") == "1"
    assert message.body == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"RTSP/1.0 200 OK\r\nCSeq: 1\0\r\nServer: a\rb\x01\r\n\r\n", id="control bytes"),
        pytest.param(b"RTSP/1.0 200 OK\r\r\nCSeq: 1\r\r\nServer: ab\r\r\n\r\r\n", id="doubled CR"),
        pytest.param(b"RTSP/1.0 200 OK\r\nCSeq: 1\nServer: ab\n\r\n", id="mixed line ends"),
        pytest.param(b"RTSP/1.1 200 OK\r\nCSeq: 1\r\nServer: ab\r\n\r\n", id="RTSP/1.1"),
        pytest.param(b"RTSP/2.0 200 OK\r\nCSeq: 1\r\nServer:\r\n  ab\r\n\r\n", id="RTSP/2.0, folded"),
    ],
)
def test_heads_of_cameras(data):
    (message,) = feeder.same_however_cut(data, collector(CLIENT_LIMITS))
    assert (message.status, list(message.headers)) == (200, [("CSeq", "1"), ("Server", "ab")])


SDP = b"v=0\r\ns=cam\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n"


def described(length, sdp=SDP, more=b""):
    length = "" if length is None else f"Content-Length: {length}\r\n"
    return f"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\n{length}\r\n".encode() + sdp + more


@pytest.mark.parametrize("length", [0, 3, 5, len(SDP) - 4, len(SDP) - 2, len(SDP)])
@pytest.mark.parametrize(
    ("more", "after"),
    [
        (b"", []),
        (frame(b"v=0"), [(0, b"v=0")]),
        (b"\0\0", []),
        (b"RTSP/1.0 200 OK\r\n\r\n", [Response(200, "OK")]),
        (b"OPTIONS * RTSP/1.0\r\n\r\n", [Request("OPTIONS", "*")]),
    ],
)
def test_an_sdp_that_is_longer_than_it_says(length, more, after):
    message, *rest = collector(CLIENT_LIMITS)([described(length, more=more)])
    assert message.body.rstrip(b"\r\n\0") == SDP.rstrip()
    assert rest == after


def test_an_sdp_is_known_without_its_type():
    data = described(5).replace(b"Content-Type: application/sdp\r\n", b"")
    assert [message.body for message in collector(CLIENT_LIMITS)([data])] == [SDP]


def test_an_sdp_without_a_last_line_end_is_not_longer_than_it_says():
    sdp = SDP.rstrip()
    for more, after in ((frame(b"x"), (0, b"x")), (b"RTSP/1.0 200 OK\r\n\r\n", Response(200, "OK"))):
        assert feeder.same_however_cut(described(len(sdp), sdp, more), collector(CLIENT_LIMITS))[1:] == [after]


@pytest.mark.parametrize("body_length", list(BodyLength))
def test_lengths_that_cannot_be_read_or_differ(body_length):
    limits = replace(CLIENT_LIMITS, body_length=body_length)
    for length in ("5\r\nContent-Length: 900", "1x"):
        seen = collector(limits)([described(length, more=frame(b"x"))])
        if body_length is BodyLength.TRUST:
            assert seen == ["refused 400"]
        else:
            assert [seen[0].body, seen[1]] == [SDP, (0, b"x")]


@pytest.mark.parametrize("length", [None, len(SDP) + 9])
def test_an_sdp_without_an_end_is_ended_by_who_waits(length):
    seen = []
    reader = Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS)
    data = described(length)
    for piece in (data[:20], data[20:90], data[90:]):
        reader.feed(piece)
    assert (seen, reader.unfinished_body) == ([], True)
    reader.finish_body()
    assert ([message.body for message in seen], reader.unfinished_body, reader.mended) == ([SDP], False, 1)
    reader.finish_body()
    reader.feed(b"\0\0RTSP/1.0 200 OK\r\n\r\n")
    assert (seen[1:], reader.mended) == ([Response(200, "OK")], 2)


def test_what_is_nothing_behind_a_message_is_skipped_within_bounds():
    answer = b"RTSP/1.0 200 OK\r\n\r\n"
    late = b"ckID=0\r\na=x:$y\r\n\0\0"
    seen = feeder.same_however_cut(frame(b"a") + answer + late + answer + late + frame(b"b"), collector(CLIENT_LIMITS))
    assert seen == [(0, b"a"), Response(200, "OK"), Response(200, "OK"), (0, b"b")]
    trusting = replace(CLIENT_LIMITS, lost_place=LostPlace.CLOSE)
    assert collector(trusting)([answer + frame(b"a") + late])[2:] == ["refused 400"]
    endless = collector(CLIENT_LIMITS)([answer] + [b"=" * 1000] * 300)
    assert endless == [Response(200, "OK"), "refused 400"]
    assert collector()([answer + late])[1:] == ["refused 400"]


RTP = b"\x80\x60" + bytes(30)


@pytest.mark.parametrize("junk", [b"\0", b"\xff$\0\0\3\x80abc", b"$\xfejunk", RTP * 9])
def test_a_place_that_is_lost_is_found_at_frames_that_follow_each_other(junk):
    data = frame(b"a") + (junk if junk[0] != 0x24 else b"\0" + junk) + frame(RTP) + frame(RTP, 1) + frame(b"b")
    assert feeder.same_however_cut(data, collector(CLIENT_LIMITS)) == [(0, b"a"), (0, RTP), (1, RTP), (0, b"b")]
    assert collector()([data])[-1] == "refused 400"


def test_a_place_that_is_lost_is_not_sought_for_ever():
    once = frame(b"a") + b"\0" + frame(RTP) + frame(RTP)
    assert collector(CLIENT_LIMITS)([once * MAX_FINDS])[-1] == (0, RTP)
    assert collector(CLIENT_LIMITS)([once * (MAX_FINDS + 1)])[-1] == "refused 400"
    assert collector(CLIENT_LIMITS)([frame(b"a"), *[b"\0" * 1000] * 140])[-1] == "refused 400"


def test_bare_newlines_can_be_refused():
    strict = collector(ReaderLimits(bare_newline=BareNewline.REFUSE))
    assert strict([b"OPTIONS * RTSP/1.0\r\nA: b\n\r\n"]) == ["refused 400"]
    assert strict([b"OPTIONS * RTSP/1.0\r\n\r\n"]) == [Request("OPTIONS", "*")]


def test_a_flood_of_frames_keeps_no_memory():
    reader = Reader(lambda message: None, lambda channel, payload: None)
    chunk = frame(b"") * 4000 + b"$\0\xff\xff" + b"y" * 60_000
    rest = b"y" * (65535 - 60_000)
    gc.collect()
    tracemalloc.start()
    for _ in range(20):
        reader.feed(chunk)
        reader.feed(rest)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000


def test_headers():
    headers = Headers([("A", "1"), ("b", "2"), ("a", "3")])
    assert headers.get("a") == "1"
    assert headers.get("c") is None
    assert headers.get("c", "x") == "x"
    assert headers.all("A") == ["1", "3"]
    assert "B" in headers
    assert "c" not in headers
    headers.set("A", "4")
    assert list(headers) == [("A", "4"), ("b", "2")]
    headers.add("b", "5")
    headers.set("c", "6")
    assert list(headers) == [("A", "4"), ("b", "2"), ("b", "5"), ("c", "6")]
    assert headers == Headers([("a", "4"), ("B", "2"), ("b", "5"), ("C", "6")])
    assert headers != Headers()
    assert headers != "x"
    assert len(headers) == 4


def test_secrets_do_not_show():
    request = Request("PLAY", "rtsp://u:hush@h/a", Headers([("Authorization", "Basic hush"), ("CSeq", "1")]))
    assert "hush" not in repr(request)
    assert "CSeq" in repr(request)
    challenged = Response(401, headers=Headers([("WWW-Authenticate", 'Digest nonce="hush"')]))
    assert "hush" not in repr(challenged)
    with pytest.raises(RemoteProtocolError) as caught:
        Reader(lambda message: None, lambda channel, payload: None).feed(b"PLAY rtsp://u:hush@h/a RTSP/x\r\n\r\n")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        Request("PLAY\r\nX", "*"),
        Request("", "*"),
        Request("PLAY", ""),
        Request("PLAY", "a b"),
        Request("PLAY", "*", Headers([("A", "b\r\nC: d")])),
        Request("PLAY", "*", Headers([("A", "b\nC")])),
        Request("PLAY", "*", Headers([("A", "b\0")])),
        Request("PLAY", "*", Headers([("A: b\r\nC", "d")])),
        Response(99),
        Response(1000),
        Response(200, "OK\r\nA: b"),
    ],
)
def test_what_would_break_a_message_apart_is_not_sent(message):
    with pytest.raises(LocalProtocolError):
        message.encode()


def test_content_length_is_written_by_encode():
    sent = Response(200, headers=Headers([("content-length", "99")]), body=b"abc").encode()
    assert sent == b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    assert b"ontent" not in Response(200, headers=Headers([("Content-Length", "99")])).encode()
    assert Response(299).encode() == b"RTSP/1.0 299 Unknown\r\n\r\n"


def test_reasons_cover_the_codes_of_the_rfc():
    assert set(range(400, 407)) | set(range(451, 464)) | {408, 413, 414, 415, 500, 501, 503, 505, 551} <= set(REASONS)


# What belongs to a body that is longer than it says depends on what comes with it.
SHORT = CAMERAS / "generic_short_length_describe.txt"
REPLIES = sorted(path for path in CAMERAS.glob("*.txt") if not path.stem.endswith("_sdp") and path != SHORT)


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_replies_of_devices(path):
    (message,) = feeder.same_however_cut(path.read_bytes(), collector(CLIENT_LIMITS))
    assert isinstance(message, Response)
    assert message.status in (200, 400, 401)
    assert message.headers.get("CSeq") is not None


def test_the_reply_that_is_longer_than_it_says():
    seen: list[Response] = []
    reader = Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS)
    reader.feed(SHORT.read_bytes())
    assert seen[0].body.endswith(b"a=control:trackID=2\r\n")
    assert reader.mended == 1


TOKENS = st.text("abcXYZ019-_.", min_size=1, max_size=12).filter(lambda text: text[0].isalpha())
VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40).map(str.strip)
URIS = st.text(st.characters(min_codepoint=0x21, exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=40)
HEADERS = st.lists(st.tuples(TOKENS.filter(lambda name: name.lower() != "content-length"), VALUES), max_size=6)


@settings(max_examples=100)
@given(method=TOKENS, uri=URIS, headers=HEADERS, body=st.binary(max_size=60), cut=st.integers(0, 300))
def test_decode_of_encode_is_the_same(method, uri, headers, body, cut):
    sent = Request(method, uri, Headers(headers), body).encode()
    (again,) = collector()([sent[:cut], sent[cut:]])
    expected = [*headers, ("Content-Length", str(len(body)))] if body else headers
    assert again == Request(method, uri, Headers(expected), body)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=8), st.integers(1, 50))
def test_frames_however_cut(frames, size):
    data = b"".join(frame(payload, channel) for channel, payload in frames)
    assert collector()([data[at : at + size] for at in range(0, len(data), size)]) == frames


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_any_bytes_give_values_or_a_refusal(data):
    feeder.same_however_cut(data, collector(replace(CLIENT_LIMITS, body_length=BodyLength.TRUST)))
    collector(CLIENT_LIMITS)([data])
