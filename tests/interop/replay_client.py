"""A small client of ONVIF replay over TCP: what the first packet of each access unit says. Shares no code with us."""

import re
import time
from dataclasses import dataclass, field

from tests.interop.rtsp_viewer import Reply, RtspViewer, Tally

NTP_EPOCH_S = 2_208_988_800


@dataclass(frozen=True)
class Unit:
    """One access unit: when it came, its sequence number and RTP time, and its header extension."""

    came_s: float
    sequence: int
    rtp_time: int
    utc_s: float
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool
    cseq: int


@dataclass
class Units(Tally):
    """One track. others: packets that continue a unit."""

    units: list[Unit] = field(default_factory=list)
    others: int = 0

    def count(self, packet: bytes) -> None:
        super().count(packet)
        if not packet[0] & 0x10:
            self.others += 1
            return
        assert packet[12:16] == bytes.fromhex("abac0003"), packet[12:16]
        ntp = int.from_bytes(packet[16:24])
        flags = packet[24]
        assert flags & 0x0F == 0
        assert packet[26:28] == b"\0\0"
        bits = [bool(flags & bit) for bit in (0x80, 0x40, 0x20, 0x10)]
        utc_s = ntp / 2**32 - NTP_EPOCH_S
        sequence, rtp_time = int.from_bytes(packet[2:4]), int.from_bytes(packet[4:8])
        self.units.append(Unit(time.time(), sequence, rtp_time, utc_s, *bits, packet[25]))


class ReplayClient(RtspViewer):
    """`open` sets up the first `tracks` tracks; `video` is what came of the first one."""

    described: Reply

    def open(self, tracks: int = 1) -> "ReplayClient":
        self.described = self.request("DESCRIBE", Accept="application/sdp")
        assert self.described.status == 200, self.described
        self.base = self.described.headers["content-base"]
        controls = re.findall(r"^a=control:(\S+)", self.described.body.partition("m=")[2], re.MULTILINE)
        for index, control in enumerate(controls[:tracks]):
            self.tallies[2 * index] = Units()
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
            reply = self.request("SETUP", self.base + control, Transport=transport, Require="onvif-replay")
            assert reply.status == 200, reply
            self._session = reply.headers["session"].partition(";")[0]
        return self

    @property
    def video(self) -> list[Unit]:
        track = self.tallies[0]
        assert isinstance(track, Units)
        return track.units

    def ask(self, method: str, **headers: str) -> Reply:
        """Of the aggregate; names with `_` for `-`."""
        return self.request(method, self.base, **{name.replace("_", "-"): value for name, value in headers.items()})
