"""The loudspeaker of a simulated camera: it plays to nobody, and knows what it was given."""

import zlib
from collections import deque

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, Clock
from bridge.dialogue.rtp_talk import TalkRelay
from bridge.media.talk import TalkLine
from bridge.wire.rtp import parse_header

PLAYS = Track(Codec.PCMU, 8_000)
KEPT_NS = NS_PER_S


class Loudspeaker:
    """See the module.

    line:         how the camera's RTSP server reaches it
    packets:      that it was given
    played_crc32: of all the sound, one packet after the other
    """

    def __init__(self, clock: Clock) -> None:
        self.line = TalkLine()
        self.packets = 0
        self.played_crc32 = 0
        self._clock = clock
        self._latest: deque[tuple[int, bytes]] = deque()
        self._play = self.play
        self.line.offer(PLAYS)
        self.line.open(TalkRelay(PLAYS, payload_type=0, ssrc=1, sequence=0, rtp_time=0), self._play)

    def play(self, packet: bytes) -> None:
        """An RTP packet that the camera was sent."""
        *_, start, end = parse_header(packet)
        now = self._clock.monotonic_ns()
        self.packets += 1
        self.played_crc32 = zlib.crc32(packet[start:end], self.played_crc32)
        self._latest.append((now, packet[start:end]))
        while self._latest[0][0] < now - KEPT_NS:
            self._latest.popleft()

    @property
    def last_second(self) -> bytes:
        """The sound that came in the last second before the latest."""
        return b"".join(sound for _, sound in self._latest)
