"""One stream's RTP as all viewers share it. (Being written: the interface stands.)"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.base.time import Clock, MonotonicNs
from bridge.media.hub import Hub
from bridge.media.routes import Route


@dataclass(frozen=True, slots=True)
class StartPoint:
    """Where a playback begins on one track: what RTP-Info says. None: not known yet, leave it out."""

    ssrc: int
    sequence: int | None
    rtp_time: int | None


@dataclass(frozen=True, slots=True)
class PlaybackStatistics:
    """What one viewer got so far, over all its tracks."""

    units: int = 0
    packets: int = 0
    octets: int = 0
    dropped_units: int = 0
    dropped_gops: int = 0
    queue_bytes: int = 0


class Playback:
    """One PLAY of one viewer. Nothing flows before `begin`, nor after `pause` or `stop`."""

    start: dict[int, StartPoint]

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is queued on the writer: media may follow it."""
        raise NotImplementedError

    def pause(self, now: MonotonicNs) -> None:
        """No more media; play on with `RtpStream.play(..., continues=this)`."""
        raise NotImplementedError

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """One track of several was torn down: its BYE, and no more of it."""
        raise NotImplementedError

    def stop(self, now: MonotonicNs) -> None:
        """The end: BYE on every track. May be called again."""
        raise NotImplementedError

    @property
    def statistics(self) -> PlaybackStatistics:
        """As of now."""
        raise NotImplementedError


class RtpStream:
    """See the module. One per hub, shared by all doors."""

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        packet_bytes: int = 1400,
        *,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        """wake: called when `next_timeout` has become earlier; packet_bytes: largest RTP packet, header included."""
        raise NotImplementedError

    def payload_type(self, track: int) -> int:
        """The RTP payload type of a track, for SDP. LookupError when there is no such track."""
        raise NotImplementedError

    def ssrc(self, track: int) -> int:
        """The synchronisation source of a track, for the Transport header. LookupError when there is no such track."""
        raise NotImplementedError

    def play(
        self,
        routes: Mapping[int, Route],
        *,
        fast_start: bool,
        now: MonotonicNs,
        on_end: Callable[[str], object] | None = None,
        continues: Playback | None = None,
    ) -> Playback:
        """A new playback; its start is taken now, its media flow from `Playback.begin` on.

        on_end:    called with a reason when the stream ends it (its tracks changed beyond what the SDP said)
        continues: a paused playback of the same viewer, whose counts go on
        """
        raise NotImplementedError

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called."""
        raise NotImplementedError

    def on_timeout(self, now: MonotonicNs) -> None:
        """Sends what is due: sender reports, paced datagrams."""
        raise NotImplementedError

    def close(self, now: MonotonicNs) -> None:
        """Ends every playback and leaves the hub."""
        raise NotImplementedError
