"""RTCP compounds and NTP time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, parse_utc
from bridge.wire import rtcp

BLOCK = rtcp.ReportBlock(0x0A0B0C0D, 64, -2, 0x00020003, 17, 0x11223344, 65536)
BLOCK_BYTES = bytes.fromhex("0A0B0C0D 40FFFFFE 00020003 00000011 11223344 00010000")
SENDER = bytes.fromhex("00000001 E0000000 80000000 00015F90 00000002 00000003")

# (bytes, packets); read in both directions
TABLE = [
    (bytes.fromhex("80C80006") + SENDER, [rtcp.SenderReport(1, 0xE000000080000000, 90000, 2, 3)]),
    (
        bytes.fromhex("81C8000C") + SENDER + BLOCK_BYTES,
        [rtcp.SenderReport(1, 0xE000000080000000, 90000, 2, 3, (BLOCK,))],
    ),
    (bytes.fromhex("80C90001 00000007"), [rtcp.ReceiverReport(7)]),
    (bytes.fromhex("81CA0003 00000007 01036F6E 62000000"), [rtcp.Sdes(7, "onb")]),
    (bytes.fromhex("81CA0003 00000007 01056361 6D2D3100"), [rtcp.Sdes(7, "cam-1")]),
    (bytes.fromhex("81CB0001 00000007"), [rtcp.Bye((7,))]),
    (bytes.fromhex("82CB0003 00000007 00000008 02627900"), [rtcp.Bye((7, 8), "by")]),
    (
        bytes.fromhex("80C90001 00000007 81CB0001 00000007"),
        [rtcp.ReceiverReport(7), rtcp.Bye((7,))],
    ),
]

# What cameras send that is not as it should be, and what we make of it.
LENIENT = {
    "unknown types are skipped": (bytes.fromhex("80CC0001 00000007 81CB0001 00000007"), [rtcp.Bye((7,))]),
    "length beyond the data": (
        bytes.fromhex("80C80064") + SENDER,
        [rtcp.SenderReport(1, 0xE000000080000000, 90000, 2, 3)],
    ),
    "more blocks announced than there are": (
        bytes.fromhex("9FC8000C") + SENDER + BLOCK_BYTES,
        [rtcp.SenderReport(1, 0xE000000080000000, 90000, 2, 3, (BLOCK,))],
    ),
    "sender report too short": (bytes.fromhex("80C80001 00000007"), []),
    "rubbish behind a report": (bytes.fromhex("80C90001 00000007") + b"rubbish!", [rtcp.ReceiverReport(7)]),
    "a NAME in front of the CNAME": (
        bytes.fromhex("81CA0004 00000007 02014101 036F6E62 00000000"),
        [rtcp.Sdes(7, "onb")],
    ),
    "SDES without CNAME": (bytes.fromhex("81CA0002 00000007 00000000"), []),
    "empty SDES": (bytes.fromhex("80CA0000"), []),
    "goodbye of nobody": (bytes.fromhex("80CB0000"), [rtcp.Bye(())]),
    "goodbye cut short": (bytes.fromhex("83CB0003 00000007"), [rtcp.Bye((7,))]),
}


@pytest.mark.parametrize(("data", "packets"), TABLE)
def test_both_directions(data, packets):
    assert rtcp.parse(data) == packets
    assert rtcp.encode(packets) == data


@pytest.mark.parametrize(("data", "packets"), LENIENT.values(), ids=LENIENT.keys())
def test_reads_leniently(data, packets):
    assert rtcp.parse(memoryview(data)) == packets


@pytest.mark.parametrize("data", [b"", b"\x80\xc8", b"\x00" * 8, b"\x80\x60\x00\x01aaaa", b"$\0\0\4"])
def test_what_is_not_rtcp_is_refused(data):
    with pytest.raises(RemoteProtocolError):
        rtcp.parse(data)


def test_counters_wrap_and_the_loss_is_clamped():
    report = rtcp.SenderReport(1, 5, (1 << 32) + 7, 1 << 32, (1 << 32) + 1, (rtcp.ReportBlock(2, 0, 1 << 30),))
    (parsed,) = rtcp.parse(rtcp.encode([report]))
    assert (parsed.rtp_timestamp, parsed.packets, parsed.octets) == (7, 0, 1)
    assert parsed.blocks[0].cumulative_lost == 0x7FFFFF


def test_more_than_31_blocks_are_our_defect():
    with pytest.raises(ValueError, match="32"):
        rtcp.encode([rtcp.ReceiverReport(1, (BLOCK,) * 32)])


@pytest.mark.parametrize(
    ("ntp", "text"),
    [
        (2_208_988_800 << 32, "1970-01-01T00:00:00Z"),
        (0xEEAC25A0 << 32 | 1 << 31, "2026-11-21T14:13:52.5Z"),
        ((1 << 64) - (1 << 32), "2036-02-07T06:28:15Z"),
        (0, "2036-02-07T06:28:16Z"),
        (1 << 32 | 1 << 30, "2036-02-07T06:28:17.25Z"),
    ],
)
def test_ntp_times_of_both_eras(ntp, text):
    assert rtcp.ntp_to_utc_ns(ntp) == parse_utc(text)
    assert rtcp.utc_ns_to_ntp(parse_utc(text)) == ntp


def test_a_report_of_zeros_has_no_wall_clock():
    assert rtcp.SenderReport(1, 0, 0).utc_ns is None
    assert rtcp.SenderReport(1, 2_208_988_800 << 32, 0).utc_ns == 0


@given(st.integers(0, 4_000_000_000 * NS_PER_S))
def test_ntp_keeps_nanoseconds(utc_ns):
    assert abs(rtcp.ntp_to_utc_ns(rtcp.utc_ns_to_ntp(utc_ns)) - utc_ns) <= 1


@given(
    st.binary(max_size=200)
    | st.builds(lambda kind, tail: bytes((0x81, kind)) + tail, st.integers(200, 203), st.binary(max_size=99))
)
def test_any_bytes_give_values_or_a_protocol_error(data):
    try:
        packets = rtcp.parse(data)
    except RemoteProtocolError:
        return
    for packet in packets:
        if not isinstance(packet, rtcp.Sdes) and not isinstance(packet, rtcp.Bye):
            assert rtcp.parse(rtcp.encode([packet])) == [packet]
