import pytest

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S
from bridge.dialogue.rtp_talk import (
    BYTES_PER_S,
    MAX_PACKET_BYTES,
    PAUSE_NS,
    Dropped,
    TalkRelay,
    best_to_talk,
    offered_loudspeaker,
    talk_payload_type,
)
from bridge.wire.rtp import parse_header
from bridge.wire.sdp import Direction
from tests.fake_camera import rtp

MS = NS_PER_S // 1000
PCMU = Track(Codec.PCMU, 8_000)
AAC = Track(Codec.AAC, 16_000, config=bytes.fromhex("1408"))
G726 = Track(Codec.G726, 8_000, config=b"G726-32")
SOUND = bytes(range(160))


class Relay:
    """A relay and what came out: (marker, payload type, sequence number, time, SSRC) and payload, or why not."""

    def __init__(self, track=PCMU, payload_type=0):
        self.relay = TalkRelay(track, payload_type=payload_type, ssrc=0xC0FFEE, sequence=65_534, rtp_time=2**32 - 160)

    def take(self, packet, now=0):
        out = self.relay.relay(memoryview(packet), now)
        if isinstance(out, Dropped):
            return out
        marker, payload_type, sequence, time, ssrc, start, end = parse_header(out)
        assert (payload_type, ssrc) == (self.relay._payload_type, 0xC0FFEE)
        return marker, sequence, time, out[start:end]


def said(sequence, timestamp, payload=SOUND, **more):
    return rtp(sequence, payload, timestamp=timestamp, **({"marker": False, "payload_type": 0} | more))


@pytest.mark.parametrize(
    ("track", "payload_type"),
    [(PCMU, 0), (Track(Codec.PCMA, 8_000), 8), (Track(Codec.PCMU, 16_000), 97), (G726, 97), (AAC, 97)],
)
def test_which_number_talkers_are_asked_for(track, payload_type):
    assert talk_payload_type(track) == payload_type
    offered = offered_loudspeaker(track)
    assert offered.track == 100
    assert offered.media.payload_types == [payload_type]
    assert offered.media.direction is Direction.SENDONLY
    assert [name for name, _ in offered.media.attributes].count("sendonly") == 1


@pytest.mark.parametrize(
    ("tracks", "best"),
    [
        ([], None),
        ([Track(Codec.OPUS, 48_000)], None),
        ([AAC, G726], G726),
        ([AAC, Track(Codec.PCMA, 8_000), PCMU], PCMU),
    ],
)
def test_the_best_format(tracks, best):
    assert best_to_talk(tracks) == best


def test_a_talk_spurt_is_numbered_on_and_marked_at_its_beginning():
    relay = Relay()
    out = [relay.take(said(7 + n, 900 + 160 * n), 20 * MS * n) for n in range(4)]
    assert out == [
        (True, 65_534, 2**32 - 160, SOUND),
        (False, 65_535, 0, SOUND),
        (False, 0, 160, SOUND),
        (False, 1, 320, SOUND),
    ]


def test_a_header_extension_and_padding_do_not_go_on():
    packet = bytearray(said(7, 0, b"\xbe\xde\x00\x01abcd" + SOUND + b"\x00\x02"))
    packet[0] |= 0x30
    assert Relay().take(packet)[3] == SOUND


@pytest.mark.parametrize("stands_still", [True, False])
def test_after_a_pause_time_has_gone_on_whatever_the_talker_says(stands_still):
    relay = Relay()
    relay.take(said(7, 0), 0)
    marker, sequence, time, _ = relay.take(said(8, 160 if stands_still else 8_000), NS_PER_S)
    assert (marker, sequence, time) == (True, 65_535, 8_000 - 160)
    assert relay.take(said(9, 320 if stands_still else 8_160), NS_PER_S + PAUSE_NS)[0] is False


def test_a_marker_of_the_talker_is_kept():
    relay = Relay()
    relay.take(said(7, 0), 0)
    assert relay.take(said(8, 160, marker=True), 20 * MS)[0] is True


def test_the_next_talker_goes_on_where_the_first_one_stopped():
    relay = Relay()
    relay.take(said(7, 0), 0)
    relay.take(said(8, 160), 20 * MS)
    marker, sequence, time, _ = relay.take(said(40_000, 77_777, ssrc=9), 25 * MS)
    # Not 40 ticks, as the clock says: the sound before takes 160.
    assert (marker, sequence, time) == (True, 0, 160)
    assert relay.take(said(40_001, 77_937, ssrc=9), 45 * MS)[:3] == (False, 1, 320)


def test_the_next_talker_may_have_the_same_numbers():
    relay = Relay()
    relay.take(said(7, 0), 0)
    relay.relay.begin()
    assert relay.take(said(7, 0), 20 * MS)[:3] == (True, 65_535, 0)


@pytest.mark.parametrize("sequence", [8, 7, 65_500])
def test_late_packets_and_doubles(sequence):
    relay = Relay()
    relay.take(said(7, 0), 0)
    relay.take(said(8, 160), 0)
    assert relay.take(said(sequence, 0), 0) is Dropped.LATE


@pytest.mark.parametrize(("sequence", "timestamp"), [(30_000, 320), (9, 2**31), (40_000, 320)])
def test_a_talker_who_jumps_is_a_new_stream(sequence, timestamp):
    relay = Relay()
    relay.take(said(7, 0), 0)
    relay.take(said(8, 160), 20 * MS)
    marker, number, _, _ = relay.take(said(sequence, timestamp), 40 * MS)
    assert number == 0
    assert marker is (sequence != 30_000)
    assert relay.take(said(sequence + 1, timestamp + 160), 60 * MS)[:2] == (False, 1)


def test_markers_of_aac_end_frames():
    relay = Relay(AAC, 104)
    assert relay.take(said(7, 0, payload_type=97), 0)[0] is False
    assert relay.take(said(8, 0, payload_type=97, marker=True), 0)[0] is True


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", Dropped.MALFORMED),
        (b"\x00" * 12, Dropped.MALFORMED),
        (said(7, 0, b""), Dropped.MALFORMED),
        (said(7, 0, payload_type=8), Dropped.PAYLOAD_TYPE),
        (said(7, 0, bytes(MAX_PACKET_BYTES - 11)), Dropped.TOO_LARGE),
    ],
)
def test_what_does_not_go_on(packet, why):
    assert Relay().take(packet) is why


def test_who_sends_faster_than_time_goes_is_bounded():
    relay = Relay()
    packet = bytes(MAX_PACKET_BYTES - 12)
    out = [relay.take(said(n, 1440 * n, packet), 0) for n in range(100)]
    assert len([each for each in out if each is not Dropped.TOO_MUCH]) == BYTES_PER_S // MAX_PACKET_BYTES
    out = [relay.take(said(100 + n, 1440 * n, packet), NS_PER_S * 10) for n in range(100)]
    assert len([each for each in out if each is not Dropped.TOO_MUCH]) == BYTES_PER_S // MAX_PACKET_BYTES
