"""The header extension of replayed packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, parse_utc
from bridge.wire import rtp
from bridge.wire.replay_header import EXTENSION_BYTES, PROFILE, ReplayHeader, followed_by

EPOCH_1900_S = 2_208_988_800
ERA_1 = parse_utc("2036-02-07T06:28:16Z")

# (bytes, value); NTP 0x83AA7E80 is 1970
TABLE = [
    ("ABAC0003 83AA7E80 00000000 00 00 0000", ReplayHeader(0, False, False, False, False, 0)),
    ("ABAC0003 83AA7E81 80000000 80 07 0000", ReplayHeader(1_500_000_000, True, False, False, False, 7)),
    ("ABAC0003 83AA7E80 00000005 40 FF 0000", ReplayHeader(1, False, True, False, False, 255)),
    ("ABAC0003 FFFFFFFF 80000000 20 01 0000", ReplayHeader(ERA_1 - NS_PER_S // 2, False, False, True, False, 1)),
    ("ABAC0003 00000000 00000000 10 01 0000", ReplayHeader(ERA_1, False, False, False, True, 1)),
    ("ABAC0003 00000001 40000000 F0 01 0000", ReplayHeader(ERA_1 + 1_250_000_000, True, True, True, True, 1)),
]


@pytest.mark.parametrize(("data", "header"), TABLE)
def test_both_ways(data, header):
    data = bytes.fromhex(data)
    assert header.encode() == data
    assert len(data) == EXTENSION_BYTES
    assert ReplayHeader.parse(int.from_bytes(data[:2]), data[4:]) == header


@given(
    st.integers(0, parse_utc("2100-01-01T00:00:00Z")),
    *[st.booleans()] * 4,
    st.integers(0, 1 << 40),
)
def test_a_time_survives_to_the_nanosecond_also_where_it_is_cut(utc_ns, clean, end, discontinuity, terminal, cseq):
    header = ReplayHeader(utc_ns, clean, end, discontinuity, terminal, cseq)
    data = header.encode()
    packet = rtp.pack_header(96, 1, 2, 3, extension=(PROFILE, data[4:]))
    assert packet[12:] == data
    assert ReplayHeader.parse(*rtp.parse_extension(packet)) == ReplayHeader(
        utc_ns, clean, end, discontinuity, terminal, cseq & 0xFF
    )
    # A client that cuts instead of rounding sees the same nanosecond.
    fraction = int.from_bytes(data[8:12])
    assert fraction * NS_PER_S >> 32 == utc_ns % NS_PER_S


def test_what_must_be_zero_is_passed_over_and_jpeg_headers_may_follow():
    words = bytes.fromhex("83AA7E80 00000000 8F 05 FFFF FFD80001 FFDB0000")
    assert ReplayHeader.parse(PROFILE, words) == ReplayHeader(0, True, False, False, False, 5)


def test_another_extension_behind_it():
    header = TABLE[1][1]
    both = followed_by(header.encode(), bytes.fromhex("FFD80002 FFDD0004 0005FFFF"))
    assert both == bytes.fromhex("ABAC0006 83AA7E81 80000000 80 07 0000 FFD80002 FFDD0004 0005FFFF")
    packet = rtp.pack_header(96, 1, 2, 3, extension=(PROFILE, both[4:]))
    assert ReplayHeader.parse(*rtp.parse_extension(packet)) == header


@pytest.mark.parametrize(("profile", "words"), [(0xBEDE, bytes(12)), (PROFILE, bytes(8)), (PROFILE, b"")])
def test_refuses(profile, words):
    with pytest.raises(RemoteProtocolError, match="header extension"):
        ReplayHeader.parse(profile, words)
