"""A client of ONVIF replay that holds every packet against the specification. It shares no code with the bridge.

ONVIF Streaming Specification, "Replay"; RFC 3550 (RTP), RFC 6184 (H.264), RFC 3551 (G.711). Packets are kept as they
came; `units` puts them together and checks what holds for every replay:

- the header extension is on the first packet of each access unit and on no other, and what must be zero is zero
- sequence numbers have no hole and SSRCs do not change, over seeks and pauses too
- the first unit of a PLAY has its CSeq and follows a discontinuity when it does not resume
- a unit that does not follow on in time, forwards, or goes back, in reverse, says so; times in a GOP rise
"""

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.interop.rtsp_viewer import Reply, RtspViewer, Tally

SECONDS_1900_TO_1970 = (70 * 365 + 17) * 86_400
NS_PER_S = 1_000_000_000


class Packet(NamedTuple):
    came_s: float
    data: bytes

    @property
    def marker(self) -> bool:
        return bool(self.data[1] & 0x80)

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.data[2:4])

    @property
    def rtp_time(self) -> int:
        return int.from_bytes(self.data[4:8])

    @property
    def ssrc(self) -> int:
        return int.from_bytes(self.data[8:12])

    @property
    def extension(self) -> bytes | None:
        """Profile, length and words."""
        if not self.data[0] & 0x10:
            return None
        return self.data[12 : 16 + 4 * int.from_bytes(self.data[14:16])]

    @property
    def payload(self) -> bytes:
        assert self.data[0] & 0xEF == 0x80, "version 2, no padding, no contributing sources"
        return self.data[12 + len(self.extension or b"") :]


@dataclass(frozen=True)
class Replayed:
    """An access unit. parts: NAL units; of sound one."""

    came_s: float
    utc_ns: int
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool
    cseq: int
    rtp_time: int
    sequence: int
    parts: tuple[bytes, ...]

    @property
    def flags(self) -> str:
        return "C" * self.clean + "E" * self.end + "D" * self.discontinuity + "T" * self.terminal


@dataclass
class Packets(Tally):
    """One track's, as they came."""

    all: list[Packet] = field(default_factory=list)

    def count(self, packet: bytes) -> None:
        self.all.append(Packet(time.monotonic(), packet))
        super().count(packet)


