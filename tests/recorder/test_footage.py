"""Pieces of a recording for browsers: what PyAV reads of them is what was recorded, at its time of UTC."""

import io
import itertools
import uuid

import av
import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, ManualClock, ns_to_ticks
from bridge.media.live_fragments import UnplayableError
from bridge.recorder.cutter import Cutter
from bridge.recorder.disk import StorageDisk
from bridge.recorder.footage import LONGEST_NS, Asked, FootagePiece, Fragments, NoFootageError
from bridge.recorder.keeper import Keeper
from bridge.recorder.lane import Lane, RecordedStream
from bridge.recorder.library import Library
from bridge.recorder.settings import StorageSettings
from bridge.recorder.storage import StorageWriter
from bridge.store.chain import KeySigner
from bridge.wire.audio import flac
from bridge.wire.mp4 import boxes, fragment
from tests.recorder.test_whole_way import Camera

FOREVER = 1 << 62


class Recorded:
    """Two connections of three seconds, five seconds apart; segments of a second. end: nothing is written any more."""

    def __init__(self, index, folder, encoder="libx264", b_frames=0, audio=Codec.PCMU, *, then=None, end=True):
        self.clock = clock = ManualClock()
        self.camera = camera = Camera(clock, encoder, b_frames, audio)
        self.folder = folder / "cctv"
        keeper = Keeper(uuid.UUID(int=77), KeySigner(bytes(32)), index, lambda recording: ())
        self.disk = StorageDisk(StorageSettings("default", self.folder, make=True), keeper, clock)
        self.storage = StorageWriter("default", self.disk, clock, sync_interval_ns=2 * NS_PER_S)
        row = index.ensure_recording(uuid.uuid4(), "gate", "main", clock.utc_ns())
        stream = RecordedStream(row.id, row.uuid, row.camera, row.stream, row.created_utc_ns)
        self.lane = Lane(stream, NS_PER_S, self.storage.queue)
        self.storage.add(self.lane, lambda: None)
        self.storage.sync_step()
        cutter = Cutter(camera.hub, self.lane)
        camera.connect_and_send(self.step)
        clock.advance(5 * NS_PER_S)
        if then is not None:
            other = Camera(clock, *then)
            camera.tracks, camera.pictures = other.tracks, other.pictures
            camera.sounds, camera.ticks = other.sounds, other.ticks
        camera.connect_and_send(self.step)
        self.library = Library(index, lambda recording: self.lane.live)
        if end:
            cutter.end()
            self.step()
            self.disk.close()
        self.held = self.library.find("rec-gate.main")
        self.begin = min(unit.utc_ns for unit in camera.sent)
        self.end = max(unit.utc_ns for unit in camera.sent)

    def step(self):
        while self.storage.write_next():
            pass
        self.storage.sync_step()

    def piece(self, from_ns, until_ns=FOREVER, **more):
        return FootagePiece(self.library, self.held, Asked(from_ns, until_ns, **more))

    def of(self, track, from_ns=0, until_ns=FOREVER):
        return [unit for unit in self.camera.sent if unit.track == track and from_ns <= unit.utc_ns < until_ns]


@pytest.fixture
def recorded(index, tmp_path):
    def make(*args, **more):
        return Recorded(index, tmp_path, *args, **more)

    return make


def read(piece, size=100_000):
    data = b"".join(iter(lambda: piece.pull(size), b""))
    piece.close()
    return data


def packets(file):
    found = {}
    with av.open(io.BytesIO(file)) as container:
        for packet in container.demux():
            if packet.size:
                rows = found.setdefault(packet.stream.type, [])
                rows.append((packet.pts, packet.dts, bytes(packet), packet.is_keyframe))
    return found


def times(file, track_id):
    """Presentation times as the file has them."""
    found = []
    for box in boxes.read_boxes(file):
        if box.kind == b"moof":
            for run in fragment.parse_moof(file, box.start)[1]:
                if run.track_id == track_id:
                    decoded = itertools.accumulate(run.durations, initial=run.decode_time)
                    found += [time + offset for time, offset in zip(decoded, run.offsets, strict=False)]
    return found


