"""Reading by time, over segments on disk: what comes out is what went in, from any instant, both ways."""

import itertools
import uuid
from dataclasses import dataclass, field, replace

import pytest

from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.store.format import ClockFacts, SegmentHeader
from bridge.store.layout import RecordingFolder
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Begin, Broken, Edge, Gap, Reading
from bridge.store.rows import SegmentRow
from bridge.store.segment_reader import SegmentReader
from bridge.store.segment_writer import FragmentUnits, SegmentWriter, begin_run, segment_origins
from bridge.wire.payload import complete_track
from tests.wire.encoded import video

BEGIN = 1_800_000_000 * NS_PER_S
UUID = uuid.UUID(int=7)
PICTURE_NS = 40 * NS_PER_MS
FRAME_NS = 20 * NS_PER_MS


def video_track() -> Track:
    sets = [part for part in video("libx264")[0] if part[0] & 31 in (7, 8)]
    return complete_track(Track(Codec.H264, 90_000), tuple(sets))


VIDEO = video_track()
SOUND = Track(Codec.PCMU, 8000)


@dataclass
class Recording:
    """A shelf of real files, without an index: the rows stand in a list."""

    folder: RecordingFolder
    rows: list[SegmentRow] = field(default_factory=list)
    units: list[AccessUnit] = field(default_factory=list)
    writers: dict[int, SegmentWriter] = field(default_factory=dict)
    opened: int = 0

    def write(
        self, start_s: float, seconds: float, *, run=None, gop=10, sound=True, size=2000, finish=True, key=True
    ) -> list[AccessUnit]:
        """A segment of 25 pictures a second (and G.711 beside it) that begins `start_s` after BEGIN."""
        serial = len(self.rows) + 1
        first = round(start_s * 25)
        units = []
        for number in range(round(seconds * 25)):
            utc_ns = BEGIN + (first + number) * PICTURE_NS
            is_key = (number if key else number + 5) % gop == 0
            kind = bytes([0x65 if is_key else 0x41])
            parts = (kind + (serial * 100_000 + number).to_bytes(4, "big") * (size // 4),)
            units.append(AccessUnit(0, (first + number) * 3600, utc_ns, 0, is_key, parts))
            if sound:
                for half in range(2):
                    at = 2 * (first + number) + half
                    units.append(AccessUnit(1, at * 160, BEGIN + at * FRAME_NS, 0, True, (at.to_bytes(4, "big") * 40,)))
        tracks = (VIDEO, SOUND) if sound else (VIDEO,)
        fragments = [units[at : at + 30] for at in range(0, len(units), 30)]
        times = begin_run(tracks)
        header = SegmentHeader(
            UUID, UUID, serial, run or serial, segment_origins(tracks, times, FragmentUnits(fragments[0])), key
        )
        writer = SegmentWriter.create(self.folder, header, tracks, units[0].utc_ns, times)
        for fragment in fragments:
            writer.append(FragmentUnits(fragment))
        start, end = units[0].utc_ns, BEGIN + (first + round(seconds * 25)) * PICTURE_NS
        self.rows.append(SegmentRow(1, serial, run or serial, 1, start, end if finish else FOREVER_NS, 1, key))
        if finish:
            writer.finish(ClockFacts())
            writer.close()
        else:
            self.writers[serial] = writer
        self.units += units
        return units

    def between(self, from_ns, until_ns, limit):
        found = [
            row
            for row in self.rows
            if row.start_utc_ns < until_ns and (row.end_utc_ns > from_ns or row.start_utc_ns >= from_ns)
        ]
        return sorted(found, key=lambda row: (row.start_utc_ns, row.serial))[:limit]

    def before(self, utc_ns):
        found = [row for row in self.rows if row.start_utc_ns < utc_ns]
        return max(found, key=lambda row: (row.start_utc_ns, row.serial), default=None)

    def segment(self, serial):
        return next((row for row in self.rows if row.serial == serial), None)

    def being_written(self, serial):
        return serial in self.writers

    def open(self, row):
        self.opened += 1
        if writer := self.writers.get(row.serial):
            return SegmentReader.live(writer.path, writer.header, writer.tracks, writer.index)
        path = self.folder.find(row.serial, row.start_utc_ns)
        if path is None:
            raise FileNotFoundError(f"segment {row.serial} is gone")
        return SegmentReader.open(path)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / str(UUID)
    path.mkdir()
    return Recording(RecordingFolder(path))


def at(second: float) -> int:
    return BEGIN + round(second * NS_PER_S)


def read(reading: Reading, items, most=100_000) -> list:
    found = list(itertools.islice(items, most))
    reading.close()
    return found


def forward(recording, from_s, until_s=None, **how):
    reading = Reading(recording, **how)
    return read(reading, reading.forward(at(from_s), FOREVER_NS if until_s is None else at(until_s)))


def backward(recording, from_s, until_s=0.0, **how):
    reading = Reading(recording, **how)
    return read(reading, reading.backward(at(from_s), at(until_s)))


def units(items, track=None):
    return [one for one in items if isinstance(one, AccessUnit) and track in (None, one.track)]


def second(unit):
    return (unit.utc_ns - BEGIN) / NS_PER_S


def others(items):
    return [one for one in items if not isinstance(one, AccessUnit)]


def test_everything_comes_out_as_it_went_in(recording):
    for number in range(3):
        recording.write(2 * number, 2, run=1)
    items = forward(recording, 0)
    for track in (0, 1):
        assert units(items, track) == [unit for unit in recording.units if unit.track == track]
    assert others(items) == [Begin((VIDEO, SOUND), 0, 1)]
    merged = [unit.utc_ns for unit in units(items)]
    assert merged == sorted(merged)


@pytest.mark.parametrize("from_s", [0, 0.04, 0.399, 0.4, 1.0, 1.99, 2.0, 2.5, 3.96, 3.999])
def test_from_any_instant_it_begins_at_the_key_frame_at_or_before_it(recording, from_s):
    recording.write(0, 2, run=1)
    recording.write(2, 2, run=1)
    first = units(forward(recording, from_s), 0)[0]
    assert first.key
    assert 0 <= from_s - second(first) < 0.4
    # Sound begins with the picture.
    assert second(units(forward(recording, from_s), 1)[0]) == second(first)


def test_before_the_beginning_and_behind_the_end(recording):
    recording.write(10, 2)
    assert units(forward(recording, 0))[0].utc_ns == at(10)
    assert forward(recording, 12) == []
    assert forward(recording, 0, 10) == []
    assert backward(recording, 9.99) == []
    assert units(backward(recording, 100))[0].key


def test_until(recording):
    recording.write(0, 2, run=1)
    recording.write(2, 2, run=1)
    items = forward(recording, 1, 2.5)
    assert max(map(second, units(items))) == pytest.approx(2.48)
    assert recording.opened == 2


def test_a_gap_is_told_both_ways_and_a_short_pause_is_not(recording):
    recording.write(0, 2)
    recording.write(2.6, 2)
    recording.write(10, 2)
    for items in (forward(recording, 0), backward(recording, 20)):
        assert [one for one in items if isinstance(one, Gap)] == [Gap(at(4.6), at(10))]


def test_backwards_gop_by_gop(recording):
    recording.write(0, 2, run=1)
    recording.write(2, 2, run=1)
    items = units(backward(recording, 3.5), 0)
    gops = []
    for unit in items:
        if unit.key:
            gops.append([])
        gops[-1].append(second(unit))
    starts = [gop[0] for gop in gops]
    assert starts == sorted(starts, reverse=True)
    assert starts[0] == pytest.approx(3.2)
    assert starts[-1] == 0
    assert gops[0] == pytest.approx([3.2 + n * 0.04 for n in range(8)])  # up to 3.48, the last before or at 3.5
    assert all(gop == sorted(gop) and len(gop) == 10 for gop in gops[1:])
    everything = sorted(second(unit) for unit in items)
    assert everything == pytest.approx([n * 0.04 for n in range(88)])
    stopped = units(backward(recording, 3.5, 1.0), 0)
    assert min(map(second, stopped)) == pytest.approx(0.8)


def test_sound_comes_with_its_gop_backwards(recording):
    recording.write(0, 2)
    items = units(backward(recording, 2))
    assert sorted(second(unit) for unit in items if unit.track == 1) == pytest.approx([n * 0.02 for n in range(100)])


def test_keys_only(recording):
    recording.write(0, 2, run=1)
    recording.write(2, 2, run=1)
    ahead = units(forward(recording, 0, keys_only=True))
    assert [second(unit) for unit in ahead] == pytest.approx([n * 0.4 for n in range(10)])
    assert units(backward(recording, 10, keys_only=True)) == ahead[::-1]
    assert all(unit.key and unit.track == 0 for unit in ahead)


@pytest.mark.parametrize("overlap_s", [0.1, 0.3])
def test_what_a_segment_has_beyond_the_start_of_the_next_of_its_run_is_not_hidden(recording, overlap_s):
    # Sound that came while B-frames kept the next key frame back lies behind the pictures before it.
    recording.write(0, 2)
    recording.write(2, 2, run=1)
    recording.rows[1] = replace(recording.rows[1], start_utc_ns=at(2 - overlap_s))
    assert units(forward(recording, 0)) == recording.units
    assert sorted(units(backward(recording, 4)), key=recording.units.index) == recording.units
    # The ends of a reading hold for it all the same.
    assert all(one.utc_ns < at(1.95) for one in units(forward(recording, 0, 1.95)))
    assert all(one.utc_ns <= at(1.95) for one in units(backward(recording, 1.95)))
    # What another run hides stays hidden.
    hiding = recording.write(1.4, 0.2)
    shown = [one for one in units(forward(recording, 0), 0) if at(1.4) <= one.utc_ns < at(1.6)]
    assert shown == [one for one in hiding if one.track == 0]


def test_some_tracks(recording):
    recording.write(0, 2)
    assert {unit.track for unit in units(forward(recording, 0, tracks=frozenset({1})))} == {1}
    assert len(units(forward(recording, 0, tracks=frozenset({1})))) == 100
    assert units(forward(recording, 0, tracks=frozenset({7}))) == []


def test_of_what_overlaps_the_latest_written_is_shown(recording):
    recording.write(0, 4, run=1)
    newer = recording.write(1, 2, run=2)  # the clock was set back
    items = forward(recording, 0)
    shown = units(items, 0)
    assert [unit for unit in shown if second(unit) < 1] == [
        unit for unit in recording.units if unit.track == 0 and second(unit) < 1 and unit not in newer
    ]
    assert [unit for unit in shown if 1 <= second(unit) < 3] == [unit for unit in newer if unit.track == 0]
    # Behind it the old run goes on from its next key frame.
    rest = [unit for unit in shown if second(unit) >= 3]
    assert rest[0].key
    assert second(rest[0]) == pytest.approx(3.2)
    assert [one.run for one in others(items)] == [1, 2, 1]
    back = units(backward(recording, 4), 0)
    assert sorted(back, key=lambda unit: unit.utc_ns) == shown
    # The hidden one is read by its name.
    assert units(forward(recording, 0, run=1), 0) == [unit for unit in recording.units if unit.track == 0][:100]


def test_a_segment_cut_for_its_length_hangs_on_the_one_before(recording):
    recording.write(0, 1, run=1, gop=1000)
    recording.write(1, 1, run=1, gop=1000, key=False)
    recording.write(2, 1, run=1, gop=1000, key=False)
    assert units(forward(recording, 2.5), 0)[0].utc_ns == at(0)
    assert len(units(forward(recording, 2.5), 0)) == 75
    assert [second(unit) for unit in units(backward(recording, 2.5), 0)] == pytest.approx([n * 0.04 for n in range(63)])


def test_up_to_the_live_edge_and_on(recording):
    recording.write(0, 2, run=1)
    recording.write(2, 1, run=1, finish=False)
    assert len(units(forward(recording, 0), 0)) == 75  # without following it ends there
    reading = Reading(recording, follow=True)
    items = reading.forward(at(1))
    found = list(itertools.takewhile(lambda item: not isinstance(item, Edge), items))
    assert max(map(second, units(found, 0))) == pytest.approx(2.96)
    assert next(items) == Edge(at(2.96))
    writer = recording.writers[2]
    more = [AccessUnit(0, (75 + n) * 3600, at(3 + n * 0.04), 0, n == 0, (b"\x41" * 50,)) for n in range(5)]
    writer.append(FragmentUnits(more))
    assert units(itertools.islice(items, 5)) == more
    assert isinstance(next(items), Edge)
    # It is finished, and the next one begins.
    writer.finish(ClockFacts())
    writer.close()
    del recording.writers[2]
    recording.rows[1] = SegmentRow(1, 2, 1, 1, at(2), at(3.2), 1, True)
    following = recording.write(3.2, 0.4, run=1, finish=False)
    assert units(itertools.islice(items, len(following))) == sorted(
        following, key=lambda unit: (unit.utc_ns, unit.track)
    )
    assert isinstance(next(items), Edge)
    reading.close()


def test_a_segment_that_is_gone_or_damaged_is_stepped_over(recording):
    for number in range(3):
        recording.write(2 * number, 2, run=1)
    path = recording.folder.find(2)
    data = path.read_bytes()
    path.unlink()
    for items in (forward(recording, 0), backward(recording, 10)):
        (broken,) = [one for one in items if isinstance(one, Broken)]
        assert broken.serial == 2
        assert {int(second(unit)) for unit in units(items)} == {0, 1, 4, 5}
    path.write_bytes(b"?" * len(data))
    assert [one.serial for one in forward(recording, 0) if isinstance(one, Broken)] == [2]


def test_no_more_is_read_than_is_handed_out(recording, monkeypatch):
    recording.write(0, 60, size=20_000, sound=False)
    read_bytes = []
    import os

    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: read_bytes.append(len(data := pread(*arguments))) or data)
    reading = Reading(recording)
    first = next(item for item in reading.forward(at(30)) if isinstance(item, AccessUnit))
    assert second(first) == pytest.approx(30)
    # The footer, the head, and a stretch.
    assert sum(read_bytes) < 2_500_000
    reading.close()


def test_audio_alone(recording):
    serial = 1
    frames = [AccessUnit(0, n * 160, at(n * 0.02), 0, True, (bytes([n % 250]) * 160,)) for n in range(200)]
    header = SegmentHeader(UUID, UUID, serial, serial, (0,), True)
    writer = SegmentWriter.create(recording.folder, header, (SOUND,), at(0))
    for number in range(0, 200, 25):
        writer.append(FragmentUnits(frames[number : number + 25]))
    writer.finish(ClockFacts())
    writer.close()
    recording.rows.append(SegmentRow(1, 1, 1, 1, at(0), at(4), 1, True))
    assert units(forward(recording, 1)) == frames[50:]
    assert units(backward(recording, 1)) == frames[:51][::-1]
    assert SOUND.medium is Medium.AUDIO


@pytest.mark.parametrize("pause_s", [-0.04, 0.04, 0.2])
def test_segments_of_one_run_may_be_a_little_apart_or_overlap(recording, pause_s):
    recording.write(0, 2, run=1)
    recording.write(2 + pause_s, 2, run=1)
    ahead = forward(recording, 0)
    shown = sorted({unit.utc_ns for unit in recording.units if unit.track == 0})
    assert sorted({unit.utc_ns for unit in units(ahead, 0)}) == shown
    assert [one for one in others(ahead) if not isinstance(one, Begin)] == []
    back = backward(recording, 10)
    assert sorted({unit.utc_ns for unit in units(back, 0)}) == shown
    assert [one for one in others(back) if not isinstance(one, Begin)] == []


def test_keys_that_are_apart(recording):
    recording.write(0, 2, run=1)
    recording.write(2, 2, run=1)
    far = NS_PER_S
    ahead = units(forward(recording, 0, keys_only=True, apart_ns=far))
    assert [second(unit) for unit in ahead] == pytest.approx([0, 1.2, 2.4, 3.6])
    back = units(backward(recording, 10, keys_only=True, apart_ns=far))
    assert [second(unit) for unit in back] == pytest.approx([3.6, 2.4, 1.2, 0])


def test_tracks_may_be_chosen_stretch_by_stretch(recording):
    recording.write(0, 2)
    recording.write(10, 2, sound=False)
    seen = []

    def choose(tracks):
        seen.append(tracks)
        return frozenset({len(tracks) - 1})

    ahead = units(forward(recording, 0, tracks=choose))
    assert seen == [(VIDEO, SOUND), (VIDEO,)]
    assert [{one.track for one in ahead if (one.utc_ns < at(5)) is early} for early in (True, False)] == [{1}, {0}]


def test_behind_what_cannot_be_read_decoding_starts_at_the_next_key_frame(recording):
    recording.write(0, 1, run=1, gop=10)
    recording.write(1, 1, run=1, gop=10)
    recording.write(2, 1, run=1, gop=10, key=False)
    recording.folder.find(2).unlink()
    ahead = forward(recording, 0)
    assert [second(unit) for unit in units(ahead, 0)][25:27] == pytest.approx([2.2, 2.24])
    # Nor is a segment given up because the one that its first pictures hang on is gone.
    assert [second(unit) for unit in units(forward(recording, 2.1), 0)][:1] == pytest.approx([2.2])
    assert not [one for one in forward(recording, 2.1) if isinstance(one, Broken)]


def test_until_when_there_is_footage(recording):
    recording.write(0, 2)
    recording.write(10, 2)
    reading = Reading(recording)
    assert [reading.latest_ns(at(one)) for one in (-1, 5, 11, 20)] == [None, at(2), at(11) + 1, at(12)]
    reading.close()
    recording.folder.find(2).unlink()
    reading = Reading(recording)
    assert reading.latest_ns(at(20)) == at(2)
    reading.close()
