"""Exports: what FFmpeg reads of them is what the reading handed out."""

import io

import av
import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.recorder.export import export_plain
from bridge.recorder.export_samples import ExportError
from bridge.store.reader import Begin, Broken, Gap
from bridge.wire.mp4.boxes import read_boxes
from bridge.wire.mp4.evidence import Source, parse_meta
from bridge.wire.payload import complete_track
from tests.recorder.exports import BEGIN, PICTURE_NS, evidence, footage, three_runs
from tests.wire import encoded


def exported(items, from_ns=BEGIN):
    file = io.BytesIO()
    result = export_plain(iter(items), file, from_ns)
    assert result.size_bytes == len(file.getvalue())
    file.seek(0)
    return result, file


def evidence_of(data):
    meta = next(found for found in read_boxes(data) if found.kind == b"meta")
    return parse_meta(data, meta.start)


def decoded(file, kind="video"):
    """Presentation times in seconds of what a player shows."""
    with av.open(file) as container:
        return [float(frame.time) for frame in container.decode(**{kind: 0})]


@pytest.mark.parametrize(("encoder", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_every_picture_and_every_sound_is_there(encoder, b_frames):
    tracks, units = footage(encoder=encoder, b_frames=b_frames)
    result, file = exported([Begin(tracks, 0, 1), *units])
    assert (result.units, result.gaps, result.broken) == (150, [], [])
    assert (result.from_ns, result.until_ns) == (BEGIN, max(unit.utc_ns for unit in units))
    assert decoded(file) == pytest.approx([number * 0.04 for number in range(50)], abs=0.001)
    file.seek(0)
    assert len(decoded(file, "audio")) == 100
    file.seek(0)
    with av.open(file) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    wanted = [b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts) for unit in units if unit.track == 0]
    assert packets == wanted


def test_it_starts_at_the_picture_that_was_asked_for():
    tracks, units = footage()
    result, file = exported([Begin(tracks, 0, 1), *units], BEGIN + 7 * PICTURE_NS - 1)
    assert result.from_ns == BEGIN + 7 * PICTURE_NS
    assert decoded(file) == pytest.approx([number * 0.04 for number in range(43)], abs=0.001)


def test_gaps_are_left_out_and_told_and_pauses_last():
    tracks, first = footage(frames=25)
    _, second = footage(frames=25, start_s=1.5, media_time=77)
    _, third = footage(frames=25, start_s=3600, media_time=5_000_000)
    gap = Gap(BEGIN + 5 * NS_PER_S // 2, BEGIN + 3600 * NS_PER_S)
    late = Gap(BEGIN + 3601 * NS_PER_S, BEGIN + 3700 * NS_PER_S)
    broken = Broken(9, "gone")
    items = [Begin(tracks, 0, 1), *first, Begin(tracks, 0, 2), *second, broken, gap, Begin(tracks, 0, 3), *third, late]
    result, file = exported(items)
    assert (result.gaps, result.broken) == ([gap], [broken])
    times = decoded(file)
    wanted = [number * 0.04 for number in range(25)]
    wanted += [1.5 + number * 0.04 for number in range(25)]
    wanted += [2.5 + number * 0.04 for number in range(25)]
    assert times == pytest.approx(wanted, abs=0.001)


def test_nothing_is_a_sentence():
    with pytest.raises(ExportError, match=r"there is nothing from 2027-01-15T08:00:00\.000Z on"):
        exported([])
    tracks, units = footage(frames=5)
    with pytest.raises(ExportError, match="there is nothing from"):
        exported([Begin(tracks, 0, 1), *units], BEGIN + NS_PER_S)


def test_a_change_of_format_is_a_sentence():
    tracks, units = footage(frames=5)
    other = (complete_track(Track(Codec.H265, 90_000), encoded.pictures("libx265", frames=5)[0].parts), tracks[1])
    with pytest.raises(
        ExportError, match=r"changes its codec or its tracks after 2027-01-15T08:00:00\.\d+Z: export up to there"
    ):
        exported([Begin(tracks, 0, 1), *units, Begin(other, 0, 2)])


# --- Evidence: everything where it was captured ----------------------------------------------------------------------


@pytest.mark.parametrize(("encoder", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_evidence_keeps_gaps_and_shows_the_stretch(encoder, b_frames):
    items, gaps = three_runs(encoder=encoder, b_frames=b_frames)
    until_ns = BEGIN + 3600 * NS_PER_S + NS_PER_S // 2
    result, data = evidence(items, BEGIN + 7 * PICTURE_NS - 1, until_ns)
    first_ns, last_ns = BEGIN + 7 * PICTURE_NS, BEGIN + 3600 * NS_PER_S + 12 * PICTURE_NS
    assert (result.from_ns, result.until_ns, result.gaps) == (first_ns, last_ns, gaps)
    wanted = [number * 0.04 for number in range(7, 25)]
    wanted += [4.5 + number * 0.04 for number in range(25)]
    wanted += [3600 + number * 0.04 for number in range(13)]
    assert decoded(io.BytesIO(data)) == pytest.approx([time - 0.28 for time in wanted], abs=0.0005)


def test_evidence_names_its_tracks_and_when_they_begin():
    tracks, units = footage(frames=25, b_frames=2)
    # The camera's sound sets in 300 ms later.
    units = [unit for unit in units if unit.track == 0 or unit.utc_ns >= BEGIN + 3 * NS_PER_S // 10]
    _, data = evidence([Begin(tracks, 0, 1), *units])
    found = evidence_of(data)
    assert [source.track_id for source in found.unit.sources] == [1, 2]
    assert found.unit.sources[0] == Source(1, "The gate", "rtsp://192.0.2.1/s", "", "main")
    assert (found.unit.name, found.unit.operator) == ("host", "ann")
    # The first decode time lies a picture before the first presentation time.
    starts = {one.track_id: one.utc_ns - BEGIN for one in found.seals[0].seal.starts}
    assert starts == {1: -PICTURE_NS, 2: 300_000_000}
    assert "Nothing was recorded: 2027-01-15T08:00:00.980Z to 2027-01-15T10:00:00.000Z." in found.seals[0].seal.words


def test_capture_times_count_and_not_the_cameras_ticks():
    """The camera's crystal is a thousandth too fast."""
    tracks, units = footage(frames=100)
    slow = [
        AccessUnit(one.track, one.media_time, BEGIN + (one.utc_ns - BEGIN) * 1001 // 1000, 0, one.key, one.parts)
        for one in units
    ]
    _, data = evidence([Begin(tracks, 0, 1), *slow])
    assert decoded(io.BytesIO(data)) == pytest.approx([number * 0.04004 for number in range(100)], abs=0.00002)


def test_edges_without_footage_are_gaps():
    tracks, units = footage(frames=25)
    result, _ = evidence([Begin(tracks, 0, 1), *units], BEGIN - 10 * NS_PER_S, BEGIN + 60 * NS_PER_S)
    end_ns = BEGIN + 49 * NS_PER_S // 50
    assert result.gaps == [Gap(BEGIN - 10 * NS_PER_S, BEGIN), Gap(end_ns, BEGIN + 60 * NS_PER_S)]
    result, _ = evidence([Begin(tracks, 0, 1), *units], BEGIN - NS_PER_S, BEGIN + 1_500_000_000)
    assert result.gaps == []


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_another_size_is_another_sample_entry(encoder):
    tracks, first = footage(frames=25, encoder=encoder)
    larger, second = footage(frames=25, start_s=1.0, encoder=encoder, size=(640, 480))
    items = [Begin(tracks, 0, 1), *first, Begin(larger, 0, 1), *second]
    for data in (evidence(items)[1], exported(items)[1].getvalue()):
        with av.open(io.BytesIO(data)) as container:
            sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
        assert sizes == [(320, 240)] * 25 + [(640, 480)] * 25
        assert decoded(io.BytesIO(data)) == pytest.approx([number * 0.04 for number in range(50)], abs=0.0005)


def test_a_size_that_comes_back():
    tracks, first = footage(frames=25)
    larger, second = footage(frames=25, start_s=1.0, size=(640, 480))
    _, third = footage(frames=25, start_s=2.0)
    items = [Begin(tracks, 0, 1), *first, Begin(larger, 0, 1), *second, Begin(tracks, 0, 1), *third]
    with av.open(io.BytesIO(evidence(items)[1])) as container:
        sizes = [frame.width for frame in container.decode(video=0)]
    assert sizes == [320] * 25 + [640] * 25 + [320] * 25


def test_a_format_without_a_unit_leaves_no_trace():
    tracks, units = footage(frames=10)
    other, _ = footage(frames=10, size=(640, 480))
    quiet = [Begin(other, 0, 1), Begin(tracks, 0, 1), *units, Begin(other, 0, 1), Begin(tracks, 0, 1)]
    assert len(decoded(io.BytesIO(evidence(quiet)[1]))) == 10


def test_a_gap_too_long_for_a_sample_is_a_sentence():
    tracks, first = footage(frames=5)
    _, second = footage(frames=5, start_s=14 * 3600)
    gap = Gap(BEGIN + NS_PER_S // 5, BEGIN + 14 * 3600 * NS_PER_S)
    items = [Begin(tracks, 0, 1), *first, gap, Begin(tracks, 0, 2), *second]
    with pytest.raises(ExportError, match=r"the gap from 2027-01-15T08:00:00\.200Z until 2027-01-15T22:00:00\.000Z is"):
        evidence(items, until_ns=BEGIN + 15 * 3600 * NS_PER_S)


def test_nothing_of_the_stretch_is_a_sentence():
    with pytest.raises(ExportError, match="there is nothing from"):
        evidence([])
