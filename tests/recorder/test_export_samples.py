"""The samples of an export in their chunks; whole exports are in test_export.py."""

import hashlib
import io

import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.recorder import export_samples
from bridge.recorder.export_samples import ExportError, SampleFile
from bridge.recorder.export_times import AsCaptured
from bridge.store.reader import Begin, Broken, Gap
from bridge.wire.mp4 import plain
from bridge.wire.mp4.boxes import read_boxes
from tests.recorder.exports import BEGIN, footage


def written(items):
    file = io.BytesIO()
    samples = SampleFile(file, plain.EXPORT_FTYP, AsCaptured(BEGIN))
    samples.take(iter(items))
    samples.finish(None)
    return samples, file.getvalue()


def test_chunks_hold_two_seconds_of_a_track_and_have_digests():
    tracks, units = footage(frames=125)
    samples, data = written([Begin(tracks, 0, 1), *units])
    assert [(chunk.track_id, chunk.since[17:], chunk.until[17:]) for chunk in samples.chunks] == [
        *((1, "00.000Z", "01.960Z"), (2, "00.000Z", "01.980Z")),
        *((1, "02.000Z", "03.960Z"), (2, "02.000Z", "03.980Z")),
        *((1, "04.000Z", "04.960Z"), (2, "04.000Z", "04.980Z")),
    ]
    parts = sorted([*samples.parts, *samples.chunks], key=lambda part: part.at)
    at = 0
    for part in parts:
        assert (part.at, part.digest) == (at, hashlib.sha256(data[at : at + part.size]).digest())
        at += part.size
    assert at == len(data) == samples.exported.size_bytes, "nothing is without a digest"
    assert [found.kind for found in read_boxes(data)] == [b"ftyp", b"mdat", b"moov"]


def test_no_more_is_held_than_a_chunk(monkeypatch):
    monkeypatch.setattr(export_samples, "_CHUNK_BYTES", 100_000)
    tracks, units = footage(frames=50)
    samples, _ = written([Begin(tracks, 0, 1), *units])
    largest = max(unit.size_bytes for unit in units)
    assert len(samples.chunks) > 10
    assert max(chunk.size for chunk in samples.chunks) < 100_000 + 2 * largest


def test_too_many_chunks_are_a_sentence(monkeypatch):
    monkeypatch.setattr(export_samples, "MAX_CHUNKS", 3)
    tracks, units = footage(frames=125)
    with pytest.raises(ExportError, match=r"too long for one file: export up to 2027-01-15T08:00:03\.980Z"):
        written([Begin(tracks, 0, 1), *units])
    plain_file = SampleFile(io.BytesIO(), plain.FTYP, AsCaptured(BEGIN), digests=False)
    plain_file.take(iter([Begin(tracks, 0, 1), *units]))
    plain_file.finish(None)
    assert (plain_file.chunks, plain_file.parts) == ([], [])


def test_too_many_formats_are_a_sentence(monkeypatch):
    monkeypatch.setattr(export_samples, "_MAX_FORMATS", 1)
    tracks, units = footage(frames=5)
    larger, _ = footage(frames=5, size=(640, 480))
    with pytest.raises(ExportError, match=r"more than 1 formats: export up to 2027-01-15T08:00:00\.180Z"):
        written([Begin(tracks, 0, 1), *units, Begin(larger, 0, 1)])


def test_decode_times_do_not_hang_on_what_was_before_a_gap():
    """Of one run, whose middle was deleted: the reading tells of the gap and of no new run."""
    tracks, first = footage(frames=25, b_frames=2)
    _, second = footage(frames=25, b_frames=2, start_s=100)
    for hole in (Gap(BEGIN + NS_PER_S, BEGIN + 100 * NS_PER_S), Broken(3, "gone")):
        file = io.BytesIO()
        samples = SampleFile(file, plain.EXPORT_FTYP, AsCaptured(BEGIN))
        samples.take(iter([Begin(tracks, 0, 1), *first, hole, *second]))
        (video, _) = samples.finish(None)
        assert 0 <= min(video.offsets) <= max(video.offsets) <= 5 * 3600
        assert list(video.decode_times) == sorted(set(video.decode_times))


def test_what_is_wrong_with_a_sample_alone_is_a_sentence():
    tracks = (Track(Codec.PCMA, 8000),)
    units = [AccessUnit(0, 0, BEGIN + second * NS_PER_S, 0, True, (b"x",)) for second in (0, 600_000)]
    with pytest.raises(ExportError, match="a sample is too large, or lasts too long"):
        written([Begin(tracks, 0, 1), *units])


def test_a_unit_before_its_tracks_is_a_sentence():
    with pytest.raises(ExportError, match="before its tracks"):
        written([AccessUnit(0, 0, BEGIN, 0, True, (b"x",))])
