"""Any bytes as RTP packets, through a receiver: units or counted refusals, never an error, nothing left waiting."""

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, MonotonicNs
from bridge.dialogue.rtp_receiver import REORDER_PACKETS, RtpReceiver
from bridge.wire import rtp

_P = b"\x41\x9aslice"

# Packets, each behind a byte of its length.
SEEDS = [
    b"".join(
        bytes((len(packet),)) + packet
        for packet in (rtp.pack_header(96, number, 3600 * number, 7, marker=True) + _P for number in order)
    )
    for order in ((1, 2, 3), (1, 3, 2), (65535, 65536, 65538), (1, 9000, 9001))
] + [b"\x14" + rtp.pack_header(96, 1, 2, 3, extension=(0xABAC, bytes(4)))]


def run(data: bytes) -> None:
    """The first byte of each packet is its length; so the fuzzer can cut and repeat whole packets."""

    def sink(media_time: int, parts: tuple[bytes, ...], key: bool, damaged: bool, arrived_ns: int) -> None:
        assert parts
        assert arrived_ns <= now

    for reorder in (False, True):
        receiver = RtpReceiver(Track(Codec.H264, 90000), sink, reorder=reorder)
        at, now = 0, MonotonicNs(0)
        while at < len(data):
            packet = data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
            now = MonotonicNs(now + NS_PER_MS)
            receiver.push(memoryview(packet), now)
            try:
                *_, start, end = rtp.parse_header(packet)
                assert rtp.HEADER_BYTES <= start <= end <= len(packet)
                rtp.parse_extension(packet)
            except RemoteProtocolError:
                pass
        assert len(receiver._early) < REORDER_PACKETS
        receiver.report_block(now)
        receiver.end()
        assert not receiver._early
        assert not receiver.depacketizer.open
        assert receiver.next_timeout() is None
