"""A camera's loudspeaker as talkers reach it: one at a time, by way of whatever connection the camera has just now."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.base.media import Track
from bridge.base.time import MonotonicNs
from bridge.dialogue.rtp_talk import Dropped, TalkRelay


@dataclass(slots=True)
class TalkStatistics:
    """What was talked since the camera is there; packets are RTP packets.

    dropped: packets that did not go on, by why
    """

    packets: int = 0
    bytes: int = 0
    dropped: dict[Dropped, int] = field(default_factory=dict)


class TalkLine:
    """See the module. It stays while the camera's connections come and go; nothing is queued.

    track: what the loudspeaker plays, as the latest connection told; None: it has none, or none that we can talk to
    """

    def __init__(self) -> None:
        self.track: Track | None = None
        self._told: Track | None = None
        self.statistics = TalkStatistics()
        self._relay: TalkRelay | None = None
        self._send: Callable[[bytes], object] | None = None
        self._talker: object | None = None
        self._on_end: Callable[[str], object] | None = None

    # The camera's side

    def offer(self, track: Track | None) -> None:
        """What the camera has said. A talker who was told of another format is cut off; one whose loudspeaker is gone
        is not heard until it is back: cameras that come back often have the session of before still."""
        self.track = track
        if track is None or track == self._told:
            return
        before, on_end, self._told = self._told, self._on_end, track
        if before is not None and on_end is not None:
            self._talker = self._on_end = None
            on_end("the camera's loudspeaker takes another format now")

    def open(self, relay: TalkRelay, send: Callable[[bytes], object]) -> None:
        """The camera listens: packets go to `send`."""
        self._relay, self._send = relay, send

    def close(self, send: Callable[[bytes], object]) -> None:
        """The connection of that `send` is over. The talker may stay: the camera comes back, or is back already."""
        if self._send is send:
            self._relay = self._send = None

    # The talkers' side

    @property
    def listens(self) -> bool:
        """Whether a packet would reach the loudspeaker now."""
        return self._send is not None

    def take(self, talker: object, on_end: Callable[[str], object]) -> bool:
        """The line is his until `leave`; False: another one has it.

        on_end: called with a reason when it is his no more, without his doing
        """
        if self._talker is not None and self._talker is not talker:
            return False
        if self._talker is None and self._relay is not None:
            self._relay.begin()
        self._talker, self._on_end = talker, on_end
        return True

    def leave(self, talker: object) -> None:
        """He has said what he had to say; of one who does not have the line nothing is taken."""
        if self._talker is talker:
            self._talker = self._on_end = None

    def push(self, talker: object, packet: memoryview, now: MonotonicNs) -> bool:
        """An RTP packet of his; whether it went on to the camera."""
        if self._talker is not talker:
            return False
        relayed = Dropped.NOBODY if self._relay is None else self._relay.relay(packet, now)
        if isinstance(relayed, Dropped) or self._send is None:
            why = relayed if isinstance(relayed, Dropped) else Dropped.NOBODY
            self.statistics.dropped[why] = self.statistics.dropped.get(why, 0) + 1
            return False
        self.statistics.packets += 1
        self.statistics.bytes += len(relayed)
        self._send(relayed)
        return True
