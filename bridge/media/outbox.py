"""What waits to be written on one connection, and what a viewer that cannot keep up loses.

Replies, RTCP and media wait in one order. Media are references to buffers that all viewers share. When a viewer's media
exceed their allowance (counted in GOPs of its stream), whole GOPs are dropped, the oldest first: everything that waits
before the newest key frame; when that is not enough, what arrives until a key frame comes that fits. An access unit of
which a byte is on the wire is always completed, so that the stream of bytes stays whole, and replies and RTCP are never
dropped. Drops are counted in `Flow.dropped_units` and `Flow.dropped_gops`.
Pure: the shell writes `head()` and says how far it came.
"""

from collections import deque
from dataclasses import dataclass

from bridge.base.time import NS_PER_S, MonotonicNs

#: The most that media may hold on one connection, whatever the GOPs.
MAX_MEDIA_BYTES = 32 << 20

#: The most that replies and RTCP may hold: a client that asks and never reads is cut off.
MAX_CONTROL_BYTES = 1 << 20

#: A viewer that takes nothing for so long is closed, unless his flow may wait for longer.
STALL_NS = 10 * NS_PER_S

#: Room that every viewer has, however small its stream.
MIN_ALLOWANCE_BYTES = 1 << 20


@dataclass(slots=True)
class Tally:
    """What has gone out on one track of one viewer; octets of RTP payload, as sender reports count them."""

    units: int = 0
    packets: int = 0
    octets: int = 0

    def add(self, units: int, packets: int, octets: int) -> None:
        """So much more."""
        self.units += units
        self.packets += packets
        self.octets += octets


