"""The loop as a recorder gets it: access units, fragments made without waiting, and segments written of them."""

import io
import struct
import uuid
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from bench import loop
from bench.loop import Setting
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.hub import Hub
from bridge.recorder.cutter import Cutter, Fragment
from bridge.store.format import ClockFacts, SegmentHeader
from bridge.store.layout import RecordingFolder
from bridge.store.segment_writer import FinishedSegment, FragmentUnits, SegmentWriter, segment_origins
from bridge.wire.mp4.decode_times import begin_run

FRAME_NS = NS_PER_S // Setting.frame_rate
TICKS = loop.CLOCK_RATE // Setting.frame_rate

#: One access unit: its NAL units, and whether it is a key frame.
Picture = tuple[tuple[bytes, ...], bool]

_FRAGMENTED, _PARAMETER_SETS, _KEY = 28, (7, 8), 5


def pictures(setting: Setting) -> list[Picture]:
    """The loop's access units, depacketised (RFC 6184 5.6, 5.8)."""
    return [_picture(unit) for unit in loop.load(setting)]


def _picture(unit: loop.Unit) -> Picture:
    nals: list[bytearray] = []
    for at, size in unit.spans:
        payload = unit.framed[at + 12 : at + size]
        if payload[0] & 31 != _FRAGMENTED:
            nals.append(payload)
            continue
        if payload[1] & 0x80:
            nals.append(bytearray((payload[0] & 0xE0 | payload[1] & 31,)))
        nals[-1] += payload[2:]
    return tuple(map(bytes, nals)), any(nal[0] & 31 == _KEY for nal in nals)


def track(shown: Sequence[Picture]) -> Track:
    """What the pictures are, with their parameter sets."""
    sets = tuple(nal for nal in shown[0][0] if nal[0] & 31 in _PARAMETER_SETS)
    return Track(Codec.H264, loop.CLOCK_RATE, parameter_sets=sets)


def plain_mp4(setting: Setting, seconds: int, path: Path) -> Path:
    """The loop, over and over, as an MP4 file of FFmpeg's: what other programs read with its times."""
    stream = io.BytesIO(b"".join(b"\0\0\0\1" + nal for nals, _ in pictures(setting) for nal in nals))
    with av.open(stream, format="h264") as source, av.open(str(path), "w", format="mp4") as file:
        packets = [packet for packet in source.demux(video=0) if packet.size]
        into = file.add_stream_from_template(source.streams.video[0])
        into.time_base = Fraction(1, loop.CLOCK_RATE)
        for number in range(seconds * setting.frame_rate):
            original = packets[number % len(packets)]
            packet = av.Packet(bytes(original))
            packet.stream, packet.is_keyframe = into, original.is_keyframe
            packet.time_base, packet.duration = Fraction(1, loop.CLOCK_RATE), TICKS
            packet.pts = packet.dts = number * TICKS
            file.mux(packet)
    return path


class _Kept:
    """A sink that keeps what the cutter gives it."""

    def __init__(self) -> None:
        self.fragments: list[Fragment] = []

    def push(self, fragment: Fragment) -> None:
        self.fragments.append(fragment)

    def pause(self) -> None:
        pass


def fragments(shown: Sequence[Picture], count: int, *, start_utc_ns: int = 1_800_000_000 * NS_PER_S) -> list[Fragment]:
    """`count` pictures, over and over the same, as hub and cutter make fragments of them."""
    clock, sink = ManualClock(utc_ns=start_utc_ns), _Kept()
    hub = Hub("bench/main", clock)
    run = hub.begin_run((track(shown),))
    cutter = Cutter(hub, sink)
    for number in range(count):
        parts, key = shown[number % len(shown)]
        run.push(0, number * TICKS, parts, key, False, clock.monotonic_ns())
        clock.advance(FRAME_NS)
    cutter.end()
    return sink.fragments


def write_segment(
    folder: RecordingFolder,
    recorder: uuid.UUID,
    serial: int,
    run: int,
    of: Sequence[Fragment],
    *,
    finish: bool = True,
) -> tuple[FinishedSegment | None, list[int]]:
    """A file of these fragments, unsynced, and how many bytes each has. finish False: as a killed process leaves it."""
    first = of[0]
    times = begin_run(first.tracks)
    units = [FragmentUnits(each.units, each.next_media_time) for each in of]
    origins = segment_origins(first.tracks, times, units[0])
    header = SegmentHeader(folder.uuid, recorder, serial, run, origins, first.starts_with_key)
    writer = SegmentWriter.create(folder, header, first.tracks, first.start_utc_ns, times)
    sizes = [writer.append(each) for each in units]
    segment = writer.finish(ClockFacts()) if finish else None
    writer.close()
    return segment, sizes


def fragment_file(setting: Setting, path: Path, folder: RecordingFolder) -> Path:
    """What record_floor.c writes: the loop's fragments as they lie on disk, each behind its length (32 bits)."""
    shown = pictures(setting)
    _, sizes = write_segment(folder, uuid.UUID(int=1), 1, 1, fragments(shown, len(shown)))
    (segment,) = folder.segments()
    data = segment.path.read_bytes()
    at = data.index(b"prft") - 4
    with path.open("wb") as file:
        for size in sizes:
            file.write(struct.pack("=I", size) + data[at : at + size])
            at += size
    segment.path.unlink()
    return path
