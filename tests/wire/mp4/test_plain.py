"""Plain files: the tables of `moov`, and FFmpeg's reading of them."""

import random
import struct
from dataclasses import replace

import pytest

from bridge.base.media import Codec, Track
from bridge.wire.mp4 import boxes, plain
from bridge.wire.mp4.init import MOVIE_TIMESCALE
from bridge.wire.mp4.plain import PlainTrack
from tests.wire.mp4 import files
from tests.wire.mp4.test_entries import TRACKS
from tests.wire.mp4.test_ffmpeg import FILES, NAMES, opened

#: Three pictures and a late fourth, the second and third in one chunk.
PICTURES = PlainTrack(
    TRACKS["H.264"],
    decode_times=[1000, 4600, 8200, 15400],
    end=19000,
    offsets=[3600, 7200, -3600, 0],
    sizes=[100, 20, 30, 40],
    at=[1 << 32, 5000, 5020, 9000],
    keys=[True, False, False, True],
    starts_at=4600,
)


def tables_of(moov: bytes, number: int = 0) -> dict[bytes, str]:
    """The content of each table of a track, in hex, and of its `elst`."""
    (whole,) = boxes.read_boxes(moov)
    traks = [found for found in boxes.read_boxes(moov, whole.content, whole.end) if found.kind == b"trak"]
    inside = traks[number]
    found = {}
    for path in ([b"mdia", b"minf", b"stbl"], [b"edts"]):
        here = inside
        for kind in path:
            here = boxes.child(moov, here, kind)
        for table in boxes.read_boxes(moov, here.content, here.end):
            found[table.kind] = moov[table.content : table.end].hex(" ", 4)
    return found


def test_tables_of_video():
    tables = tables_of(plain.moov([PICTURES]))
    assert tables[b"stts"] == "00000000 00000003 00000002 00000e10 00000001 00001c20 00000001 00000e10"
    assert tables[b"ctts"] == (
        "01000000 00000004 00000001 00000e10 00000001 00001c20 00000001 fffff1f0 00000001 00000000"
    )
    assert tables[b"stss"] == "00000000 00000002 00000001 00000004"
    assert tables[b"stsz"] == "00000000 00000000 00000004 00000064 00000014 0000001e 00000028"
    assert tables[b"co64"] == "00000000 00000003 00000001 00000000 00000000 00001388 00000000 00002328"
    # Chunk 1 holds one sample, chunk 2 two, chunk 3 one.
    assert tables[b"stsc"] == (
        "00000000 00000003 00000001 00000001 00000001 00000002 00000002 00000001 00000003 00000001 00000001"
    )
    # From 4600 up to 19000, at 3600 in the file's own time.
    assert tables[b"elst"] == "01000000 00000001 00000000 00003840 00000000 00000e10 00010000"


def test_tables_of_sound():
    sound = PlainTrack(
        TRACKS["mu-law"], [0, 160, 320], 480, [0] * 3, [160] * 3, [16, 176, 336], [True] * 3, -800, number=2
    )
    tables = tables_of(plain.moov([PICTURES, sound]), 1)
    assert tables[b"stts"] == "00000000 00000001 00000003 000000a0"
    assert tables[b"stsc"] == "00000000 00000001 00000001 00000003 00000001"
    assert tables[b"co64"] == "00000000 00000001 00000000 00000010"
    assert tables.keys().isdisjoint({b"ctts", b"stss"})
    # It starts 100 ms after the presentation, and lasts 60 ms.
    assert tables[b"elst"] == (
        "01000000 00000002 00000000 00002328 ffffffff ffffffff 00010000 00000000 00001518 00000000 00000000 00010000"
    )


def test_an_edit_does_not_end_before_its_last_sample():
    """A frame of AAC at 44.1 kHz lasts 2089.8 ticks of the movie."""
    sound = PlainTrack(Track(Codec.AAC, 44_100, config=b"\x12\x08"), [0], 1024, [0], [9], [16], [True], 0)
    edit = "01000000 00000001 00000000 0000082a 00000000 00000000 00010000"
    assert tables_of(plain.moov([sound]))[b"elst"] == edit


def test_a_change_of_format_is_an_entry_more():
    larger = replace(TRACKS["H.264"], width=1920, height=1080)
    moov = plain.moov([replace(PICTURES, changes=[(2, larger)])])
    tables = tables_of(moov)
    assert tables[b"stsd"].startswith("00000000 00000002 ")
    # Samples 2 and 3 lie together, and are two chunks for that.
    assert tables[b"co64"] == (
        "00000000 00000004 00000001 00000000 00000000 00001388 00000000 0000139c 00000000 00002328"
    )
    assert tables[b"stsc"] == "00000000 00000002 00000001 00000001 00000001 00000003 00000001 00000002"
    assert (1920 << 16).to_bytes(4, "big") + (1080 << 16).to_bytes(4, "big") in moov


def test_a_format_that_comes_back_has_its_entry():
    larger = replace(TRACKS["H.264"], width=1920, height=1080)
    tables = tables_of(plain.moov([replace(PICTURES, changes=[(1, larger), (3, TRACKS["H.264"])])]))
    assert tables[b"stsd"].startswith("00000000 00000002 ")
    assert tables[b"stsc"] == (
        "00000000 00000003 00000001 00000001 00000001 00000002 00000002 00000002 00000003 00000001 00000001"
    )


def test_a_presentation_that_ends_before_its_samples():
    tables = tables_of(plain.moov([replace(PICTURES, ends_at=10_000)]))
    assert tables[b"elst"] == "01000000 00000001 00000000 00001518 00000000 00000e10 00010000"


def test_only_key_frames_need_no_table_of_them():
    assert b"stss" not in tables_of(plain.moov([replace(PICTURES, keys=[True] * 4)]))


