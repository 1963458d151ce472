"""RTSP messages, frames, headers and URLs from any bytes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.headers import Range, RtpInfo, SessionHeader, Transport, parse_public, parse_transports
from bridge.wire.rtsp.message import CLIENT_LIMITS, SERVER_LIMITS, Reader, ReaderLimits, Request, Response
from bridge.wire.rtsp.replay_headers import (
    Frames,
    format_immediate,
    format_rate_control,
    format_scale,
    parse_immediate,
    parse_rate_control,
    parse_scale,
)
from bridge.wire.rtsp.url import RtspUrl, control_base, resolve_control

_PAIRS: list[tuple[Callable[[str], Any], Callable[[Any], str]]] = [
    (parse_scale, format_scale),
    (parse_rate_control, format_rate_control),
    (parse_immediate, format_immediate),
]

SEEDS = [
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    (
        b"SETUP rtsp://u:p@h:554/live/a/trackID=0 RTSP/1.0\r\nCSeq: 2\r\n"
        b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast;client_port=5000-5001\r\n\r\n"
    ),
    b"PLAY rtsp://[::1]/a/ RTSP/1.0\r\nCSeq: 3\r\nSession: abcd;timeout=60\r\nRange: npt=0.000-1:02:03.5\r\n\r\n",
    b"PLAY rtsp://h/r RTSP/1.0\nCSeq:4\nRange: clock=20261121T090000.25Z-20261121T091000Z\nRequire:\n onvif-replay\n\n",
    (
        b"PLAY rtsp://h/recordings/r RTSP/1.0\r\nCSeq: 7\r\nSession: abcd\r\nRate-Control: no\r\nScale: -1.0\r\n"
        b"Frames: intra/4000\r\nImmediate: yes\r\nRange: clock=20261121T090000.123456789Z-20261121T080000Z\r\n\r\n"
    ),
    b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nContent-Base: 10.0.0.5:554/stream0/\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    b"RTSP/1.0 200\r\nRTP-Info: url=trackID=0;seq=1;rtptime=2,url=rtsp://h/a,b;c;seq=65535;rtptime=4294967295;\r\n\r\n",
    b"$\0\0\x04abcd$\1\0\0\r\n$\2\0\1x",
    (
        b"RTSP/1.0 200 OK\r\nPublic: OPTIONS, DESCRIBE\r\nTransport: RTP/AVP;multicast;destination=239.1.2.3;port=5000;"
        b'ttl=16;mode="PLAY";ssrc=1A\r\nSession: x\r\n\r\n'
    ),
]


def run(data: bytes) -> None:
    """The reader sees the same however cut, its messages survive encoding, and every header gives value or refusal."""
    for limits in (SERVER_LIMITS, CLIENT_LIMITS):
        seen = _read([data], limits)
        middle = len(data) // 2
        assert _read([data[:middle], data[middle:]], limits) == seen
        if len(data) <= 2048:
            assert _read([data[at : at + 1] for at in range(len(data))], limits) == seen
    text = data.decode("utf-8", "replace")
    _headers(text)
    for message in seen[0]:
        if isinstance(message, Request | Response):
            _message(message)


def _read(pieces: list[bytes], limits: ReaderLimits) -> tuple[list[object], bool]:
    seen: list[object] = []
    reader = Reader(seen.append, lambda channel, payload: seen.append((channel, bytes(payload))), limits)
    try:
        for piece in pieces:
            reader.feed(piece)
    except RemoteProtocolError:
        return seen, True
    return seen, False


def _message(message: Request | Response) -> None:
    for name, value in message.headers:
        assert "\n" not in name + value
        _headers(value)
    repr(message)
    try:
        sent = message.encode()
    except LocalProtocolError:
        return
    (again,), refused = _read([sent], CLIENT_LIMITS)
    assert not refused
    assert again.body == message.body
    assert isinstance(again, type(message))


def _headers(text: str) -> None:
    for parse in (Transport.parse, Range.parse, SessionHeader.parse, RtspUrl.parse, RtpInfo.parse, Frames.parse):
        try:
            value = parse(text)
        except RemoteProtocolError:
            continue
        if isinstance(value, RtspUrl):
            assert RtspUrl.parse(value.with_credentials) == value
            if value.password:
                assert "@" not in value.without_credentials.partition("://")[2].partition("/")[0]
            continue
        try:
            sent = value.format()
        except LocalProtocolError:
            continue
        assert parse(sent) == value, (sent, value)
    for read, write in _PAIRS:
        with suppress(RemoteProtocolError):
            said = read(text)
            assert read(write(said)) == said
    with suppress(RemoteProtocolError):
        assert parse_transports(text)
    parse_public(text)
    resolve_control("rtsp://h/a?b=c", text)
    resolve_control(text, "trackID=1")
    control_base("rtsp://h:554/a", text)
