"""An export from a recording to a file that verifies; and how it ends when it cannot."""

import uuid

import pytest

from bridge.base.time import NS_PER_S, format_utc
from bridge.recorder.export_file import GivenUpError, Room, Signer, Wanted, make_export
from bridge.recorder.export_samples import ExportError
from bridge.recorder.library import Held
from bridge.recorder.verify import verify
from bridge.store.reader import Begin
from bridge.store.rows import RecordingRow
from tests.recorder import exports

BEGIN = exports.BEGIN
HELD = Held(RecordingRow(1, uuid.uuid4(), "gate", "main", BEGIN, None), "rec-gate.main", BEGIN, BEGIN + NS_PER_S, False)
PLENTY = Room(10**9, 10**6, lambda folder: 10**9)


class Shelf:
    """A library of one recording of two seconds."""

    def __init__(self, size_bytes=1000):
        self.size_bytes, self.closed, self.tracks = size_bytes, False, None
        self.described, self.units = exports.footage(50)

    def size_between(self, held, from_ns, until_ns):
        return self.size_bytes

    def reading(self, held, *, tracks):
        self.tracks = None if tracks is None else tracks(self.described)
        return self

    def forward(self, from_ns, until_ns):
        yield Begin(self.described, 0, 1)
        for unit in self.units:
            if unit.utc_ns < until_ns and (self.tracks is None or unit.track in self.tracks):
                yield unit

    def close(self):
        self.closed = True


def make(path, shelf=None, *, room=PLENTY, audio=True, watch=lambda progress, size: None):
    wanted = Wanted(HELD, BEGIN, BEGIN + 2 * NS_PER_S, audio, "ann", "The gate", "rtsp://192.0.2.1/s", BEGIN)
    signer = Signer(exports.certificate(), exports.key())
    shelf = shelf or Shelf()
    return make_export(
        shelf, wanted, path, signer, room, watch, unit_name="host", software="this", pause=lambda s: None
    )


def test_a_signed_file_and_its_manifest(tmp_path):
    path, seen, shelf = tmp_path / "x.part", [], Shelf()
    manifest = make(path, shelf, watch=lambda progress, size: seen.append(progress))
    with path.open("rb") as file:
        verdict = verify(file)
    assert verdict.changed == ()
    assert verdict.unit.operator == "ann"
    assert manifest["exported_by"] == "ann"
    assert manifest["bytes"] == path.stat().st_size
    assert manifest["asked"] == {"from": format_utc(BEGIN), "until": format_utc(BEGIN + 2 * NS_PER_S)}
    assert manifest["found"]["from"] == format_utc(BEGIN)
    assert manifest["gaps"] == []
    assert manifest["signer"]["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert (seen[0], seen == sorted(seen)) == (0, True)
    assert seen[-1] > 0.9
    assert shelf.closed


def test_without_sound(tmp_path):
    shelf = Shelf()
    assert make(tmp_path / "x.part", shelf, audio=False)["audio"] is False
    assert shelf.tracks == {0}
    with (tmp_path / "x.part").open("rb") as file:
        assert [codec for _, _, codec in verify(file).contents.tracks] == ["H264"]


@pytest.mark.parametrize(
    ("room", "size_bytes", "said"),
    [
        (Room(10**9, 2 * 10**9, lambda folder: 2 * 10**9 + 500), 1000, "no room for the export: it needs about 1.0 kB"),
        (Room(10**9, 2 * 10**9, lambda folder: 0), 5 * 10**9, "more than the 1.0 GB that exports may have"),
    ],
)
def test_larger_than_the_disk(tmp_path, room, size_bytes, said):
    with pytest.raises(ExportError, match=said):
        make(tmp_path / "x.part", Shelf(size_bytes), room=room)


def test_the_disk_fills_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.recorder.export_file._LOOK_BYTES", 1)
    free = iter([10**9, 10**9])
    shelf = Shelf()
    with pytest.raises(ExportError, match="no room for the export"):
        make(tmp_path / "x.part", shelf, room=Room(10**9, 10**6, lambda folder: next(free, 0)))
    assert shelf.closed


def test_more_than_exports_may_have_is_seen_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.recorder.export_file._LOOK_BYTES", 1)
    with pytest.raises(ExportError, match=r"more than the 20\.0 kB"):
        make(tmp_path / "x.part", room=Room(20_000, 0, lambda folder: 10**9))


def test_given_up(tmp_path):
    def watch(progress, size):
        raise GivenUpError("enough")

    shelf = Shelf()
    with pytest.raises(GivenUpError):
        make(tmp_path / "x.part", shelf, watch=watch)
    assert shelf.closed


def test_a_disk_that_takes_nothing(tmp_path):
    with pytest.raises(ExportError, match="cannot be written: No such file or directory"):
        make(tmp_path / "gone" / "x.part")