def test_times_last_as_long_as_the_longest_track():
    short = PlainTrack(TRACKS["mu-law"], [0], 160, [0], [160], [16], [True], 0)
    moov = plain.moov([short, PICTURES])
    (whole,) = boxes.read_boxes(moov)
    header = boxes.child(moov, whole, b"mvhd")
    # 14400 are shown; see the comment in `moov`.
    assert struct.unpack_from("!16xIQ", moov, header.content + 4) == (MOVIE_TIMESCALE, 18000)


@pytest.mark.parametrize("changed", [{"offsets": [0]}, {"sizes": []}, {"decode_times": []}, {"keys": [True] * 5}])
def test_columns_of_different_length_are_our_defect(changed):
    with pytest.raises(ValueError, match="samples with columns"):
        replace(PICTURES, **changed)


def test_what_cannot_be_told():
    with pytest.raises(ValueError, match="starts at 19000, behind the end of a track at 19000"):
        plain.moov([replace(PICTURES, starts_at=19000)])
    with pytest.raises(OverflowError):
        plain.moov([replace(PICTURES, end=15400 + (1 << 32))])
    with pytest.raises(OverflowError):
        plain.moov([replace(PICTURES, sizes=[1 << 32, 1, 1, 1])])


def plain_file(tracks: list[files.Samples], starts_ms: int | None = None, later_ms: int = 0) -> bytes:
    """As an export writes it, samples of all tracks by decode time, all `later_ms` later on their time lines.

    starts_ms: where the presentation starts; None: with the first sample of each track.
    """
    order = sorted(
        (time / samples.track.clock_rate, number, index)
        for number, samples in enumerate(tracks)
        for index, time in enumerate(samples.decode_times)
    )
    data, at = [], {}
    place = len(plain.FTYP) + plain.MDAT_HEADER_BYTES
    for _, number, index in order:
        at[number, index] = place
        data.append(tracks[number].data[index])
        place += len(data[-1])
    described = []
    for number, samples in enumerate(tracks):
        later = later_ms * samples.track.clock_rate // 1000
        times = [time + later for time in samples.decode_times]
        first = min(pts for pts, _, _, _ in samples.rows) + later
        described.append(
            PlainTrack(
                samples.track,
                times,
                times[-1] + samples.durations[-1],
                samples.offsets,
                [len(sample) for sample in samples.data],
                [at[number, index] for index in range(len(times))],
                samples.keys,
                first if starts_ms is None else starts_ms * samples.track.clock_rate // 1000,
                number=number + 1,
            )
        )
    content = b"".join(data)
    header = plain.mdat_header(len(content))
    assert len(header) == plain.MDAT_HEADER_BYTES
    return b"".join((plain.FTYP, header, content, plain.moov(described)))


@pytest.mark.parametrize("later_ms", [0, 3_600_000])
@pytest.mark.parametrize(
    "tracks",
    [*FILES.values(), [files.video("libx264", b_frames=2, signed=True), files.aac()]],
    ids=[*FILES, "offsets below zero"],
)
def test_ffmpeg_finds_every_sample(tracks, later_ms):
    found = opened(plain_file(tracks, later_ms=later_ms))
    assert found.complaints == []
    assert found.names == [NAMES[samples.track.codec] for samples in tracks]
    assert found.rates == [samples.track.clock_rate for samples in tracks]
    assert found.frames == [len(samples.data) for samples in tracks]
    for samples, rows in zip(tracks, found.rows, strict=True):
        first = min(pts for pts, _, _, _ in samples.rows)
        assert [(pts, data, key) for pts, _, data, key in rows] == [
            (pts - first, data, key) for pts, _, data, key in samples.rows
        ]
        assert all(dts <= pts for pts, dts, _, _ in rows)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_ffmpeg_shows_from_where_the_presentation_starts(b_frames):
    """Pictures 5 to 23 of 24, the first of a GOP at 0; sound in step with them."""
    video, sound = files.video("libx264", b_frames=b_frames), files.aac()
    shift = min(pts for pts, _, _, _ in video.rows)
    found = opened(plain_file([video, sound], starts_ms=200 + shift // 90))
    assert found.complaints == []
    shown = sorted(pts for pts, _, _, _ in found.rows[0] if pts >= 0)
    assert shown == [index * files.PICTURE_TICKS for index in range(19)]
    assert found.frames[0] == 19
    assert len(found.rows[0]) == 24, "those before are there for the decoder"


def test_ffmpeg_waits_for_a_track_that_starts_late():
    video, sound = files.video("libx264"), files.aac()
    found = opened(plain_file([video, sound], starts_ms=900, later_ms=1000))
    assert found.rows[0][0][0] == 9000
    assert found.rows[1][0][0] == 4800


def test_tables_grow_with_samples_and_no_faster():
    """Nothing equals its neighbour, and every sample is a chunk."""
    dice = random.Random(5)
    count = 1500
    sizes = [dice.randrange(1000, 9000) for _ in range(count)]
    at = [index * 10_000 for index in range(count)]
    times = [index * 3600 + dice.randrange(100) for index in range(count)]
    track = PlainTrack(Track(Codec.H264, 90000), times, times[-1] + 3600, [0] * count, sizes, at, [True] * count, 0)
    tables = tables_of(plain.moov([track]))
    assert len(bytes.fromhex(tables[b"stsz"])) == 12 + 4 * count
    assert len(bytes.fromhex(tables[b"co64"])) == 8 + 8 * count
    assert len(bytes.fromhex(tables[b"stsc"])) == 8 + 12
    assert len(bytes.fromhex(tables[b"stts"])) <= 8 + 8 * count
