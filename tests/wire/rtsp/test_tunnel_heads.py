import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.tunnel_heads import TunnelAnswer, format_get, format_post, parse_answer
from tests import feeder


def test_get():
    assert format_get("/stream?x=1", "cam:80", "c00kie", "onb").decode().splitlines() == [
        "GET /stream?x=1 HTTP/1.0",
        "Host: cam:80",
        "User-Agent: onb",
        "x-sessioncookie: c00kie",
        "Accept: application/x-rtsp-tunnelled",
        "Pragma: no-cache",
        "Cache-Control: no-cache",
        "",
    ]


def test_post():
    lines = format_post("", "cam:80", "c00kie", "onb", "Digest x").decode().splitlines()
    assert lines[0] == "POST / HTTP/1.0"
    assert "Content-Type: application/x-rtsp-tunnelled" in lines
    assert "Content-Length: 32767" in lines
    assert "Authorization: Digest x" in lines


def test_nothing_gets_in_by_a_line_break():
    with pytest.raises(LocalProtocolError, match="line break"):
        format_get("/a\r\nX: y", "cam", "c", "onb")


@pytest.mark.parametrize(
    ("data", "answer", "rest"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\nRTSP", TunnelAnswer(200, "OK"), b"RTSP"),
        (b"HTTP/1.1 200\n\n$", TunnelAnswer(200, ""), b"$"),
        (b"RTSP/1.0 200 OK\r\n\r\n", TunnelAnswer(200, "OK"), b""),
        (
            b'HTTP/1.1 401 No\r\nwww-authenticate: Basic realm="a"\r\nWWW-Authenticate:Digest realm="b"\r\n\r\n',
            TunnelAnswer(401, "No", ('Basic realm="a"', 'Digest realm="b"')),
            b"",
        ),
    ],
)
def test_answers(data, answer, rest):
    assert parse_answer(data) == (answer, rest)
    assert all(parse_answer(data[:at]) is None for at in range(len(data) - len(rest) - 1))


@pytest.mark.parametrize("data", [b"rubbish\r\n\r\n", b"HTTP/1.0 OK\r\n\r\n", b"\r\n\r\n", b"x" * 17_000])
def test_what_is_no_answer(data):
    with pytest.raises(RemoteProtocolError):
        parse_answer(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_a_refusal(data):
    assert feeder.outcome_of(lambda piece: parse_answer(piece), [data]) in ("", "refused 0")
