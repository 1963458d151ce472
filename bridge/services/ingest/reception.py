"""RTP and RTCP of one connection on their way into the hub: a receiver per track, reports back, statistics."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from structlog.typing import FilteringBoundLogger

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Medium
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtp_receiver import RtpReceiver
from bridge.dialogue.rtp_statistics import ReceptionStatistics
from bridge.dialogue.rtsp_client_events import Fault, ReadyTrack
from bridge.media.hub import Hub
from bridge.wire import rtcp
from bridge.wire.access_units import FragmentEndPolicy, MarkerPolicy, NalUnitDepacketizer

#: Distance of our receiver reports: RFC 3550 6.2 asks for 5 s at least, ONVIF lets them count as keepalives.
REPORT_PERIOD_NS = 5 * NS_PER_S


@dataclass(slots=True)
class IngestStatistics:
    """What a source has received since it was started, for the metrics; packets are RTP packets.

    lost:       missing when their turn was over
    late:       came after their turn, or twice
    foreign:    dropped for their sender: not the camera's address, port or SSRC, not a channel of ours, not RTP
    bytes:      everything read from the camera, RTSP included
    reconnects: connections that were tried after the first
    faults:     what of the camera's was borne -> in how many connections; of channels nobody asked for: packets
    """

    packets: int = 0
    lost: int = 0
    late: int = 0
    foreign: int = 0
    bytes: int = 0
    reconnects: int = 0
    faults: dict[Fault, int] = field(default_factory=dict)

    def tolerate(self, fault: Fault, log: FilteringBoundLogger) -> None:
        """The camera did that, and we go on. The log says it at the first time."""
        if fault not in self.faults:
            log.info("camera fault tolerated", fault=fault.value)
        self.faults[fault] = self.faults.get(fault, 0) + 1


@dataclass(slots=True)
class _Counted:
    """What of a receiver's counters and faults is in the statistics already."""

    source: ReceptionStatistics | None = None
    packets: int = 0
    late: int = 0
    lost: int = 0
    foreign: int = 0
    faults: set[Fault] = field(default_factory=set)


