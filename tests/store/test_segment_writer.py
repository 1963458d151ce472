"""What is written, and that players take it as it lies."""

import errno
import os
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, ticks_to_ns
from bridge.store.format import ClockFacts
from bridge.store.sample_index import DAMAGED, KEY
from bridge.store.segment_reader import SegmentReader
from bridge.store.segment_writer import FragmentUnits, segment_origins
from bridge.store.verify import verify
from bridge.store.walk import read_head, walk
from bridge.wire import annexb
from bridge.wire.mp4.decode_times import begin_run
from tests.store.segments import (
    AUDIO,
    CLOCK,
    START_NS,
    TRACKS,
    VIDEO,
    finish,
    real_fragments,
    recording_folder,
    small_fragment,
    start,
    unfinished,
    unit,
    units_of,
)

FRAGMENTS = [small_fragment(number) for number in range(3)]
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


def stored(path):
    """(head, fragments) as they lie in the file."""
    with path.open("rb") as file:
        head = read_head(file.fileno())
        return head, list(walk(file.fileno(), head, path.stat().st_size))


class Disk:
    """Writes that fail: `room` bytes are taken, then the disk is full."""

    def __init__(self, monkeypatch):
        self.room = None
        self.writes = []
        self._pwrite = os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)
        monkeypatch.setattr(os, "pwritev", lambda descriptor, pieces, at: self.pwrite(descriptor, b"".join(pieces), at))

    def pwrite(self, descriptor, data, offset):
        if self.room is not None:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            data = data[: self.room]
            self.room -= len(data)
        self.writes.append(len(data))
        return self._pwrite(descriptor, data, offset)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def test_a_fragment_is_one_write_with_all_that_belongs_to_it(folder, disk):
    writer = start(folder, FRAGMENTS[:1])
    disk.writes.clear()
    assert writer.append(FRAGMENTS[1]) == disk.writes[0]
    assert len(disk.writes) == 1
    assert writer.size_bytes == writer.path.stat().st_size
    assert [fragment.sequence for fragment in stored(writer.path)[1]] == [1, 2]
    writer.close()


def test_samples_are_lent_when_they_are_written(folder):
    writer = start(folder, FRAGMENTS[:2])
    video, audio = writer.index.tracks
    assert list(video.media_time) == [0, 22_500, 45_000, 67_500]
    assert list(video.utc_ns) == [START_NS + number * NS_PER_S // 4 for number in range(4)]
    assert list(video.flags) == [KEY, 0, KEY, 0]
    assert list(audio.flags) == [KEY] * 4
    data = writer.path.read_bytes()
    for samples, track in ((video, 0), (audio, 1)):
        for number, one in enumerate(units_of(FRAGMENTS[:2], track)):
            sample = data[samples.at[number] : samples.at[number] + samples.size[number]]
            expected = (
                b"".join(len(part).to_bytes(4, "big") + part for part in one.parts) if track == 0 else one.parts[0]
            )
            assert sample == expected
    writer.close()


def test_what_a_finished_segment_says(folder):
    path, segment = finish(folder, FRAGMENTS, serial=1042, run=1040)
    assert path.relative_to(folder.path).as_posix() == "000001/00001042-20261118T110640.000Z.mp4"
    assert (segment.serial, segment.run, segment.starts_with_key) == (1042, 1040, True)
    assert segment.start_utc_ns == START_NS
    assert segment.interval_ns == NS_PER_S // 4
    assert segment.end_utc_ns == START_NS + 6 * NS_PER_S // 4
    assert segment.size_bytes == path.stat().st_size
    assert len(segment.digest) == 32
    assert verify(path) == []


def test_a_segment_without_fragments_is_removed(folder):
    writer = start(folder, FRAGMENTS[:1], serial=1)
    writer.close()
    empty = type(writer).create(folder, writer.header, TRACKS, START_NS + 1_000_000)
    assert empty.finish(CLOCK) is None
    empty.remove()
    assert not empty.path.exists()


def test_a_serial_is_used_once(folder):
    path = unfinished(folder, FRAGMENTS[:1])
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        start(folder, FRAGMENTS[:1])
    assert path.read_bytes() == before


@pytest.mark.parametrize("room", [0, 1, 200, 400])
def test_a_write_that_fails_is_cut_off_again(folder, disk, room):
    writer = start(folder, FRAGMENTS[:2])
    whole, samples = writer.path.read_bytes(), len(writer.index)
    disk.room = room
    with pytest.raises(OSError, match="No space"):
        writer.append(FRAGMENTS[2])
    assert writer.path.read_bytes() == whole
    assert len(writer.index) == samples
    disk.room = None
    with pytest.raises(LocalProtocolError, match="failed write"):
        writer.append(FRAGMENTS[2])
    assert writer.finish(CLOCK).size_bytes == writer.path.stat().st_size
    writer.close()
    assert verify(writer.path) == []


def test_a_fragment_of_more_pieces_than_the_kernel_takes(folder, disk):
    slices = tuple(b"\x41slice%d" % number for number in range(1500))
    writer = start(folder, [FragmentUnits([unit(0, 0, parts=slices)])])
    assert disk.writes[1:] == [writer.size_bytes - disk.writes[0]]
    writer.finish(CLOCK)
    writer.close()
    assert verify(writer.path) == []
    with closing(SegmentReader.open(writer.path)) as reader:
        assert reader.read(0, 0, 1)[0].parts == slices


def test_a_disk_that_takes_a_part_is_asked_again(folder, disk, monkeypatch):
    writer = start(folder, FRAGMENTS[:1])
    pwrite, pwritev = os.pwrite, os.pwritev
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: pwrite(descriptor, data[:100], offset))
    monkeypatch.setattr(os, "pwritev", lambda descriptor, pieces, offset: pwritev(descriptor, pieces[:2], offset))
    disk.writes.clear()
    writer.append(FRAGMENTS[1])
    assert len(disk.writes) > 2
    writer.finish(CLOCK)
    writer.close()
    assert verify(writer.path) == []


