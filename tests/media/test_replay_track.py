"""One track of a replay: its packets and its two kinds of time."""

from dataclasses import replace

import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.media.replay_line import Place
from bridge.media.replay_track import MAX_RUNS, ReplayTrack
from bridge.wire.jpeg.rtp import header_extension
from bridge.wire.replay_header import EXTENSION_BYTES, ReplayHeader
from bridge.wire.rtp import parse_extension, parse_header
from tests.wire.encoded import JPEG_420, JPEG_GREY

SPS = bytes.fromhex("6742c01ed9005005bb0110000003001000000303c0f162e480")
PPS = bytes.fromhex("68cb83cb20")
VIDEO = Track(Codec.H264, 90_000, parameter_sets=(SPS, PPS))
DAY = 1_800_000_000 * NS_PER_S
HEADER = ReplayHeader(DAY, True, False, True, False, 300)


def track(described=VIDEO, packet_bytes=200):
    return ReplayTrack(
        described, payload_type=96, ssrc=7, sequence=65_535, time_offset=1_000, packet_bytes=packet_bytes
    )


def unit(media_time=0, utc_ns=DAY, parts=(b"\x65" + bytes(500),), key=True):
    return AccessUnit(0, media_time, utc_ns, 0, key, parts)


def packets_of(made):
    return [made.interleaved[at : at + size] for at, size in made.spans()]


@pytest.mark.parametrize("size", [1, 150, 5000])
def test_the_extension_stands_in_the_first_packet_alone_and_none_is_too_large(size):
    made = track().packets(unit(parts=(b"\x65" + bytes(size),)), 5, HEADER.encode())
    packets = packets_of(made)
    assert max(map(len, packets)) <= 200
    extensions = [parse_extension(packet) for packet in packets]
    assert ReplayHeader.parse(*extensions[0]) == replace(HEADER, cseq=300 & 0xFF)
    assert extensions[1:] == [None] * (len(packets) - 1)
    heads = [parse_header(packet) for packet in packets]
    assert [head[0] for head in heads] == [False] * (len(packets) - 1) + [True]
    assert {(head[1], head[3], head[4]) for head in heads} == {(96, 5, 7)}
    assert [head[2] for head in heads] == [(65_535 + n) & 0xFFFF for n in range(len(packets))]
    assert made.octets == sum(head[6] - head[5] for head in heads)
    assert sum(map(len, packets)) == made.octets + 12 * len(packets) + EXTENSION_BYTES


def test_what_jpeg_needs_follows_in_the_same_extension():
    jpeg = track(Track(Codec.JPEG, 90_000), packet_bytes=1400)
    made = jpeg.packets(unit(parts=(JPEG_GREY,)), 5, HEADER.encode())
    packets = packets_of(made)
    assert max(map(len, packets)) <= 1400
    profile, words = parse_extension(packets[0])
    assert ReplayHeader.parse(profile, words) == replace(HEADER, cseq=300 & 0xFF)
    assert words[12:] == header_extension(JPEG_GREY)
    assert made.octets == sum(head[6] - head[5] for head in map(parse_header, packets))
    plain = packets_of(jpeg.packets(unit(parts=(JPEG_420,)), 5, HEADER.encode()))
    assert parse_extension(plain[0])[1] == HEADER.encode()[4:]


def test_numbers_run_on_and_key_frames_bring_their_parameter_sets():
    made = track(packet_bytes=1400)
    key = made.packets(unit(parts=(b"\x65key",)), 0, b"")
    assert SPS in key.interleaved
    assert made.next_sequence == 65_535 + key.packets
    other = made.packets(unit(parts=(b"\x41rest",), key=False), 0, b"")
    assert other.sequence == 65_535 + key.packets
    assert SPS not in other.interleaved
    assert made.packets(unit(parts=(), key=False), 0, b"") is None


def test_another_format_than_the_sdp_says_is_not_played_and_new_parameter_sets_are():
    made = track()
    made.begin(Track(Codec.H265, 90_000))
    assert not made.plays
    made.begin(None)
    assert not made.plays
    made.begin(replace(VIDEO, parameter_sets=(SPS, PPS + b"\x80")))
    assert made.plays
    assert PPS + b"\x80" in made.packets(unit(), 0, b"").interleaved


def test_at_true_speed_media_times_are_kept_to_the_tick_whatever_the_capture_times_say():
    made = track()
    place = Place(10 * NS_PER_S, 0, 1)
    first = made.shown_time(unit(777), place, 1, true_speed=True)
    assert first == 900_000 + 1_000
    later = Place(11 * NS_PER_S + 12_345, 0, 1)
    assert made.shown_time(unit(777 + 90_000), later, 1, true_speed=True) == first + 90_000
    # Another run counts from somewhere else, and a jump ties it anew.
    assert made.shown_time(unit(5), later, 2, true_speed=True) == 990_001 + 1_000
    assert made.shown_time(unit(9), Place(20 * NS_PER_S, 0, 2), 2, true_speed=True) == 1_800_000 + 1_000


def test_at_other_speeds_the_line_alone_counts():
    made = track()
    assert made.shown_time(unit(777), Place(10 * NS_PER_S, 0, 1), 1, true_speed=False) == 901_000
    assert made.shown_time(unit(778), Place(9 * NS_PER_S, 0, 1), 1, true_speed=False) == 811_000


def test_original_times_stay_whenever_a_unit_is_sent_and_runs_lie_apart_as_they_were_captured():
    made = track()
    first = made.original_time(unit(777), 1)
    assert made.original_time(unit(777 + 3_600), 1) == first + 3_600
    other = made.original_time(unit(5, DAY + 3600 * NS_PER_S), 9)
    assert other == (first + 3600 * 90_000) & 0xFFFFFFFF
    assert made.original_time(unit(777, DAY + 1), 1) == first
    for run in range(MAX_RUNS + 5):
        made.original_time(unit(), run)
    assert len(made._runs) == MAX_RUNS
