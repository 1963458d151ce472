import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import MonotonicNs
from bridge.dialogue.rtp_receiver import RtpReceiver
from bridge.media.rtp_track import FAST_START_MAX_BYTES, RtpTrack, with_parameter_sets
from bridge.wire.rtp import parse_extension
from tests.live_viewers import PPS, SPS, VIDEO
from tests.wire.encoded import JPEG_420, jpeg_pixels, jpegs

VPS, SPS5, PPS5 = b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps"
HEVC = Track(Codec.H265, 90_000, parameter_sets=(VPS, SPS5, PPS5))


@pytest.mark.parametrize(
    ("track", "parts", "sent"),
    [
        (VIDEO, [b"\x65i"], [SPS, PPS, b"\x65i"]),
        (VIDEO, [b"\x09\xf0", b"\x65i"], [b"\x09\xf0", SPS, PPS, b"\x65i"]),
        (VIDEO, [SPS, PPS, b"\x65i"], [SPS, PPS, b"\x65i"]),
        (VIDEO, [b"\x67other", b"\x06sei", b"\x65i"], [PPS, b"\x67other", b"\x06sei", b"\x65i"]),
        (Track(Codec.H264, 90_000), [b"\x65i"], [b"\x65i"]),
        (HEVC, [b"\x26\x01i"], [VPS, SPS5, PPS5, b"\x26\x01i"]),
        (HEVC, [b"\x46\x01\x10", b"\x26\x01i"], [b"\x46\x01\x10", VPS, SPS5, PPS5, b"\x26\x01i"]),
    ],
)
def test_key_frames_carry_the_parameter_sets(track, parts, sent):
    assert list(with_parameter_sets(track, parts)) == sent


def unit(number, *, key=False, size=3000):
    return AccessUnit(0, number * 3600, 0, 0, key, (bytes((0x65 if key else 0x41,)) * size,))


def made():
    return RtpTrack(VIDEO, payload_type=96, ssrc=5, sequence=65_000, time_offset=2**32 - 10, packet_bytes=1400)


def test_packets_keep_to_their_size_and_numbers_run_on():
    track = made()
    gop = (unit(0, key=True), unit(1))
    track.open(gop)
    track.open(gop)
    third = track.take(unit(2))
    assert third is not None
    assert max(size for _, size in third.spans()) == 1400
    assert third.sequence == 65_000 + 5 + 3
    assert third.rtp_time == 2 * 3600 - 10
    track.close()
    track.open((unit(9, key=True),))
    assert track.next_sequence == third.sequence + 3 + 5


def test_jpeg_that_rfc_2435_cannot_tell_has_its_extension_in_the_first_packet():
    track = RtpTrack(Track(Codec.JPEG, 90_000), payload_type=26, ssrc=5, sequence=1, time_offset=0, packet_bytes=1400)
    track.open(())
    for picture, extended in ((JPEG_420, False), (jpegs(2592, 64, 1)[0], True)):
        made = track.take(AccessUnit(0, 0, 0, 0, True, (picture,)))
        packets = [made.interleaved[at : at + size] for at, size in made.spans()]
        assert max(map(len, packets)) <= 1400
        assert [parse_extension(packet) is not None for packet in packets] == [extended] + [False] * (len(packets) - 1)
        received = []
        receiver = RtpReceiver(track.track, lambda *unit, received=received: received.append(unit))
        for packet in packets:
            receiver.push(memoryview(packet), MonotonicNs(0))
        ((_, parts, key, damaged, _),) = received
        assert (jpeg_pixels(parts[0]), key, damaged) == (jpeg_pixels(picture), True, False)


@pytest.mark.parametrize(
    ("described", "part", "marked"),
    [
        (Track(Codec.ONVIF_METADATA, 90_000), b"<tt:MetadataStream/>" * 200, True),
        (Track(Codec.AAC_LATM, 16_000), bytes(700), True),
        (Track(Codec.OPUS, 48_000), bytes(80), False),
        (Track(Codec.G726, 8_000, config=b"G726-32"), bytes(80), False),
    ],
)
def test_what_is_no_picture_is_sent_and_comes_back(described, part, marked):
    track = RtpTrack(described, payload_type=97, ssrc=5, sequence=1, time_offset=0, packet_bytes=1400)
    track.open(())
    made = track.take(AccessUnit(0, 7, 0, 0, True, (part,)))
    packets = [made.interleaved[at : at + size] for at, size in made.spans()]
    assert [packet[1] >> 7 for packet in packets] == [0] * (len(packets) - 1) + [marked]
    received = []
    receiver = RtpReceiver(described, lambda *unit: received.append(unit))
    for packet in packets:
        receiver.push(memoryview(packet), MonotonicNs(0))
    assert received == [(7, (part,), True, False, 0)]


def test_the_burst_is_made_once_a_moment_and_only_of_what_is_live():
    track = made()
    gop = (unit(0, key=True), unit(1))
    track.open(gop)
    burst = track.burst(gop[0])
    assert track.burst(gop[0]) is burst
    assert [packets.rtp_time for packets in burst] == [3600 - 11, 3600 - 10]
    assert track.burst(None) == ()
    assert track.burst(unit(0, key=True)) == ()
    track.take(unit(2))
    assert len(track.burst(gop[0])) == 3
    track.close()
    assert track.burst(gop[0]) == ()


def test_a_gop_that_is_too_large_is_no_fast_start():
    track = made()
    key = unit(0, key=True, size=FAST_START_MAX_BYTES // 2)
    track.open((key,))
    assert track.burst(key)
    track.take(unit(1, size=FAST_START_MAX_BYTES // 2))
    assert not track.burst(key)
    again = unit(2, key=True)
    track.take(again)
    assert track.burst(again)


def test_the_allowance_follows_the_larger_of_two_gops():
    track = made()
    track.open(())
    for number in range(40):
        track.take(unit(number, key=number % 10 == 0, size=100_000 if number < 10 else 200_000))
    assert track.allowance.size_bytes == pytest.approx(2.5 * 10 * 200_000, rel=0.03)


def test_a_unit_of_which_nothing_can_be_sent_uses_no_numbers():
    track = made()
    track.open(())
    assert track.take(AccessUnit(0, 0, 0, 0, False, (b"\x1c\x00",))) is None
    assert track.next_sequence == 65_000