def test_a_footer_that_fails_may_be_tried_again(folder, disk):
    writer = start(folder, FRAGMENTS)
    whole = writer.path.read_bytes()
    disk.room = 50
    with pytest.raises(OSError, match="No space"):
        writer.finish(CLOCK)
    assert writer.path.read_bytes() == whole
    disk.room = None
    assert writer.finish(CLOCK).serial == 1
    writer.close()
    assert verify(writer.path) == []


def test_a_head_that_fails_leaves_no_file(folder, disk):
    disk.room = 100
    with pytest.raises(OSError, match="No space"):
        start(folder, FRAGMENTS)
    assert list(folder.segments()) == []


def test_nothing_is_appended_behind_the_footer(folder):
    writer = start(folder, FRAGMENTS[:1])
    writer.finish(CLOCK)
    with pytest.raises(LocalProtocolError, match="after finish"):
        writer.append(FRAGMENTS[1])
    with pytest.raises(LocalProtocolError, match="after finish"):
        writer.finish(CLOCK)
    with pytest.raises(LocalProtocolError, match="has 1 fragments"):
        writer.remove()
    writer.close()


def test_a_jump_that_no_offset_can_tell_writes_nothing(folder):
    writer = start(folder, [FragmentUnits([unit(0, 1 << 40), unit(1, 1 << 37)])])
    before = writer.path.read_bytes()
    with pytest.raises(LocalProtocolError, match="a new run was due"):
        writer.append(FragmentUnits([unit(0, 0)]))
    assert writer.path.read_bytes() == before
    assert writer.finish(CLOCK) is not None
    writer.close()
    assert verify(writer.path) == []


def test_audio_comes_in_one_part(folder):
    writer = start(folder, FRAGMENTS[:1])
    before = writer.path.read_bytes()
    with pytest.raises(ValueError, match="unpack"):
        writer.append(FragmentUnits([unit(1, 8000, parts=(b"two", b"parts"))]))
    assert writer.path.read_bytes() == before
    writer.close()


def test_the_name_is_synced_with_the_first_sync(folder, monkeypatch):
    synced = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda number: synced.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    writer = start(folder, FRAGMENTS[:1])
    # The folder of the thousand was made.
    assert synced == [str(folder.path)]
    writer.sync()
    writer.sync()
    assert synced[1:] == [str(writer.path), str(writer.path.parent), str(writer.path)]
    writer.close()


@pytest.mark.parametrize("b_frames", [0, 3])
def test_decode_times_go_on_from_segment_to_segment(folder, b_frames):
    tracks, fragments = real_fragments("libx264", b_frames=b_frames, fragment_pictures=5)
    times = begin_run(tracks)
    parts = [fragments[:4], fragments[4:8], fragments[8:]]
    paths = [unfinished(folder, part, serial, tracks=tracks, times=times) for serial, part in enumerate(parts, 1)]
    readers = [SegmentReader.open(path) for path in paths]
    for track in range(2):
        dts = [time for reader in readers for time in reader.index.tracks[track].dts]
        assert all(before < after for before, after in pairwise(dts))
        assert len(dts) == len(units_of(fragments, track))
    for reader, path in zip(readers, paths, strict=True):
        first = stored(path)[1][0]
        seconds = [run.decode_time / tracks[run.track_id - 1].clock_rate for run in first.runs]
        assert min(seconds) < 0.001
        assert max(seconds) < 0.5
        # In step: here media times are, and so the origins are one moment.
        origins = [origin / track.clock_rate for origin, track in zip(reader.header.origins, tracks, strict=True)]
        assert origins[0] == pytest.approx(origins[1], abs=1 / 8000)
        reader.close()