class ReplayChecker(RtspViewer):
    """Sets tracks up by their tokens; `play`, `pause` and `seek` by the headers that ONVIF adds."""

    def open(self, *tokens: str) -> "ReplayChecker":
        self.described = self.request("DESCRIBE", Accept="application/sdp", Require="onvif-replay")
        assert self.described.status == 200, self.described
        self.base = self.described.headers["content-base"]
        assert self.base.endswith("/")
        self.tracks: dict[str, int] = {}
        for section in re.split(r"^m=", self.described.body, flags=re.MULTILINE)[1:]:
            token = self._attribute(section, "x-onvif-track")
            if token in tokens or not tokens:
                channel = 2 * len(self.tracks)
                self.tracks[token], self.tallies[channel] = channel, Packets()
                transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
                url = self.base + self._attribute(section, "control")
                reply = self.request("SETUP", url, Transport=transport, Require="onvif-replay")
                assert reply.status == 200, reply
                self._session = reply.headers["session"].partition(";")[0]
        return self

    @staticmethod
    def _attribute(section: str, name: str) -> str:
        found = re.search(rf"^a={name}:(\S+)", section, re.MULTILINE)
        assert found, f"no {name} in {section}"
        return found[1]

    def order(self, **headers: str) -> Reply:
        """PLAY of all tracks; `_` stands for `-` in names."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("PLAY", self.base, Require="onvif-replay", **named)

    def pause(self, **headers: str) -> Reply:
        return self.request("PAUSE", self.base, **headers)

    def packets(self, token: str) -> list[Packet]:
        track = self.tallies[self.tracks[token]]
        assert isinstance(track, Packets)
        return list(track.all)

    def units(self, token: str) -> list[Replayed]:
        """What came of a track as whole access units, checked; see the module."""
        marked = not token.startswith("AUDIO")
        return assemble(self.packets(token), split=token.startswith("VIDEO"), marked=marked)


def assemble(packets: list[Packet], *, split: bool, marked: bool | None = None) -> list[Replayed]:
    """split: NAL units of H.264. marked: units end with the marker, as NAL units do; else each packet is a unit."""
    marked = split if marked is None else marked
    assert len({packet.ssrc for packet in packets}) <= 1
    units: list[Replayed] = []
    open_packets: list[Packet] = []
    before: Packet | None = None
    for packet in packets:
        if before is not None:
            assert packet.sequence == (before.sequence + 1) % 65536, "a hole in the sequence numbers"
        begins = before is None or before.marker or not marked
        assert begins == (packet.extension is not None), "the extension stands on the first packet of a unit alone"
        if not begins and before is not None:
            assert packet.rtp_time == before.rtp_time, "a unit has one RTP time"
        open_packets.append(packet)
        if packet.marker or not marked:
            units.append(_unit(open_packets, split=split))
            open_packets = []
        before = packet
    return units


def _unit(packets: list[Packet], *, split: bool) -> Replayed:
    extension = packets[0].extension
    assert extension is not None
    assert extension[:4] == b"\xab\xac\x00\x03", extension.hex()
    assert extension[12] & 0x0F == 0, "mbz"
    assert extension[14:] == b"\0\0", "padding"
    seconds, fraction = int.from_bytes(extension[4:8]), int.from_bytes(extension[8:12])
    utc_ns = (seconds - SECONDS_1900_TO_1970) * NS_PER_S + (fraction * NS_PER_S >> 32)
    flags = [bool(extension[12] & bit) for bit in (0x80, 0x40, 0x20, 0x10)]
    payloads = [packet.payload for packet in packets]
    parts = tuple(_nal_units(payloads)) if split else (b"".join(payloads),)
    first = packets[0]
    return Replayed(first.came_s, utc_ns, *flags, extension[13], first.rtp_time, first.sequence, parts)


def _nal_units(payloads: list[bytes]) -> list[bytes]:
    """RFC 6184: single NAL units, STAP-A, FU-A."""
    found, fragments = [], b""
    for payload in payloads:
        kind = payload[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(payload):
                size = int.from_bytes(payload[at : at + 2])
                found.append(payload[at + 2 : at + 2 + size])
                at += 2 + size
        elif kind == 28:
            head = payload[1]
            if head & 0x80:
                assert not fragments
                fragments = bytes([payload[0] & 0xE0 | head & 0x1F])
            assert fragments, "the first fragment is missing"
            fragments += payload[2:]
            if head & 0x40:
                found.append(fragments)
                fragments = b""
        else:
            assert 1 <= kind <= 23, kind
            found.append(payload)
    assert not fragments, "the last fragment is missing"
    return found


def check_order(units: list[Replayed], *, reverse: bool, most_ns: int = NS_PER_S) -> None:
    """What holds of the video of one PLAY. most_ns: a longer pause forwards is a gap."""
    assert units[0].clean
    assert len({unit.cseq for unit in units}) == 1
    latest_ns = units[0].utc_ns
    for before, unit in itertools.pairwise(units):
        assert not before.terminal, "something follows what was said to be the last"
        assert unit.clean or not unit.discontinuity, "decoding goes on at a clean point"
        if reverse:
            assert unit.discontinuity == unit.clean, "in reverse every GOP is a jump, and nothing else is"
            assert not unit.clean or unit.utc_ns < before.utc_ns
        elif unit.discontinuity:
            assert before.end or before.utc_ns > unit.utc_ns
            latest_ns = unit.utc_ns
        else:
            assert not before.end
            assert unit.utc_ns - latest_ns <= most_ns, "a gap that is not told"
            latest_ns = max(latest_ns, unit.utc_ns)