def pictures(units):
    return [
        (
            ns_to_ticks(unit.utc_ns, 90_000),
            b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts),
            unit.key,
        )
        for unit in units
    ]


@pytest.mark.parametrize(
    ("encoder", "b_frames", "audio"),
    [
        ("libx264", 0, Codec.PCMU),
        ("libx264", 2, Codec.AAC),
        ("libx265", 0, Codec.OPUS),
        ("libx265", 2, Codec.PCMA),
        ("libx264", 0, Codec.G726),
    ],
)
def test_everything_at_its_time(recorded, encoder, b_frames, audio):
    made = recorded(encoder, b_frames, audio)
    piece = made.piece(made.begin)
    file = read(piece)
    found = packets(file)
    shown = found["video"]
    expected = pictures(made.of(0))
    assert [(data, key) for _, _, data, key in shown] == [(data, key) for _, data, key in expected]
    assert times(file, 1) == [time for time, _, _ in expected]
    if not b_frames:
        # FFmpeg puts all off where an offset is below zero: the first pictures of a run with B-frames are dated alike.
        assert [row[0] for row in shown] == [time for time, _, _ in expected]
    assert all(before[1] < after[1] for before, after in itertools.pairwise(shown))
    assert piece.head.from_ns == made.of(0)[0].utc_ns
    assert piece.head.until_ns >= made.end
    assert piece.head.next_ns is None
    with av.open(io.BytesIO(file)) as container:
        frames = [frame.pts for frame in container.decode(video=0)]
    assert len(frames) == len(shown)
    if audio is Codec.G726:
        assert "audio" not in found
        assert piece.head.beginning.left_out == ("G726",)
        return
    track = made.camera.tracks[1]
    heard = found["audio"]
    begins = made.of(0)[0].utc_ns
    sounds = [unit for unit in made.of(1) if unit.utc_ns >= begins]
    assert len(sounds) - len(heard) in (0, 1)
    for (pts, _, data, _), unit in zip(heard[::-1], sounds[::-1], strict=False):
        assert abs(pts - ns_to_ticks(unit.utc_ns, track.clock_rate)) <= track.clock_rate // 10
        if audio in (Codec.PCMU, Codec.PCMA):
            assert data == flac.frame(track, unit.parts[0], pts)
        else:
            assert data == unit.parts[0]


def test_a_piece_begins_with_the_key_frame_before_and_the_next_one_fits(recorded):
    made = recorded()
    keys = [unit.utc_ns for unit in made.of(0) if unit.key]
    middle = keys[1] + NS_PER_S // 5
    first, second = made.piece(made.begin, middle), made.piece(middle, made.begin + 3 * NS_PER_S)
    assert (first.head.until_ns, first.head.next_ns) == (middle, middle)
    assert second.head.from_ns == keys[1]
    rows, more = (packets(read(piece))["video"] for piece in (first, second))
    assert [row[2] for row in rows] == [data for _, data, _ in pictures(made.of(0, made.begin, middle))]
    by_time = {row[0]: row[2] for row in rows}
    both = [row for row in more if row[0] in by_time]
    assert both
    assert all(by_time[row[0]] == row[2] for row in both)
    assert {row[0] for row in more} >= {ns_to_ticks(unit.utc_ns, 90_000) for unit in made.of(0, middle, keys[3])}


def test_key_frames_alone(recorded):
    made = recorded()
    found = packets(read(made.piece(made.begin, keys_only=True)))
    assert list(found) == ["video"]
    assert [(row[0], row[2], row[3]) for row in found["video"]] == pictures(one for one in made.of(0) if one.key)


def test_without_sound(recorded):
    made = recorded()
    assert list(packets(read(made.piece(made.begin, audio=False)))) == ["video"]


