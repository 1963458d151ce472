"""Recordings as every door to the past finds them."""

import uuid

import pytest

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S
from bridge.recorder.library import Library
from bridge.store.index import MediaIndex
from bridge.store.reader import Edge
from tests.recorder.streams import AUDIO, VIDEO
from tests.store import footage


@pytest.fixture
def recorded(setting):
    """Ten seconds with sound, of which the last are being written."""
    one = setting(recordings=2, tracks=(VIDEO, AUDIO))
    one.run(10)
    return one


def library_of(one):
    live = {each.stream.recording: each.lane for each in one.recordings}
    return Library(one.index, lambda recording: live[recording].live if recording in live else ())


def test_what_there_is_and_what_is_being_written(recorded):
    library = library_of(recorded)
    first, second = library.recordings()
    assert (first.token, second.token) == ("rec-cam-0.main", "rec-cam-1.main")
    assert first.tracks == (VIDEO, AUDIO)
    assert first.growing
    units = recorded.one.live.units
    assert first.from_ns == units[0].utc_ns
    assert 0 < units[-1].utc_ns - first.until_ns < NS_PER_S
    assert library.find("rec-cam-1.main").row.uuid == second.row.uuid
    assert library.find("rec-cam-7.main") is None
    assert library.growing(first)
    assert library.edge_ns(first) == first.until_ns
    assert not Library(recorded.index).growing(first)
    assert Library(recorded.index).edge_ns(first) is None


def test_without_a_recorder_the_files_tell(recorded):
    recorded.end()
    library = Library(recorded.index)
    held = library.recordings()[0]
    codecs = [VIDEO.codec, AUDIO.codec]
    assert ([track.codec for track in held.tracks], held.growing) == (codecs, False)
    (stretch,) = library.coverage(held)
    assert (stretch.from_utc_ns, stretch.until_utc_ns) == (held.from_ns, held.until_ns)
    newest = recorded.folder().find(recorded.rows()[-1].serial)
    newest.unlink()
    assert [track.codec for track in library.recordings()[0].tracks] == codecs
    # Nothing is remembered of a file that cannot be read.
    assert Library(recorded.index).recordings()[0].tracks == ()


def test_a_recording_without_footage_is_there(index: MediaIndex):
    index.ensure_recording(uuid.uuid4(), "gate", "main", footage.BEGIN)
    (held,) = Library(index).recordings()
    assert (held.from_ns, held.until_ns, held.tracks, held.growing) == (None, None, (), False)


def test_coverage_of_a_stretch(index: MediaIndex):
    on, gate = footage.storage(index), footage.recording(index, "gate")
    footage.add(index, footage.minutes(gate, 2, on=on))
    footage.add(index, footage.minutes(gate, 1, first=3, start_s=180, on=on))
    library = Library(index)
    (held,) = library.recordings()
    at = footage.at
    assert [(one.from_utc_ns, one.until_utc_ns) for one in library.coverage(held)] == [
        (at(0), at(120)),
        (at(180), at(240)),
    ]
    assert [one.from_utc_ns for one in library.coverage(held, at(130), at(170))] == []
    assert [one.from_utc_ns for one in library.coverage(held, at(130), at(190))] == [at(180)]


def test_spans_are_told_of_all_at_once(index: MediaIndex):
    on, gate = footage.storage(index), footage.recording(index, "gate")
    footage.recording(index, "empty")
    footage.add(index, footage.minutes(gate, 3, on=on))
    (span,) = index.spans().values()
    assert index.span(span.recording_id) == span
    assert index.span(span.recording_id + 1) is None
    assert (span.recording_id, span.newest_serial) == (gate, 3)
    assert (span.start_utc_ns, span.end_utc_ns) == (footage.at(0), footage.at(180))


def test_a_reading_goes_up_to_the_live_edge(recorded):
    library = library_of(recorded)
    held = library.find("rec-cam-0.main")
    reading = library.reading(held, tracks=frozenset({0}), follow=True)
    items = []
    for item in reading.forward(held.from_ns):
        items.append(item)
        if isinstance(item, Edge):
            break
    reading.close()
    units = [item for item in items if isinstance(item, AccessUnit)]
    assert {unit.track for unit in units} == {0}
    assert len(units) == recorded.one.lane.written_units // 2


def test_tracks_are_left_out_and_filled_in(recorded):
    library = library_of(recorded)
    bare = library.recordings(tracks=False)
    assert [held.tracks for held in bare] == [(), ()]
    assert library.with_tracks(bare[0]).tracks == (VIDEO, AUDIO)
    recorded.end()
    library = Library(recorded.index)
    codecs = [VIDEO.codec, AUDIO.codec]
    assert [track.codec for track in library.with_tracks(library.recordings(tracks=False)[0]).tracks] == codecs


def test_tracks_at_an_instant(recorded):
    for library in (library_of(recorded), None):
        if library is None:
            recorded.end()
            library = Library(recorded.index)
        held = library.find("rec-cam-0.main")
        middle_ns = (held.from_ns + held.until_ns) // 2
        for instant in (held.from_ns, middle_ns, held.until_ns - 1):
            assert [track.codec for track in library.tracks_at(held, instant)] == [VIDEO.codec, AUDIO.codec]
        assert library.tracks_at(held, held.from_ns - 1) == ()
        assert library.tracks_at(held, held.until_ns) == ()


def test_about_how_many_bytes_a_stretch_has(recorded, monkeypatch):
    recorded.end()
    library = Library(recorded.index)
    held = library.recordings()[0]
    whole = sum(row.size_bytes for row in recorded.rows())
    assert library.size_between(held, held.from_ns, held.until_ns) == whole
    middle = (held.from_ns + held.until_ns) // 2
    parts = library.size_between(held, held.from_ns, middle) + library.size_between(held, middle, held.until_ns)
    assert whole - len(recorded.rows()) <= parts <= whole
    assert library.size_between(held, 0, held.from_ns) == 0
    monkeypatch.setattr("bridge.recorder.library._PAGE", 2)
    assert library.size_between(held, 0, 2 * held.until_ns) == whole
