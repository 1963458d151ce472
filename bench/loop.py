"""The video that every sender of a run sends: encoded once, packetised once, kept in bench/build/.

Every access unit holds an SEI message (user data unregistered, H.264 D.1.7) with the time of its sending, 16 hex digits
of CLOCK_MONOTONIC nanoseconds, which a sender writes in place; the sink reads it. Its packet stands before the first
slice.
"""

import itertools
import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.filter

BUILD = Path(__file__).parent / "build"
STAMP_UUID = b"bridge-bench-clk"
STAMP_DIGITS = 16
_SEI = b"\x06\x05" + bytes((len(STAMP_UUID) + STAMP_DIGITS,)) + STAMP_UUID
PACKET_BYTES = 1400
CLOCK_RATE = 90_000


@dataclass(frozen=True)
class Setting:
    """What is encoded. The real stream that the bench stands for is 1080p25 of 4 Mbit/s."""

    width: int = 1920
    height: int = 1080
    frame_rate: int = 25
    bitrate_bps: int = 4_000_000
    gop: int = 50
    seconds: int = 10

    @property
    def path(self) -> Path:
        return BUILD / f"{self.width}x{self.height}-{self.frame_rate}-{self.bitrate_bps}-{self.gop}-{self.seconds}.loop"

    @property
    def interval_us(self) -> int:
        return 1_000_000 // self.frame_rate


@dataclass
class Unit:
    """One access unit interleaved for channel 0; `at` and `size` of each RTP packet in `framed`."""

    framed: bytearray
    spans: list[tuple[int, int]]
    stamp: int


def loop_file(setting: Setting) -> Path:
    """The packetised loop as floor.c reads it, encoded on first use."""
    path = setting.path
    if not path.exists():
        BUILD.mkdir(exist_ok=True)
        parts = [struct.pack(">I", setting.interval_us)]
        for unit in map(_packetise, _encode(setting)):
            parts.append(struct.pack(">II", len(unit.spans), unit.stamp))
            parts += [struct.pack(">H", size) + unit.framed[at : at + size] for at, size in unit.spans]
        temporary = path.with_suffix(".part")
        temporary.write_bytes(b"".join(parts))
        temporary.rename(path)
    return path


def load(setting: Setting) -> list[Unit]:
    """The loop's units."""
    data, at, units = loop_file(setting).read_bytes(), 4, []
    while at < len(data):
        packets, stamp = struct.unpack_from(">II", data, at)
        at += 8
        unit = Unit(bytearray(), [], stamp)
        for _ in range(packets):
            (size,) = struct.unpack_from(">H", data, at)
            unit.spans.append((len(unit.framed) + 4, size))
            unit.framed += b"$\0" + data[at : at + 2 + size]
            at += 2 + size
        units.append(unit)
    return units


def _encode(setting: Setting) -> list[list[bytes]]:
    """Moving test picture with noise (a clean one would not fill the bit rate), whole GOPs, so the loop has no seam."""
    graph = av.filter.Graph()
    chain = [
        graph.add("testsrc2", f"size={setting.width}x{setting.height}:rate={setting.frame_rate}"),
        graph.add("noise", "alls=12:allf=t"),
        graph.add("format", "pix_fmts=yuv420p"),
        graph.add("buffersink"),
    ]
    for first, second in itertools.pairwise(chain):
        first.link_to(second)
    graph.configure()
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = setting.width, setting.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, setting.frame_rate), Fraction(setting.frame_rate)
    encoder.bit_rate = setting.bitrate_bps
    kbit = setting.bitrate_bps // 1000
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "main",
        "x264-params": f"keyint={setting.gop}:min-keyint={setting.gop}:scenecut=0:repeat-headers=1:aud=1:slices=1"
        f":sliced-threads=0:vbv-maxrate={kbit}:vbv-bufsize={kbit}",
    }
    units = []
    for _ in range(max(setting.gop, setting.frame_rate * setting.seconds // setting.gop * setting.gop)):
        frame = chain[-1].pull()
        frame.pict_type = 0
        units += [bytes(packet) for packet in encoder.encode(frame)]
    units += [bytes(packet) for packet in encoder.encode(None)]
    nals = [[nal for nal in re.split(b"\x00*\x00\x00\x01", unit) if nal] for unit in units]
    return [[nal for nal in unit if nal[0] & 31 != 6] for unit in nals]  # without the encoder's own SEI


def _packetise(nals: list[bytes]) -> Unit:
    payloads: list[bytes] = []
    stamped = -1
    for nal in nals:
        if stamped < 0 and nal[0] & 31 in (1, 5):
            stamped = len(payloads)
            payloads.append(_SEI + b"0" * STAMP_DIGITS + b"\x80")
        payloads += [nal] if len(nal) <= PACKET_BYTES - 12 else _fragments(nal, PACKET_BYTES - 14)
    unit = Unit(bytearray(), [], 0)
    for number, payload in enumerate(payloads):
        size = 12 + len(payload)
        unit.spans.append((len(unit.framed) + 4, size))
        marker = 0x80 if number == len(payloads) - 1 else 0
        unit.framed += struct.pack(">BBHBBHII", 0x24, 0, size, 0x80, 96 | marker, 0, 0, 0x0B5EC0DE) + payload
        if number == stamped:
            unit.stamp = len(unit.framed) - len(payload) + len(_SEI)
    return unit


def _fragments(nal: bytes, size: int) -> list[bytes]:
    """FU-A, RFC 6184 5.8."""
    body, indicator, kind = nal[1:], nal[0] & 0xE0 | 28, nal[0] & 31
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    last = len(pieces) - 1
    return [
        bytes((indicator, kind | (0x80 if number == 0 else 0) | (0x40 if number == last else 0))) + piece
        for number, piece in enumerate(pieces)
    ]
