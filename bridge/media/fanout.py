"""The fan-out of one track: one `send` per access unit and viewer, and nothing else per viewer.

Viewers over TCP stand in groups by channel number and frame; those whose socket takes everything share the count of
their group, and are told apart only when they fall behind. These wait in their connection's outbox until it is empty.
"""

from collections.abc import Callable
from typing import Protocol

from bridge.media.outbox import Flow, Tally
from bridge.media.packets import Run
from bridge.media.routes import Address, Datagrams, DatagramSender, Frame, Interleaved, MediaWriter, Route


class SharedUnit(Protocol):
    """An access unit as it goes to all: `PacketizedUnit`, or a fragment for browsers. Its forms are made once."""

    @property
    def key(self) -> bool:
        """Decoding may start here."""

    @property
    def packets(self) -> int:
        """How many; 1 where there are none."""

    @property
    def octets(self) -> int:
        """Of payload."""

    def for_channel(self, channel: int) -> bytes:
        """What goes over a connection."""

    def runs(self) -> tuple[Run, ...]:
        """What goes by UDP."""


class _ChannelGroup:
    """Viewers on one channel number whose sockets are clear. tally: what each would have got from the beginning.

    frame: around each unit; made once for all
    """

    __slots__ = ("channel", "frame", "sends", "tally")

    def __init__(self, channel: int, frame: Frame | None) -> None:
        self.channel = channel
        self.frame = frame
        self.tally = Tally()
        self.sends: dict[InterleavedLane, Callable[[bytes], int]] = {}


