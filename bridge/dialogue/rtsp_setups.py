"""The SETUPs of a client's conversation: which tracks are still to be set up, over what, and how each will come."""

from collections.abc import Sequence

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.dialogue.rtsp_client_events import Lower, OfferedTrack, ReadyTrack
from bridge.dialogue.rtsp_offer import ready_track
from bridge.wire.rtsp.headers import LowerTransport, Transport
from bridge.wire.rtsp.message import Response


class Setups:
    """See the module. Tracks are set up in the order of the offer, a loudspeaker after them.

    pending:     those to come; the first is the one that is asked for
    ready:       those that are set up
    loudspeaker: when it is set up; never among `ready`
    lower:       what they are asked for over
    """

    def __init__(self, lower: Lower) -> None:
        self.lower = lower
        self.pending: list[OfferedTrack] = []
        self.ready: list[ReadyTrack] = []
        self.loudspeaker: ReadyTrack | None = None
        self._loudspeaker: OfferedTrack | None = None
        self._ports: list[tuple[int, int]] = []
        self._offered = 0

    def want(self, tracks: Sequence[OfferedTrack], loudspeaker: OfferedTrack | None = None) -> None:
        """What DESCRIBE offered."""
        self.pending = [*tracks, *([loudspeaker] if loudspeaker is not None else [])]
        self._loudspeaker = loudspeaker
        self._offered = len(self.pending)

    @property
    def at_loudspeaker(self) -> bool:
        """Whether it is the loudspeaker's turn."""
        return bool(self.pending) and self.pending[0] is self._loudspeaker

    @property
    def begun(self) -> bool:
        """Whether a track was set up or given up: the way below is settled."""
        return len(self.pending) < self._offered

    def give_ports(self, ports: Sequence[tuple[int, int]]) -> None:
        """Ours, for the pending tracks over UDP. Raises LocalProtocolError when they are too few."""
        if len(ports) < len(self.pending):
            raise LocalProtocolError(f"{len(ports)} pairs of ports for {len(self.pending)} tracks")
        self._ports = list(ports)

    def transport(self) -> str:
        """The Transport header that asks for the first pending track."""
        if self.lower is Lower.TCP:
            return Transport(lower=LowerTransport.TCP, interleaved=self._channels_asked()).format()
        if self.lower is Lower.MULTICAST:
            return Transport(multicast=True).format()
        return Transport(client_port=self._ports[0]).format()

    def accept(self, response: Response) -> None:
        """The first pending track is set up. Raises RemoteProtocolError when the answer cannot be meant.

        A loudspeaker is not when the camera keeps the port to itself that it listens on.
        """
        at_loudspeaker = self.at_loudspeaker
        track = self.pending.pop(0)
        if self.lower is Lower.TCP:
            ready = ready_track(
                track, response, channels_asked=self._channels_asked(), channels_taken=self._channels_taken()
            )
        elif self.lower is Lower.UDP:
            ready = ready_track(track, response, client_ports=self._ports.pop(0))
        else:
            ready = ready_track(track, response)
            if any(other.group == ready.group for other in self.ready):
                raise RemoteProtocolError("one group and port for two tracks", clause="RFC 3550 5.2")
        if not at_loudspeaker:
            self.ready.append(ready)
        elif ready.channels or ready.server_ports:
            self.loudspeaker = ready

    def give_up(self) -> OfferedTrack:
        """The first pending track is not to be had."""
        if self.lower is Lower.UDP:
            self._ports.pop(0)
        return self.pending.pop(0)

    def _channels_taken(self) -> frozenset[int]:
        return frozenset(channel for ready in self.ready if ready.channels for channel in ready.channels)

    def _channels_asked(self) -> tuple[int, int]:
        """The lowest pair that no track has yet."""
        taken = self._channels_taken()
        even = next(channel for channel in range(0, 256, 2) if not taken & {channel, channel + 1})
        return even, even + 1