class Reception:
    """See the module. `end` must be called once.

    on_up: called once, after the first access unit of the main medium (video, else the first track)
    ssrc:     ours, for reports
    """

    def __init__(
        self,
        tracks: Sequence[ReadyTrack],
        hub: Hub,
        statistics: IngestStatistics,
        log: FilteringBoundLogger,
        *,
        on_up: Callable[[], object],
        ssrc: int,
        reorder: bool,
    ) -> None:
        self._tracks = tuple(ready.track for ready in tracks)
        self._announced_ssrcs = tuple(ready.ssrc for ready in tracks)
        self._hub = hub
        self._statistics = statistics
        self._log = log
        self._ssrc = ssrc
        #: When the latest access unit of the main medium came.
        self.media_at: MonotonicNs | None = None
        self._on_up = on_up
        self._run = hub.begin_run(self._tracks)
        media = [track.medium for track in self._tracks]
        self._main = media.index(Medium.VIDEO) if Medium.VIDEO in media else 0
        self._counted = [_Counted() for _ in tracks]
        self.receivers = tuple(
            RtpReceiver(
                ready.track,
                self._take_main if index == self._main else partial(self._take, index),
                payload_type=ready.payload_type,
                ssrc=ready.ssrc,
                reorder=reorder,
                on_reset=partial(self._on_reset, index),
            )
            for index, ready in enumerate(tracks)
        )

    def _take_main(
        self, media_time: int, parts: tuple[bytes, ...], key: bool, damaged: bool, arrived_ns: MonotonicNs
    ) -> None:
        self._run.push(self._main, media_time, parts, key, damaged, arrived_ns)
        before, self.media_at = self.media_at, arrived_ns
        if before is None:
            self._on_up()

    def _take(
        self,
        index: int,
        media_time: int,
        parts: tuple[bytes, ...],
        key: bool,
        damaged: bool,
        arrived_ns: MonotonicNs,
    ) -> None:
        self._run.push(index, media_time, parts, key, damaged, arrived_ns)

    def _on_reset(self, index: int, reason: str) -> None:
        """Media time jumps: for the hub that is a new run, as after a reconnect."""
        self._count(index)
        self._log.info("camera began a new RTP stream", track=self._tracks[index].codec.value, reason=reason)
        self._run.end()
        self._run = self._hub.begin_run(self._tracks)

    def on_rtcp(self, index: int, data: bytes | memoryview, now: MonotonicNs) -> None:
        """A compound that came on the RTCP way of that track. What is not RTCP is counted."""
        try:
            packets = rtcp.parse(data)
        except RemoteProtocolError:
            self._statistics.foreign += 1
            return
        receiver = self.receivers[index]
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                media_time = receiver.on_sender_report(packet, now)
                if media_time is not None and packet.utc_ns is not None:
                    self._run.report(index, packet.utc_ns, media_time, now)
            elif isinstance(packet, rtcp.Bye):
                receiver.on_bye(packet)

    def report(self, index: int, now: MonotonicNs) -> bytes:
        """Our receiver report on that track, with the CNAME that RFC 3550 6.1 wants."""
        block = self.receivers[index].report_block(now)
        self._count(index)
        blocks = () if block is None else (block,)
        return rtcp.encode((rtcp.ReceiverReport(self._ssrc, blocks), rtcp.Sdes(self._ssrc, f"{self._ssrc:08x}@onb")))

    def _count(self, index: int) -> None:
        """What the receiver has counted since the last call, into the statistics of the source."""
        receiver, seen, into = self.receivers[index], self._counted[index], self._statistics
        foreign = receiver.foreign + receiver.malformed
        into.foreign += foreign - seen.foreign
        seen.foreign = foreign
        counts = receiver.statistics
        if counts is not seen.source:
            seen.source, seen.packets, seen.late, seen.lost = counts, 0, 0, 0
        into.packets += counts.packets - seen.packets
        into.late += counts.late - seen.late
        # A packet that comes late makes the loss smaller again; what was counted stays counted.
        lost = max(counts.lost, seen.lost)
        into.lost += lost - seen.lost
        seen.packets, seen.late, seen.lost = counts.packets, counts.late, lost
        for fault in self._faults(index):
            if fault not in seen.faults:
                seen.faults.add(fault)
                into.tolerate(fault, self._log)

    def _faults(self, index: int) -> Iterator[Fault]:
        """What the packets of that track show of the camera."""
        receiver, announced = self.receivers[index], self._announced_ssrcs[index]
        if announced is not None and receiver.statistics.ssrc not in (-1, announced):
            yield Fault.OTHER_SSRC
        nal_units = receiver.depacketizer
        if isinstance(nal_units, NalUnitDepacketizer):
            if nal_units.markers_missing:
                yield Fault.NO_MARKERS
            if nal_units.marker_policy is MarkerPolicy.IGNORE:
                yield Fault.WRONG_MARKERS
            if nal_units.fragment_end_policy is FragmentEndPolicy.IGNORE:
                yield Fault.NO_FRAGMENT_ENDS

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called; only reordering waits."""
        return min((due for due in (r.next_timeout() for r in self.receivers) if due is not None), default=None)

    def on_timeout(self, now: MonotonicNs) -> None:
        """Gives up waiting for packets that are overdue."""
        for receiver in self.receivers:
            due = receiver.next_timeout()
            if due is not None and now >= due:
                receiver.on_timeout(now)

    def count(self) -> None:
        """Brings the statistics up to date."""
        for index in range(len(self.receivers)):
            self._count(index)

    def end(self) -> None:
        """The connection is over."""
        for receiver in self.receivers:
            receiver.end()
        self.count()
        self._run.end()