@dataclass(slots=True)
class Allowance:
    """How many bytes may wait for one viewer; shared by the viewers of a stream, which adjusts it to its GOPs."""

    size_bytes: int = MIN_ALLOWANCE_BYTES

    def adjust(self, gop_bytes: int) -> None:
        """Two GOPs of `gop_bytes` and half of one: the fast start's burst and what comes while it is read."""
        self.size_bytes = min(max(gop_bytes * 5 // 2, MIN_ALLOWANCE_BYTES), MAX_MEDIA_BYTES)


class Flow:
    """The media of one playback as its connection's outbox sees them.

    queued_bytes:  what waits; at most the allowance
    waits_for_key: units are dropped until a key frame
    stall_ns:      for so long the viewer may take nothing
    """

    __slots__ = ("_gap", "allowance", "dropped_gops", "dropped_units", "queued_bytes", "stall_ns", "waits_for_key")

    def __init__(self, allowance: Allowance, *, stall_ns: int = STALL_NS) -> None:
        self.allowance = allowance
        self.stall_ns = stall_ns
        self.queued_bytes = 0
        self.waits_for_key = False
        self.dropped_units = 0
        self.dropped_gops = 0
        self._gap = False

    def drop(self, key: bool) -> None:
        """Counts a unit that the viewer will not get."""
        self.dropped_units += 1
        if key or not self._gap:
            self.dropped_gops += 1
        self._gap = True

    def resume(self) -> None:
        """A key frame behind the gap goes out."""
        self.waits_for_key = False
        self._gap = False


@dataclass(slots=True, eq=False)
class _Entry:
    """One thing that waits. flow: None for replies and RTCP."""

    data: bytes
    flow: Flow | None = None
    tally: Tally | None = None
    key: bool = False
    packets: int = 0
    octets: int = 0


class Outbox:
    """See the module. Holds at most MAX_MEDIA_BYTES of media and `max_control_bytes` of the rest."""

    def __init__(
        self,
        *,
        max_media_bytes: int = MAX_MEDIA_BYTES,
        max_control_bytes: int = MAX_CONTROL_BYTES,
    ) -> None:
        self._max_media_bytes = max_media_bytes
        self._max_control_bytes = max_control_bytes
        self._entries: deque[_Entry] = deque()
        self._head_sent = 0
        self._media_bytes = 0
        self._control_bytes = 0
        self._progress_ns: MonotonicNs | None = None

    def __bool__(self) -> bool:
        return bool(self._entries)

    @property
    def size_bytes(self) -> int:
        """What waits, whole: a head that is partly sent counts in full."""
        return self._media_bytes + self._control_bytes

    @property
    def overrun(self) -> bool:
        """Whether replies and RTCP pile up beyond the limit: the connection should be closed."""
        return self._control_bytes > self._max_control_bytes

    def put(self, data: bytes, now: MonotonicNs, *, sent: int = 0) -> None:
        """A reply or RTCP; `sent` bytes of it are on the wire already, if it is the head."""
        self._append(_Entry(data), sent, now)

    def put_media(
        self,
        flow: Flow,
        tally: Tally,
        data: bytes,
        key: bool,
        packets: int,
        octets: int,
        now: MonotonicNs,
        *,
        sent: int = 0,
    ) -> bool:
        """An access unit; False when it was dropped. With sent > 0 it is the head and is never dropped.

        key: the viewer can resume here after a drop
        """
        if sent == 0 and not self._admit(flow, len(data), key):
            flow.drop(key)
            return False
        if key:
            flow.resume()
        self._append(_Entry(data, flow, tally, key, packets, octets), sent, now)
        return True

    def _append(self, entry: _Entry, sent: int, now: MonotonicNs) -> None:
        if not self._entries:
            self._head_sent = sent
            self._progress_ns = now
        self._entries.append(entry)
        self._count(entry, 1)

    def _count(self, entry: _Entry, sign: int) -> None:
        size = sign * len(entry.data)
        if entry.flow is None:
            self._control_bytes += size
        else:
            self._media_bytes += size
            entry.flow.queued_bytes += size

    def _admit(self, flow: Flow, size: int, key: bool) -> bool:
        if flow.waits_for_key and not key:
            return False
        if self._fits(flow, size):
            return True
        self._drop_before_newest_key(flow, beyond=key)
        if self._fits(flow, size):
            return True
        flow.waits_for_key = True
        return False

    def _fits(self, flow: Flow, size: int) -> bool:
        # An empty queue takes anything that the cap allows: a key frame may alone exceed the allowance.
        room = flow.queued_bytes + size <= flow.allowance.size_bytes or flow.queued_bytes == 0
        return room and self._media_bytes + size <= self._max_media_bytes

    def _drop_before_newest_key(self, flow: Flow, *, beyond: bool) -> None:
        """Drops what `flow` has waiting before its newest key frame; all of it if that key is `beyond` the queue."""
        entries = self._entries
        first = 1 if self._head_sent else 0
        end = len(entries)
        if not beyond:
            keys = [at for at, entry in enumerate(entries) if entry.flow is flow and entry.key and at >= first]
            if not keys:
                return
            end = keys[-1]
        kept: deque[_Entry] = deque()
        dropped = False
        for at, entry in enumerate(entries):
            if entry.flow is flow and first <= at < end:
                self._count(entry, -1)
                flow.drop(entry.key)
                dropped = True
            else:
                kept.append(entry)
        if dropped and not beyond:
            flow.resume()
        self._entries = kept

    def forget(self, flow: Flow) -> None:
        """What waits of `flow` is let go without being counted as dropped, but for a head that is partly sent."""
        kept: deque[_Entry] = deque()
        for at, entry in enumerate(self._entries):
            if entry.flow is flow and (at or not self._head_sent):
                self._count(entry, -1)
            else:
                kept.append(entry)
        self._entries = kept

    def forget_media(self) -> None:
        """The same for all flows: the connection is closing."""
        for flow in {entry.flow for entry in self._entries if entry.flow is not None}:
            self.forget(flow)

    def clear(self) -> None:
        """The connection is gone: nothing of it waits any more."""
        while self._entries:
            self._count(self._entries.popleft(), -1)
        self._head_sent = 0

    def head(self) -> memoryview | None:
        """What goes out next: the rest of the first entry; None when nothing waits."""
        if not self._entries:
            return None
        data = memoryview(self._entries[0].data)
        return data[self._head_sent :] if self._head_sent else data

    def sent(self, size: int, now: MonotonicNs) -> None:
        """The kernel took the first `size` bytes of `head()`."""
        if size == 0:
            return
        self._progress_ns = now
        self._head_sent += size
        entry = self._entries[0]
        if self._head_sent >= len(entry.data):
            self._entries.popleft()
            self._head_sent = 0
            self._count(entry, -1)
            if entry.tally is not None:
                entry.tally.add(1, entry.packets, entry.octets)

    def next_timeout(self) -> MonotonicNs | None:
        """When the peer has stalled, if it takes nothing until then; None when nothing waits."""
        if not self._entries or self._progress_ns is None:
            return None
        flow = self._entries[0].flow
        return MonotonicNs(self._progress_ns + (flow.stall_ns if flow else STALL_NS))

    def stalled(self, now: MonotonicNs) -> bool:
        """Whether the peer has taken nothing for too long: the connection should be closed."""
        due = self.next_timeout()
        return due is not None and now >= due