def test_where_there_is_nothing_it_is_said_where_it_goes_on(recorded):
    made = recorded()
    again = made.begin + 8 * NS_PER_S
    with pytest.raises(NoFootageError) as told:
        made.piece(made.begin + 4 * NS_PER_S, made.begin + 6 * NS_PER_S)
    assert told.value.next_ns == pytest.approx(again, abs=NS_PER_S)
    with pytest.raises(NoFootageError) as told:
        made.piece(made.end + NS_PER_S)
    assert told.value.next_ns is None
    with pytest.raises(NoFootageError) as told:
        made.piece(made.begin - 9 * 24 * 3600 * NS_PER_S, made.begin - 9 * 24 * 3599 * NS_PER_S)
    assert told.value.next_ns == made.begin
    ends_in_the_gap = made.piece(made.begin, made.begin + 5 * NS_PER_S)
    assert ends_in_the_gap.head.until_ns < made.begin + 4 * NS_PER_S
    assert ends_in_the_gap.head.next_ns == pytest.approx(again, abs=NS_PER_S)
    ends_in_the_gap.close()


def test_a_piece_is_no_longer_than_it_may_be(recorded):
    made = recorded()
    piece = made.piece(made.begin + 2 * NS_PER_S - LONGEST_NS)
    assert piece.head.until_ns == made.begin + 2 * NS_PER_S
    piece.close()


def test_another_codec_ends_a_piece_early(recorded):
    made = recorded("libx264", 0, Codec.PCMU, then=("libx265", 0, Codec.PCMU))
    first = made.piece(made.begin)
    assert "avc1" in first.head.beginning.mime
    assert first.head.until_ns < made.begin + 4 * NS_PER_S
    second = made.piece(first.head.next_ns)
    assert "hvc1" in second.head.beginning.mime
    assert len(packets(read(first))["video"]) == len(packets(read(second))["video"]) == 75


def test_what_no_browser_plays(recorded):
    made = recorded("mjpeg", 0, Codec.AAC)
    with pytest.raises(UnplayableError, match="JPEG"):
        made.piece(made.begin)


def test_up_to_what_is_being_written(recorded):
    made = recorded(end=False)
    piece = made.piece(made.begin)
    rows = packets(read(piece))["video"]
    assert [row[2] for row in rows] == [data for _, data, _ in pictures(made.of(0))[: len(rows)]]
    assert len(rows) >= len(made.of(0)) - 25
    made.disk.close()


def test_what_retention_takes_ends_it(recorded):
    made = recorded()
    piece = made.piece(made.begin, made.begin + 3 * NS_PER_S)
    begun = piece.pull(1)
    for path in made.folder.glob("*/*/*.mp4"):
        path.unlink()
    rows = packets(begun + read(piece))["video"]
    assert 0 < len(rows) < 75
    assert piece.pull(1) == b""


def test_uneven_sound_leaves_no_hole():
    tracks = (Track(Codec.H264, 90_000), Track(Codec.PCMU, 8_000))
    fragments = Fragments(tracks, frozenset({0, 1}))
    begin_ns = 1_790_000_000 * NS_PER_S
    uneven_ms = (0, 55, 3, -4, 48, 60, 1)
    units = [AccessUnit(0, 0, begin_ns + at * 40 * NS_PER_MS, 0, at % 25 == 0, (b"picture",)) for at in range(100)]
    for at in range(200):
        jitter_ns = uneven_ms[at % len(uneven_ms)] * NS_PER_MS
        units.append(AccessUnit(1, 0, begin_ns + at * 20 * NS_PER_MS + jitter_ns, 0, True, (bytes(160),)))
    units.sort(key=lambda unit: unit.utc_ns)
    data = [one for unit in units for one in fragments.add(unit)] + list(fragments.end_run())
    sound = [run for one in data for run in fragment.parse_moof(one)[1] if run.track_id == 2]
    assert sum(len(run.sizes) for run in sound) == 200
    for before, after in itertools.pairwise(sound):
        assert before.decode_time + sum(before.durations) == after.decode_time
