"""Transport, Range, RTP-Info, Session and Public."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.time import parse_utc
from bridge.wire.rtsp.headers import (
    LowerTransport,
    Range,
    RangeUnit,
    RtpInfo,
    RtpInfoEntry,
    SessionHeader,
    Transport,
    parse_public,
    parse_transports,
)
from bridge.wire.rtsp.message import CLIENT_LIMITS, Reader, Response

CAMERAS = Path(__file__).parents[2] / "fixtures" / "cameras"
TCP, UDP = LowerTransport.TCP, LowerTransport.UDP


def header_of(name: str, header: str) -> str:
    seen: list[Response] = []
    reader = Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS)
    reader.feed((CAMERAS / f"{name}.txt").read_bytes())
    return seen[0].headers.get(header) or ""


# as received, normal form, value
TRANSPORTS = [
    ("RTP/AVP", "RTP/AVP;unicast", Transport()),
    ("RTP/AVP/UDP;unicast;client_port=5000-5001", "RTP/AVP;unicast;client_port=5000-5001",
     Transport(client_port=(5000, 5001))),
    ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=0-1",
     Transport(lower=TCP, interleaved=(0, 1))),
    ("rtp/avp/tcp ; Unicast ; Interleaved = 2 - 3 ;", "RTP/AVP/TCP;unicast;interleaved=2-3",
     Transport(lower=TCP, interleaved=(2, 3))),
    ("RTP/AVP;unicast;client_port=5000", "RTP/AVP;unicast;client_port=5000-5001", Transport(client_port=(5000, 5001))),
    ("RTP/AVP/TCP;interleaved=4", "RTP/AVP/TCP;unicast;interleaved=4-5", Transport(lower=TCP, interleaved=(4, 5))),
    ('RTP/AVP;unicast;client_port=1-2;server_port=3-4;ssrc=1a2b;mode="play";x-new=1;append',
     'RTP/AVP;unicast;client_port=1-2;server_port=3-4;ssrc=00001A2B;mode="PLAY"',
     Transport(client_port=(1, 2), server_port=(3, 4), ssrc=0x1A2B, mode="PLAY")),
    ("RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16",
     "RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16",
     Transport(multicast=True, destination="239.1.2.3", port=(5000, 5001), ttl=16)),
    ("RTP/AVP;unicast;source=10.0.0.1;destination=10.0.0.2", "RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.1",
     Transport(source="10.0.0.1", destination="10.0.0.2")),
    ("RTP/SAVP;unicast;client_port=1-2", "RTP/SAVP;unicast;client_port=1-2",
     Transport(profile="RTP/SAVP", client_port=(1, 2))),
    ("RTP/AVP;unicast;ssrc=zzz;ttl=999", "RTP/AVP;unicast", Transport()),
    ("RTP/AVP;unicast;ssrc=123456789", "RTP/AVP;unicast", Transport()),
]  # fmt: skip


@pytest.mark.parametrize(("received", "normal", "value"), TRANSPORTS)
def test_transport(received, normal, value):
    assert Transport.parse(received) == value
    assert value.format() == normal
    assert Transport.parse(normal) == value
    assert value.unicast is not value.multicast


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        ("RTP", 400),
        ("RTP/AVP/TCP/X", 400),
        ("R TP/AVP", 400),
        ("RTP/AVP/DCCP", 461),
        ("RTP/AVP;client_port=x", 400),
        ("RTP/AVP;client_port=", 400),
        ("RTP/AVP;client_port=65535", 400),
        ("RTP/AVP;client_port=1-70000", 400),
        ("RTP/AVP;client_port=1-2-3", 400),
        ("RTP/AVP;client_port=-1", 400),
        ("RTP/AVP/TCP;interleaved=256-257", 400),
        ("RTP/AVP;client_port=" + "9" * 5000, 400),
    ],
)
def test_transport_refused(text, status):
    with pytest.raises(RemoteProtocolError) as caught:
        Transport.parse(text)
    assert caught.value.status == status
    assert len(str(caught.value)) < 300


def test_transports_in_order_of_preference():
    text = 'RAW/RAW/DCCP,RTP/AVP/TCP;unicast;interleaved=0-1;mode="PLAY,RECORD", RTP/AVP;client_port=x , RTP/AVP,'
    assert parse_transports(text) == [Transport(lower=TCP, interleaved=(0, 1), mode="PLAY,RECORD"), Transport()]
    for text, status in (("", 400), (" , ", 400), ("RTP/AVP/DCCP", 461), ("x,RTP/AVP/DCCP", 461)):
        with pytest.raises(RemoteProtocolError) as caught:
            parse_transports(text)
        assert caught.value.status == status
    assert len(parse_transports("RTP/AVP," * 1000)) == 16


@pytest.mark.parametrize("text", ["a;b", "a b", "a,b", "a\r\nb", 'a"'])
def test_transport_does_not_send_what_would_end_a_parameter(text):
    with pytest.raises(LocalProtocolError):
        Transport(source=text).format()


S = 1_000_000_000
NINE = parse_utc("2026-11-21T09:00:00Z")
RANGES = [
    ("npt=now-", "npt=now-", Range(RangeUnit.NPT, now=True)),
    ("NPT = Now -", "npt=now-", Range(RangeUnit.NPT, now=True)),
    ("npt=now", "npt=now-", Range(RangeUnit.NPT, now=True)),
    ("npt=0-", "npt=0.000-", Range(RangeUnit.NPT, 0)),
    ("npt=0.000000-", "npt=0.000-", Range(RangeUnit.NPT, 0)),
    ("npt=0- 596.48", "npt=0.000-596.480", Range(RangeUnit.NPT, 0, 596_480_000_000)),
    ("npt=-20", "npt=-20.000", Range(RangeUnit.NPT, None, 20 * S)),
    ("npt=1:02:03.5-10:00:00", "npt=3723.500-36000.000", Range(RangeUnit.NPT, 3723_500_000_000, 36000 * S)),
    ("npt=1.-2.000000001", "npt=1.000-2.000000001", Range(RangeUnit.NPT, S, 2 * S + 1)),
    ("npt=0.1234567899-", "npt=0.123456789-", Range(RangeUnit.NPT, 123_456_789)),
    ("npt=5-;time=20261121T090000Z", "npt=5.000-", Range(RangeUnit.NPT, 5 * S)),
    ("clock=20261121T090000Z-", "clock=20261121T090000Z-", Range(RangeUnit.CLOCK, NINE)),
    ("clock=20261121T090000Z", "clock=20261121T090000Z-", Range(RangeUnit.CLOCK, NINE)),
    ("clock=20261121T090000.250Z-20261121T090001.000000001Z", "clock=20261121T090000.25Z-20261121T090001.000000001Z",
     Range(RangeUnit.CLOCK, NINE + S // 4, NINE + S + 1)),
    ("clock=20261121t090001z-20261121t090000z", "clock=20261121T090001Z-20261121T090000Z",
     Range(RangeUnit.CLOCK, NINE + S, NINE)),
    ("clock=20261121T085960Z-", "clock=20261121T090000Z-", Range(RangeUnit.CLOCK, NINE)),
    ("clock=00010101T000000Z-", "clock=00010101T000000Z-", Range(RangeUnit.CLOCK, parse_utc("0001-01-01T00:00:00Z"))),
]  # fmt: skip


@pytest.mark.parametrize(("received", "normal", "value"), RANGES)
def test_range(received, normal, value):
    assert Range.parse(received) == value
    assert value.format() == normal
    assert Range.parse(normal) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "npt",
        "npt=",
        "npt=-",
        "npt=5",
        "npt=a-",
        "npt=-now",
        "npt=5-now",
        "npt=1e3-",
        "npt=" + "9" * 5000 + "-",
        "smpte=0:0:0-",
        "clock=",
        "clock=-",
        "clock=-20261121T090000Z",
        "clock=20261121T090000-",
        "clock=20261121T090000.Z-",
        "clock=20261121T090000.1234567890Z-",
        "clock=20261321T090000Z-",
        "clock=20261121T250000Z-",
        "clock=20261121T090061Z-",
        "clock=20261121T090000Z-x",
        "clock=\u0662\u0660\u0662\u06661121T090000Z-",
    ],
)
def test_range_refused_with_457(text):
    with pytest.raises(RemoteProtocolError) as caught:
        Range.parse(text)
    assert caught.value.status == 457
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "value",
    [Range(RangeUnit.NPT), Range(RangeUnit.CLOCK), Range(RangeUnit.NPT, -1), Range(RangeUnit.CLOCK, 10**24)],
)
def test_range_that_cannot_be_sent(value):
    with pytest.raises(LocalProtocolError):
        value.format()


A, B = "rtsp://h/a/trackID=0", "rtsp://h/a/trackID=1"
RTP_INFOS = [
    (f"url={A};seq=1;rtptime=2,url={B};seq=65535;rtptime=4294967295",
     f"url={A};seq=1;rtptime=2,url={B};seq=65535;rtptime=4294967295",
     (RtpInfoEntry(A, 1, 2), RtpInfoEntry(B, 65535, 4294967295))),
    (f"URL = {A} ; Seq = 1 ; RTPTIME = 2 ;", f"url={A};seq=1;rtptime=2", (RtpInfoEntry(A, 1, 2),)),
    (f"url={A};rtptime=2;seq=1", f"url={A};seq=1;rtptime=2", (RtpInfoEntry(A, 1, 2),)),
    (f"url={A}", f"url={A}", (RtpInfoEntry(A),)),
    (f"url={A};seq=1", f"url={A};seq=1", (RtpInfoEntry(A, 1),)),
    (f"url={A};seq=;rtptime=x", f"url={A}", (RtpInfoEntry(A),)),
    (f"url={A};seq=65536;rtptime=4294967296", f"url={A}", (RtpInfoEntry(A),)),
    ("url=trackID=0;seq=3;rtptime=4", "url=trackID=0;seq=3;rtptime=4", (RtpInfoEntry("trackID=0", 3, 4),)),
    ('url="trackID=0";seq=3', "url=trackID=0;seq=3", (RtpInfoEntry("trackID=0", 3),)),
    ("trackID=0;seq=3", "url=trackID=0;seq=3", (RtpInfoEntry("trackID=0", 3),)),
    ("url=rtsp://h/a;b,c;seq=3,url=x;seq=4", None, (RtpInfoEntry("rtsp://h/a;b,c", 3), RtpInfoEntry("x", 4))),
    ("seq=3", None, (RtpInfoEntry("seq=3"),)),
    ("", "", ()),
    (";;", "", ()),
]  # fmt: skip


@pytest.mark.parametrize(("received", "normal", "entries"), RTP_INFOS)
def test_rtp_info(received, normal, entries):
    assert RtpInfo.parse(received) == RtpInfo(entries)
    if normal is not None:
        assert RtpInfo(entries).format() == normal
        assert RtpInfo.parse(normal) == RtpInfo(entries)


def test_rtp_info_is_bounded_and_checked():
    assert len(RtpInfo.parse(",".join(["url=a;seq=1"] * 1000)).entries) == 64
    for url in ("", "a,b", "a b", "a\r\nb"):
        with pytest.raises(LocalProtocolError):
            RtpInfo((RtpInfoEntry(url),)).format()


@pytest.mark.parametrize(
    ("received", "normal", "value"),
    [
        ("abc", "abc;timeout=60", SessionHeader("abc")),
        ("abc;timeout=30", "abc;timeout=30", SessionHeader("abc", 30)),
        (" 5c11ab07; Timeout = 120 ;x", "5c11ab07;timeout=120", SessionHeader("5c11ab07", 120)),
        ("abc;timeout=", "abc;timeout=60", SessionHeader("abc")),
        ("abc;timeout=0", "abc;timeout=60", SessionHeader("abc")),
        ("abc;timeout=-5", "abc;timeout=60", SessionHeader("abc")),
        ("a/b+c=", "a/b+c=;timeout=60", SessionHeader("a/b+c=")),
    ],
)
def test_session(received, normal, value):
    assert SessionHeader.parse(received) == value
    assert value.format() == normal
    assert SessionHeader.parse(normal) == value


@pytest.mark.parametrize("text", ["", ";timeout=60", "a b", "x" * 257])
def test_session_refused(text):
    with pytest.raises(RemoteProtocolError) as caught:
        SessionHeader.parse(text)
    assert caught.value.status == 400


def test_public():
    assert parse_public("OPTIONS, describe ;PLAY  PAUSE,,<>") == {"OPTIONS", "DESCRIBE", "PLAY", "PAUSE"}
    assert parse_public("") == frozenset()


def test_headers_of_devices():
    assert Transport.parse(header_of("dahua_setup", "Transport")) == Transport(
        lower=TCP, interleaved=(0, 1), ssrc=0x1A2B3C
    )
    assert Transport.parse(header_of("gw_setup", "Transport")) == Transport(
        lower=TCP, interleaved=(0, 1), source="198.51.100.14", destination="198.51.100.200"
    )
    assert SessionHeader.parse(header_of("gw_play", "Session")) == SessionHeader("5c11ab07", 120)
    assert SessionHeader.parse(header_of("dahua_options", "Session")) == SessionHeader("205500117733")
    assert "GET_PARAMETER" in parse_public(header_of("dahua_options", "Public"))
    assert Range.parse(header_of("dahua_play", "Range")) == Range(RangeUnit.NPT, 0)
    assert [(e.url, e.seq) for e in RtpInfo.parse(header_of("dahua_play", "RTP-Info")).entries] == [
        ("trackID=0", 41000),
        ("trackID=1", 42000),
        ("trackID=4", 43000),
    ]
    assert RtpInfo.parse(header_of("laureii_play", "RTP-Info")).entries == (
        RtpInfoEntry("rtsp://198.51.100.15:554/0/main/trackID=0", 0, 0),
    )
    assert [entry.url for entry in RtpInfo.parse(header_of("wowza_play", "RTP-Info")).entries] == [
        "trackID=1",
        "rtsp://media.example/vod/mp4:film.mov/trackID=2",
    ]


PORTS = st.none() | st.tuples(st.integers(0, 65535), st.integers(0, 65535))
HOSTS = st.from_regex(r"\A(|[a-z0-9.:-]{1,20})\Z")


@settings(max_examples=100)
@given(
    st.builds(
        Transport,
        profile=st.sampled_from(["RTP/AVP", "RTP/SAVP", "RTP/AVPF"]),
        lower=st.sampled_from(LowerTransport),
        multicast=st.booleans(),
        interleaved=st.none() | st.tuples(st.integers(0, 255), st.integers(0, 255)),
        client_port=PORTS,
        server_port=PORTS,
        port=PORTS,
        source=HOSTS,
        destination=HOSTS,
        ttl=st.none() | st.integers(0, 255),
        ssrc=st.none() | st.integers(0, 2**32 - 1),
        mode=st.sampled_from(["", "PLAY"]),
    )
)
def test_parse_of_format_is_the_same_transport(value):
    assert Transport.parse(value.format()) == value


NPT_NS = st.integers(0, 10**18)
CLOCK_NS = st.integers(parse_utc("0001-01-01T00:00:00Z"), parse_utc("9999-12-31T23:59:59.999999999Z"))


@settings(max_examples=100)
@given(
    st.builds(Range, st.just(RangeUnit.NPT), NPT_NS, st.none() | NPT_NS)
    | st.builds(Range, st.just(RangeUnit.CLOCK), CLOCK_NS, st.none() | CLOCK_NS)
)
def test_parse_of_format_is_the_same_range(value):
    assert Range.parse(value.format()) == value


@settings(max_examples=150)
@given(st.text(max_size=80) | st.text("npt=clock0123456789-.:TZ;,RTP/AVUDC \"'", max_size=60))
def test_any_text_gives_a_value_or_a_refusal(text):
    RtpInfo.parse(text)
    parse_public(text)
    for parse in (Transport.parse, parse_transports, Range.parse, SessionHeader.parse):
        with suppress(RemoteProtocolError):
            parse(text)
