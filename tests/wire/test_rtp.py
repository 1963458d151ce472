"""RTP headers and wrapping numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire import rtp

HEAD = bytes.fromhex("60 1234 00000010 DEADBEEF")

# (packet, (marker, payload type, sequence, timestamp, SSRC), payload)
TABLE = [
    (b"\x80" + HEAD + b"abc", (False, 96, 0x1234, 16, 0xDEADBEEF), b"abc"),
    (b"\x80\xe0" + HEAD[1:] + b"abc", (True, 96, 0x1234, 16, 0xDEADBEEF), b"abc"),
    (b"\x80" + HEAD, (False, 96, 0x1234, 16, 0xDEADBEEF), b""),
    (b"\x82" + HEAD + b"CSRCCSRCabc", (False, 96, 0x1234, 16, 0xDEADBEEF), b"abc"),
    (b"\x90" + HEAD + bytes.fromhex("ABAC0001 01020304") + b"abc", (False, 96, 0x1234, 16, 0xDEADBEEF), b"abc"),
    (b"\xa0" + HEAD + b"abc\0\0\3", (False, 96, 0x1234, 16, 0xDEADBEEF), b"abc"),
    (b"\xa0" + HEAD + b"\0\0\3", (False, 96, 0x1234, 16, 0xDEADBEEF), b""),
    (b"\xb1" + HEAD + b"CSRC" + bytes.fromhex("BEDE0000") + b"a\1", (False, 96, 0x1234, 16, 0xDEADBEEF), b"a"),
]

REFUSED = {
    "nothing": b"",
    "short": b"\x80" + HEAD[:-1],
    "version 1": b"\x40" + HEAD,
    "CSRCs missing": b"\x8f" + HEAD + b"CSRC",
    "extension missing": b"\x90" + HEAD + b"\xab\xac",
    "extension longer than the packet": b"\x90" + HEAD + bytes.fromhex("ABAC0002 01020304"),
    "padding of nothing": b"\xa0" + HEAD + b"abc\0",
    "padding longer than the payload": b"\xa0" + HEAD + b"abc\5",
    "padding with no payload at all": b"\xa0" + HEAD,
}


@pytest.mark.parametrize(("packet", "fields", "payload"), TABLE)
def test_parses(packet, fields, payload):
    *parsed, start, end = rtp.parse_header(memoryview(packet))
    assert tuple(parsed) == fields
    assert packet[start:end] == payload


@pytest.mark.parametrize("packet", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(packet):
    with pytest.raises(RemoteProtocolError):
        rtp.parse_header(packet)


@given(
    st.booleans(),
    st.integers(0, 127),
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 40),
    st.integers(0, (1 << 32) - 1),
    st.none() | st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40).map(lambda data: data[: len(data) & ~3])),
)
def test_packs_what_it_parses(marker, payload_type, sequence, timestamp, ssrc, extension):
    packet = rtp.pack_header(payload_type, sequence, timestamp, ssrc, marker=marker, extension=extension) + b"payload"
    parsed = rtp.parse_header(packet)
    assert parsed[:5] == (marker, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    assert packet[parsed[5] : parsed[6]] == b"payload"
    assert rtp.parse_extension(packet) == extension


def test_extension_of_broken_words_is_our_defect():
    with pytest.raises(ValueError, match="3 bytes"):
        rtp.pack_header(96, 0, 0, 0, extension=(0xABAC, b"abc"))


@pytest.mark.parametrize(
    ("value", "near", "bits", "expected"),
    [
        (5, 0xFFFFFFF0, 32, 0x100000005),
        (0xFFFFFFF0, 0x100000005, 32, 0xFFFFFFF0),
        (0xFFFFFFF0, 5, 32, -16),
        (7, 7, 32, 7),
        (2, 65535, 16, 65538),
        (65535, 65536 * 3, 16, 65536 * 3 - 1),
    ],
)
def test_unwraps(value, near, bits, expected):
    assert rtp.unwrap(value, near, bits) == expected


@given(st.integers(-(1 << 50), 1 << 50), st.integers(-(1 << 31), (1 << 31) - 1))
def test_unwrap_undoes_wrapping_within_half_a_circle(near, step):
    assert rtp.unwrap((near + step) & 0xFFFFFFFF, near) == near + step


@given(st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_protocol_error(data):
    try:
        *_, start, end = rtp.parse_header(data)
    except RemoteProtocolError:
        return
    assert 12 <= start <= end <= len(data)
    rtp.parse_extension(data)