def test_origins_are_the_earliest_decode_time():
    times = begin_run(TRACKS)
    # I P B: the first decode time lies a frame before the key frame.
    fragment = FragmentUnits([unit(0, 90_000), unit(0, 97_200, key=False), unit(0, 93_600, key=False), unit(1, 8000)])
    assert segment_origins(TRACKS, times, fragment) == (86_400, 7680)
    # Asking changed nothing.
    assert segment_origins(TRACKS, times, fragment) == (86_400, 7680)


def test_tracks_are_in_step_by_capture_time_whatever_their_media_times_say():
    # Sound was captured a quarter of a second after the picture, its media time lies half a second behind it.
    picture = unit(0, 90_000)
    sound = replace(unit(1, 4000), utc_ns=picture.utc_ns + NS_PER_S // 4)
    # A packet that was delayed, and so dated late, does not count.
    late = replace(unit(1, 4160), utc_ns=sound.utc_ns + NS_PER_S // 10)
    assert segment_origins(TRACKS, begin_run(TRACKS), FragmentUnits([picture, sound, late])) == (90_000, 2000)
    # What is not there takes the earliest media time.
    tracks = (*TRACKS, AUDIO)
    assert segment_origins(tracks, begin_run(tracks), FragmentUnits([picture, sound])) == (90_000, 2000, 4000)


def test_audio_from_before_the_origin_is_not_lost(folder):
    writer = start(folder, [FragmentUnits([unit(0, 90_000)]), FragmentUnits([unit(1, 7000), unit(1, 7160)])])
    late = stored(writer.path)[1][1].runs[0]
    assert (late.decode_time, list(late.offsets)) == (0, [-1000, -841])
    assert list(writer.index.tracks[1].media_time) == [7000, 7160]
    writer.close()


# Any fragments whatever come back, and their times add up.
PARTS = st.lists(st.binary(max_size=40), max_size=4).map(tuple)


@st.composite
def any_fragments(draw):
    moment_s, fragments = draw(st.integers(0, 1 << 24)), []
    clocks = [moment_s * track.clock_rate for track in TRACKS]
    for _ in range(draw(st.integers(1, 5))):
        units = []
        for track in draw(st.lists(st.integers(0, 1), min_size=1, max_size=12)):
            clocks[track] += draw(st.integers(1 if track else -5000, 20_000))
            parts = (draw(st.binary(max_size=60)),) if track else draw(PARTS)
            key, damaged = draw(st.booleans()), draw(st.booleans())
            utc_ns = START_NS + draw(st.integers(0, 1 << 50))
            units.append(AccessUnit(track, max(0, clocks[track]), utc_ns, 0, key, parts, damaged))
        fragments.append(FragmentUnits(units))
    return fragments


@settings(PROPERTY, max_examples=60)
@given(any_fragments())
def test_any_units_come_back_as_they_were(tmp_path_factory, fragments):
    path, _ = finish(recording_folder(tmp_path_factory.mktemp("any")), fragments)
    reader = SegmentReader.open(path)
    for track, samples in enumerate(reader.index.tracks):
        assert reader.read(track, 0, len(samples)) == units_of(fragments, track)
    assert verify(path) == []
    head, found = stored(path)
    for fragment in found:
        for run in fragment.runs:
            origin, time = head.header.origins[run.track_id - 1], run.decode_time
            samples = reader.index.tracks[run.track_id - 1]
            for offset, duration in zip(run.offsets, run.durations, strict=True):
                number = list(samples.dts).index(origin + time)
                assert origin + time + offset == samples.media_time[number]
                time += duration
    for samples in reader.index.tracks:
        assert all(before < after for before, after in pairwise(samples.dts))
    reader.close()


# FFmpeg as the oracle.


def packets_of(path):
    """(packets of each stream, whether all pictures and sounds decoded) by PyAV."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        streams = [[packet for packet in packets if packet.stream.index == index] for index in range(2)]
        decoded = [0, 0]
        for index, stream in enumerate(streams):
            for packet in [*stream, None]:
                decoded[index] += len(container.streams[index].codec_context.decode(packet))
        return streams, decoded


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize(
    ("encoder", "b_frames", "audio"),
    [("libx264", 0, "pcmu"), ("libx264", 3, "aac"), ("libx265", 0, "aac"), ("libx265", 3, "pcma")],
)
def test_ffmpeg_takes_it_as_it_lies(folder, encoder, b_frames, audio, is_finished):
    tracks, fragments = real_fragments(encoder, b_frames=b_frames, audio=audio)
    assert len(fragments) >= 5
    writing = finish if is_finished else unfinished
    written = writing(folder, fragments, tracks=tracks)
    path = written[0] if is_finished else written
    (video, sound), decoded = packets_of(path)
    expected = units_of(fragments, 0), units_of(fragments, 1)
    assert [annexb_of(packet) for packet in video] == [one.parts for one in expected[0]]
    assert [bytes(packet) for packet in sound] == [one.parts[0] for one in expected[1]]
    assert [packet.is_keyframe for packet in video] == [one.key for one in expected[0]]
    head, _ = stored(path)
    for packets, units, origin in zip((video, sound), expected, head.header.origins, strict=True):
        assert [packet.pts + origin for packet in packets] == [one.media_time for one in units]
        assert all(before.dts < after.dts for before, after in pairwise(packets))
        assert all(packet.dts <= packet.pts for packet in packets)
    assert decoded[0] == len(expected[0])
    assert decoded[1] >= len(expected[1]) - 1
    if b_frames:
        assert [packet.pts for packet in video] != sorted(packet.pts for packet in video)


@pytest.mark.parametrize("apart_ms", [-300, 300])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_players_show_together_what_was_captured_together(folder, b_frames, apart_ms):
    tracks, fragments = real_fragments("libx264", b_frames=b_frames)
    fragments = [
        replace(
            fragment,
            units=[
                replace(one, media_time=one.media_time + 8 * apart_ms) if one.track == 1 else one
                for one in fragment.units
            ],
        )
        for fragment in fragments
    ]
    path, _ = finish(folder, fragments, tracks=tracks)
    streams, _ = packets_of(path)
    shown = [
        float(packet.pts * packet.time_base) - (one.utc_ns - START_NS) / NS_PER_S
        for track in range(2)
        for packet, one in zip(streams[track], units_of(fragments, track), strict=True)
    ]
    assert max(shown) - min(shown) < 2 / 8000
    with closing(SegmentReader.open(path)) as reader:
        assert list(reader.index.tracks[1].media_time) == [one.media_time for one in units_of(fragments, 1)]


def annexb_of(packet):
    """NAL units of a packet as it lies in an MP4."""
    data, at, parts = bytes(packet), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert annexb.join(parts)
    return tuple(parts)


def test_metadata_lies_in_a_file_as_it_is(folder):
    tracks, fragments = real_fragments("libx264")
    tracks = (*tracks, Track(Codec.ONVIF_METADATA, 90_000))
    video = fragments[0].units[0]
    documents = [
        AccessUnit(2, video.media_time + at, START_NS + ticks_to_ns(at, 90_000), 0, True, (b"<tt:M/>" * (at + 1),))
        for at in (0, 50, 4500, 170_000)
    ]
    fragments[0] = replace(fragments[0], units=[*fragments[0].units, *documents[:3]])
    fragments[-1] = replace(fragments[-1], units=[*fragments[-1].units, documents[3]])
    path, _ = finish(folder, fragments, tracks=tracks)
    assert verify(path) == []
    with closing(SegmentReader.open(path)) as reader:
        assert reader.tracks == tracks
        assert reader.read(2, 0, 4) == documents
        assert list(reader.index.tracks[2].flags) == [KEY] * 4
    with av.open(str(path)) as container:
        assert [bytes(packet) for packet in container.demux(container.streams[2]) if packet.size] == [
            one.parts[0] for one in documents
        ]
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == len(units_of(fragments, 0))


def test_damaged_pictures_are_marked(folder):
    fragment = FragmentUnits([unit(0, 0), unit(0, 3600, key=False, damaged=True), unit(1, 0, damaged=True)])
    path, _ = finish(folder, [fragment])
    with closing(SegmentReader.open(path)) as reader:
        assert list(reader.index.tracks[0].flags) == [KEY, DAMAGED]
        assert list(reader.index.tracks[1].flags) == [KEY | DAMAGED]


@pytest.mark.parametrize("tracks", [(VIDEO,), (AUDIO,)])
def test_a_track_alone(folder, tracks):
    rate = tracks[0].clock_rate
    fragments = [FragmentUnits([unit(0, rate * number, clock_rate=rate)]) for number in range(3)]
    path, segment = finish(folder, fragments, tracks=tracks)
    assert verify(path) == []
    assert segment.interval_ns == NS_PER_S
    with closing(SegmentReader.open(path)) as reader:
        assert reader.read(0, 0, 3) == units_of(fragments, 0)


def test_the_facts_of_the_clock_are_kept(folder):
    path, _ = finish(folder, FRAGMENTS)
    with closing(SegmentReader.open(path)) as reader:
        assert reader.clock == CLOCK == ClockFacts(-1_500_000_000, "offset")