class _DatagramGroup:
    """Viewers behind one pair of UDP ports of ours."""

    __slots__ = ("addresses", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.addresses: dict[DatagramLane, Address] = {}


class _Lane:
    """One track of one playback on its way to the viewer."""

    __slots__ = ("_base", "_group", "settled")

    def __init__(self) -> None:
        self.settled = Tally()
        self._group: _ChannelGroup | _DatagramGroup | None = None
        self._base = Tally()

    @property
    def tally(self) -> Tally:
        """What has gone out so far."""
        settled, base = self.settled, self._base
        if self._group is None:
            return Tally(settled.units, settled.packets, settled.octets)
        shared = self._group.tally
        return Tally(
            settled.units + shared.units - base.units,
            settled.packets + shared.packets - base.packets,
            settled.octets + shared.octets - base.octets,
        )

    def _join(self, group: _ChannelGroup | _DatagramGroup) -> None:
        self._group = group
        self._base = Tally(group.tally.units, group.tally.packets, group.tally.octets)

    def _part(self) -> None:
        tally = self.tally
        self._group = None
        self.settled.units, self.settled.packets, self.settled.octets = tally.units, tally.packets, tally.octets


class InterleavedLane(_Lane):
    """Inside an RTSP connection. resumes: after a drop the viewer can go on at a key frame of this track."""

    __slots__ = ("channel", "flow", "resumes", "rtcp_channel", "writer")

    def __init__(self, route: Interleaved, flow: Flow, *, resumes: bool) -> None:
        super().__init__()
        self.writer: MediaWriter = route.writer
        self.channel = route.rtp_channel
        self.rtcp_channel = route.rtcp_channel
        self.flow = flow
        self.resumes = resumes

    def deliver(self, unit: SharedUnit) -> None:
        """One unit by the careful way: the writer sends, queues or drops it."""
        self.writer.push(
            self.flow,
            self.settled,
            unit.for_channel(self.channel),
            unit.key and self.resumes,
            unit.packets,
            unit.octets,
        )

    def send_rtcp(self, data: bytes) -> None:
        """One compound, in order with the media."""
        self.writer.write(bytes((0x24, self.rtcp_channel, len(data) >> 8, len(data) & 0xFF)) + data)


class DatagramLane(_Lane):
    """By UDP."""

    __slots__ = ("route",)

    def __init__(self, route: Datagrams) -> None:
        super().__init__()
        self.route = route

    def deliver(self, unit: SharedUnit) -> None:
        """One unit to this viewer alone."""
        self.route.sender.send(unit.runs(), (self.route.rtp_to,))
        self.settled.add(1, unit.packets, unit.octets)

    def send_rtcp(self, data: bytes) -> None:
        """One compound from our RTCP port."""
        self.route.sender.send_rtcp(data, self.route.rtcp_to)


Lane = InterleavedLane | DatagramLane


def lane_for(route: Route, flow: Flow, *, resumes: bool) -> Lane:
    """A lane on `route`."""
    return InterleavedLane(route, flow, resumes=resumes) if isinstance(route, Interleaved) else DatagramLane(route)


class Fanout:
    """See the module. A lane belongs to one fan-out at most."""

    def __init__(self) -> None:
        self._channels: dict[tuple[int, Frame | None], _ChannelGroup] = {}
        self._behind: dict[InterleavedLane, None] = {}
        self._senders: dict[DatagramSender, _DatagramGroup] = {}
        # While a unit is being sent: the groups that had it, and lanes that left a group which had not.
        self._served: set[_ChannelGroup] | None = None
        self._late: list[InterleavedLane] = []

    def __len__(self) -> int:
        lanes = sum(len(group.sends) for group in self._channels.values()) + len(self._behind)
        return lanes + sum(len(group.addresses) for group in self._senders.values())

    def add(self, lane: Lane) -> None:
        """From the next unit on."""
        if isinstance(lane, DatagramLane):
            group = self._senders.setdefault(lane.route.sender, _DatagramGroup())
            group.addresses[lane] = lane.route.rtp_to
            lane._join(group)  # noqa: SLF001 - the lane's other half
        else:
            self._behind[lane] = None
            self._advance(lane)

    def remove(self, lane: Lane) -> None:
        """No more units."""
        if isinstance(lane, DatagramLane):
            group = self._senders.get(lane.route.sender)
            if group is not None and group.addresses.pop(lane, None) is not None:
                lane._part()  # noqa: SLF001 - the lane's other half
                if not group.addresses:
                    del self._senders[lane.route.sender]
        else:
            self.block(lane)
            self._behind.pop(lane, None)

    def block(self, lane: InterleavedLane) -> None:
        """Its writer is not clear any more: units go through the writer's queue until it is."""
        group = self._channels.get((lane.channel, lane.writer.frame))
        if group is None or group.sends.pop(lane, None) is None:
            return
        lane._part()  # noqa: SLF001 - the lane's other half
        self._behind[lane] = None
        if self._served is not None and group not in self._served:
            self._late.append(lane)

    def _advance(self, lane: InterleavedLane) -> None:
        """A lane that is behind joins those whose sockets are written directly, if it has caught up."""
        writer = lane.writer
        direct = writer.direct
        if direct is None or not writer.clear or lane.flow.waits_for_key:
            return
        del self._behind[lane]
        key = lane.channel, writer.frame
        group = self._channels.get(key)
        if group is None:
            group = self._channels[key] = _ChannelGroup(*key)
        group.sends[lane] = direct
        lane._join(group)  # noqa: SLF001 - the lane's other half

    def send(self, unit: SharedUnit) -> None:
        """One access unit to everybody."""
        behind = tuple(self._behind)
        self._served = set()
        for group in self._channels.values():
            self._send_directly(group, unit)
        self._served = None
        for lane in (*behind, *self._late):
            if lane in self._behind:
                lane.deliver(unit)
                if lane in self._behind:
                    self._advance(lane)
        self._late.clear()
        for sender, addressed in self._senders.items():
            sender.send(unit.runs(), addressed.addresses.values())
            addressed.tally.add(1, unit.packets, unit.octets)

    def _send_directly(self, group: _ChannelGroup, unit: SharedUnit) -> None:
        data = unit.for_channel(group.channel)
        if group.frame is not None:
            data = group.frame(data)
        size = len(data)
        short: list[tuple[InterleavedLane, int]] = []
        broken: list[tuple[InterleavedLane, OSError]] = []
        for lane, send in group.sends.items():
            try:
                sent = send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                broken.append((lane, error))
                continue
            if sent != size:
                short.append((lane, sent))
        if self._served is not None:
            self._served.add(group)
        # They leave before the group counts the unit: for them it counts when the rest of it has gone out.
        for lane, sent in short:
            self.block(lane)
            lane.writer.interrupted(
                lane.flow, lane.settled, data, sent, unit.key and lane.resumes, unit.packets, unit.octets
            )
        for lane, failure in broken:
            self.block(lane)
            lane.writer.failed(failure)
        group.tally.add(1, unit.packets, unit.octets)
