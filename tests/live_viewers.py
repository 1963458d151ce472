"""A hub fed with made-up pictures, and viewers without sockets: what the tests of `bridge/media` share."""

from collections.abc import Collection, Sequence

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock, MonotonicNs
from bridge.media.hub import Hub, Run
from bridge.media.outbox import Flow, Outbox, Tally
from bridge.media.packets import Run as PacketRun
from bridge.media.routes import Address, Interleaved
from bridge.media.rtp_stream import RtpStream
from bridge.wire import rtcp, rtp
from bridge.wire.payload import depacketizer_for

SPS = bytes.fromhex("67640029ac2b6033c8078022")
PPS = bytes.fromhex("68ee3cb0")
VIDEO = Track(Codec.H264, 90_000, parameter_sets=(SPS, PPS))
AUDIO = Track(Codec.PCMU, 8000)
FRAME_NS = NS_PER_S // 25


def picture(number: int, size: int = 3000, *, key: bool) -> bytes:
    """A slice whose bytes tell which picture it is."""
    return bytes((0x65 if key else 0x41, 0x88)) + number.to_bytes(4) + bytes((number & 0xFF,)) * (size - 6)


class Camera:
    """25 pictures a second and 20 ms audio, GOPs of `gop` pictures, into a hub, by a clock that stands still else."""

    def __init__(self, *, gop: int = 10, audio: bool = False, in_band: bool = False, size: int = 3000) -> None:
        self.clock = ManualClock()
        self.hub = Hub("gate/main", self.clock)
        self.gop, self.audio, self.in_band, self.size = gop, audio, in_band, size
        self.number = 0
        self.parts: list[tuple[bytes, ...]] = []
        self.run: Run | None = None
        self.raw = 0
        self.connect()

    def connect(self, raw: int = 1_000_000) -> None:
        """A new connection, the camera's RTP time at `raw`; it begins with a key frame."""
        self.raw = raw
        self.number += -self.number % self.gop
        self.run = self.hub.begin_run((VIDEO, AUDIO) if self.audio else (VIDEO,))

    def next(self, count: int = 1, *, step_ns: int = FRAME_NS) -> None:
        """The next pictures, each `step_ns` after the one before."""
        for _ in range(count):
            self.clock.advance(step_ns)
            key = self.number % self.gop == 0
            head = (SPS, PPS) if key and self.in_band else ()
            parts = (*head, picture(self.number, self.size, key=key))
            self.parts.append(parts)
            self.push(0, self.raw, parts, key=key)
            if self.audio:
                self.push(1, self.raw * 8 // 90, (bytes((self.number & 0xFF,)) * 320,), key=True)
            self.raw += 3600
            self.number += 1

    def push(self, track: int, raw: int, parts: tuple[bytes, ...], *, key: bool, damaged: bool = False) -> None:
        """One unit, arriving now."""
        assert self.run is not None
        self.run.push(track, raw, parts, key, damaged, self.clock.monotonic_ns())

    def stream(self, packet_bytes: int = 1400) -> RtpStream:
        """Its RTP; random bytes are made of the count of calls."""
        calls = iter(range(1, 1000))
        return RtpStream(self.hub, self.clock, lambda size: bytes((next(calls) & 0xFF,)) * size, packet_bytes)

    @property
    def now(self) -> MonotonicNs:
        return self.clock.monotonic_ns()


class FakeWriter:
    """A connection writer whose socket takes `room` bytes, and keeps what it took in `wire`."""

    frame = None

    def __init__(self, clock: ManualClock, room: int = 1 << 40) -> None:
        self.clock = clock
        self.room = room
        self.wire = bytearray()
        self.outbox = Outbox()
        self.closed = False
        self.calls = 0
        self.listeners: list = []

    @property
    def direct(self):
        return self.take

    @property
    def clear(self) -> bool:
        return not self.outbox and not self.closed

    def take(self, data) -> int:
        self.calls += 1
        if self.closed:
            raise BrokenPipeError(32, "Broken pipe")
        if not self.room:
            raise BlockingIOError
        sent = min(self.room, len(data))
        self.room -= sent
        self.wire += data[:sent]
        return sent

    def _try(self, data) -> int:
        try:
            return self.take(data)
        except BlockingIOError:
            return 0

    def write(self, data: bytes) -> None:
        sent = self._try(data) if self.clear else 0
        if sent < len(data):
            self.outbox.put(data, self.clock.monotonic_ns(), sent=sent)
            self.tell()

    def push(self, flow: Flow, tally: Tally, data: bytes, key: bool, packets: int, octets: int) -> None:
        sent = self._try(data) if self.clear and (key or not flow.waits_for_key) else 0
        if sent == len(data):
            tally.add(1, packets, octets)
            if key:
                flow.resume()
        else:
            self.interrupted(flow, tally, data, sent, key, packets, octets)

    def interrupted(self, flow, tally, data, sent, key, packets, octets) -> None:
        self.outbox.put_media(flow, tally, data, key, packets, octets, self.clock.monotonic_ns(), sent=sent)
        self.tell()

    def tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    def failed(self, error: OSError) -> None:
        self.closed = True

    def forget(self, flow: Flow) -> None:
        self.outbox.forget(flow)

    def attach(self, on_blocked) -> None:
        self.listeners.append(on_blocked)

    def detach(self, on_blocked) -> None:
        self.listeners.remove(on_blocked)

    def drain(self, room: int = 1 << 40) -> None:
        """The client reads."""
        self.room = room
        while (head := self.outbox.head()) is not None and self.room:
            self.outbox.sent(self._try(head), self.clock.monotonic_ns())


class FakeSender:
    """UDP ports that keep (time, address, run) of what was sent."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sent: list[tuple[int, Address, list[bytes]]] = []
        self.rtcp: list[tuple[Address, bytes]] = []

    def send(self, runs: Sequence[PacketRun], to: Collection[Address]) -> None:
        packets = [data[at : at + size] for size, data in runs for at in range(0, len(data), size)]
        self.sent += [(self.clock.monotonic_ns(), address, packets) for address in to]

    def send_rtcp(self, data: bytes, to: Address) -> None:
        self.rtcp.append((to, data))


def route(writer: FakeWriter, channel: int = 0) -> Interleaved:
    return Interleaved(writer, channel, channel + 1)


class Received:
    """What came over one connection: interleaved bytes taken apart, units put together again."""

    def __init__(self, wire: bytes | bytearray) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self.replies: list[bytes] = []
        at = 0
        while at < len(wire):
            if wire[at] != 0x24:
                end = wire.index(b"\r\n\r\n", at) + 4
                self.replies.append(bytes(wire[at:end]))
                at = end
                continue
            size = int.from_bytes(wire[at + 2 : at + 4])
            assert at + 4 + size <= len(wire), "a frame that is cut off"
            self.packets.append((wire[at + 1], bytes(wire[at + 4 : at + 4 + size])))
            at += 4 + size

    def rtp(self, channel: int = 0) -> list[tuple[int, int, int, int]]:
        """(sequence, timestamp, ssrc, payload type) of each packet."""
        headers = [rtp.parse_header(data) for number, data in self.packets if number == channel]
        return [(sequence, timestamp, ssrc, kind) for _, kind, sequence, timestamp, ssrc, _, _ in headers]

    def rtcp(self, channel: int = 1) -> list[rtcp.RtcpPacket]:
        return [packet for number, data in self.packets if number == channel for packet in rtcp.parse(data)]

    def units(self, track: Track = VIDEO, channel: int = 0) -> list[tuple[int, tuple[bytes, ...], bool, bool]]:
        """(timestamp, parts, key, damaged) by our own depacketiser, told of gaps."""
        return reassemble([data for number, data in self.packets if number == channel], track)


def reassemble(packets: Sequence[bytes], track: Track = VIDEO) -> list[tuple[int, tuple[bytes, ...], bool, bool]]:
    units: list[tuple[int, tuple[bytes, ...], bool, bool]] = []
    depacketizer = depacketizer_for(track, lambda *unit: units.append(unit))
    expected = None
    for packet in packets:
        marker, _, sequence, timestamp, _, start, end = rtp.parse_header(packet)
        if expected is not None and sequence != expected:
            depacketizer.lost()
        expected = sequence + 1 & 0xFFFF
        depacketizer.push(memoryview(packet), start, end, timestamp, marker)
    return units
