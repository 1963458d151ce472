import os

import pytest

from bridge.base.errors import DamagedError
from bridge.store import walk as walking
from bridge.store.format import SEAL_BOX_BYTES, decode_index, encode_index
from bridge.store.sample_index import KEY, SampleIndex
from bridge.store.segment_writer import FragmentUnits
from bridge.store.walk import add_to_index, digest_of, read_footer, read_head, read_summary, walk
from tests.store.segments import CLOCK, TRACKS, finish, recording_folder, small_fragment, start, unfinished, unit

FRAGMENTS = [small_fragment(number) for number in range(3)]
COLUMNS = ("utc_ns", "media_time", "dts", "at", "size", "flags", "keys")


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


@pytest.fixture
def opened():
    descriptors = []

    def open_file(path, flags=os.O_RDONLY):
        descriptors.append(os.open(path, flags))
        return descriptors[-1]

    yield open_file
    for descriptor in descriptors:
        os.close(descriptor)


def test_the_walk_finds_what_the_writer_knew(folder, opened):
    writer = start(folder, FRAGMENTS)
    writer.close()
    descriptor = opened(writer.path)
    head = read_head(descriptor)
    assert (head.header, head.tracks) == (writer.header, TRACKS)
    index = SampleIndex(2)
    for number, fragment in enumerate(walk(descriptor, head, writer.size_bytes), 1):
        add_to_index(index, head, fragment)
        assert fragment.sequence == number
        assert digest_of(descriptor, fragment) == fragment.sealed
    for found, known in zip(index.tracks, writer.index.tracks, strict=True):
        for column in COLUMNS:
            assert getattr(found, column) == getattr(known, column), column


def test_it_ends_before_the_footer(folder, opened):
    path, segment = finish(folder, FRAGMENTS)
    descriptor = opened(path)
    head = read_head(descriptor)
    fragments = list(walk(descriptor, head, segment.size_bytes))
    footer = read_footer(descriptor, head, segment.size_bytes)
    assert fragments[-1].end == footer.at
    assert footer.footer.seals == tuple(fragment.sealed for fragment in fragments)
    assert footer.footer.clock == CLOCK
    assert footer.mfra == path.read_bytes()[footer.mfra_at :]


def test_samples_are_not_read(folder, opened, monkeypatch):
    big = FragmentUnits([unit(0, 0, parts=(bytes(3_000_000),)), unit(1, 0)])
    path = unfinished(folder, [big, *FRAGMENTS[1:]])
    descriptor = opened(path)
    read, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: read.append(arguments[1]) or pread(*arguments))
    head = read_head(descriptor)
    assert len(list(walk(descriptor, head, path.stat().st_size))) == 3
    assert sum(read) < 100_000


def test_a_torn_end_is_told_by_the_place_where_its_fragment_begins(folder, opened):
    path = unfinished(folder, FRAGMENTS)
    whole = path.read_bytes()
    descriptor = opened(path, os.O_RDWR)
    head = read_head(descriptor)
    ends = [len(head.raw), *(fragment.end for fragment in walk(descriptor, head, len(whole)))]
    assert ends[-1] == len(whole)
    for size in reversed(range(len(head.raw), len(whole))):
        os.ftruncate(descriptor, size)
        begins = max(end for end in ends if end <= size)
        found = walk(descriptor, head, size)
        for _ in range(ends.index(begins)):
            next(found)
        if size == begins:
            assert next(found, None) is None
        else:
            with pytest.raises(DamagedError, match=f"fragment at byte {begins}: ") as caught:
                next(found)
            assert caught.value.offset == begins


def test_a_torn_head(folder, opened):
    path = unfinished(folder, FRAGMENTS[:1])
    descriptor = opened(path, os.O_RDWR)
    size = len(read_head(descriptor).raw)
    for length in reversed(range(size)):
        os.ftruncate(descriptor, length)
        with pytest.raises(DamagedError):
            read_head(descriptor)


def test_any_changed_byte_gives_fragments_or_damage(folder, opened):
    path = unfinished(folder, FRAGMENTS[:2])
    whole = path.read_bytes()
    descriptor = opened(path, os.O_RDWR)
    head = read_head(descriptor)
    damaged = 0
    for at in range(len(head.raw), len(whole)):
        os.pwrite(descriptor, bytes([whole[at] ^ 0xFF]), at)
        try:
            for fragment in walk(descriptor, head, len(whole)):
                add_to_index(SampleIndex(2), head, fragment)
        except DamagedError:
            damaged += 1
        os.pwrite(descriptor, whole[at : at + 1], at)
    assert damaged > 100


def test_a_description_larger_than_a_window(folder, opened):
    units = [unit(0, 0)] + [unit(1, number, parts=(bytes([number % 256]) * (number % 7),)) for number in range(3000)]
    path = unfinished(folder, [FragmentUnits(units), *FRAGMENTS[1:]])
    descriptor = opened(path)
    head = read_head(descriptor)
    found = list(walk(descriptor, head, path.stat().st_size))
    assert [len(run.sizes) for run in found[0].runs] == [1, 3000]
    assert len(found) == 3


def test_a_head_larger_than_a_window(folder, opened, monkeypatch):
    path = unfinished(folder, FRAGMENTS[:1])
    descriptor = opened(path)
    head = read_head(descriptor)
    monkeypatch.setattr(walking, "_WINDOW_BYTES", 100)
    assert read_head(descriptor) == head
    assert len(list(walk(descriptor, head, path.stat().st_size))) == 1


@pytest.mark.parametrize("room", [20, 100, 1000])
def test_a_footer_larger_than_the_first_read(folder, opened, monkeypatch, room):
    path, segment = finish(folder, FRAGMENTS)
    descriptor = opened(path)
    head = read_head(descriptor)
    expected = read_footer(descriptor, head, segment.size_bytes)
    monkeypatch.setattr(walking, "_TAIL_BYTES", room)
    found = read_footer(descriptor, head, segment.size_bytes)
    assert (found.at, found.mfra_at, found.mfra) == (expected.at, expected.mfra_at, expected.mfra)
    assert found.footer.seals == expected.footer.seals
    summary = read_summary(descriptor, head, segment.size_bytes)
    assert (summary.seals, summary.span) == (expected.footer.seals, expected.footer.index.span(0))


def test_a_file_without_a_footer_has_none(folder, opened):
    path = unfinished(folder, FRAGMENTS)
    descriptor = opened(path)
    head = read_head(descriptor)
    assert read_footer(descriptor, head, path.stat().st_size) is None
    assert read_footer(descriptor, head, len(head.raw)) is None
    assert read_summary(descriptor, head, path.stat().st_size) is None


def test_any_changed_byte_of_the_footer_gives_the_same_one_or_damage(folder, opened):
    path, segment = finish(folder, FRAGMENTS)
    whole = path.read_bytes()
    descriptor = opened(path, os.O_RDWR)
    head = read_head(descriptor)
    right = read_footer(descriptor, head, segment.size_bytes)
    for at in range(right.at, len(whole)):
        os.pwrite(descriptor, bytes([whole[at] ^ 0x55]), at)
        try:
            found = read_footer(descriptor, head, segment.size_bytes)
        except DamagedError:
            found = None
        if found is not None:
            assert (found.at, found.mfra_at, found.footer.seals) == (right.at, right.mfra_at, right.footer.seals)
        os.pwrite(descriptor, whole[at : at + 1], at)


def test_the_index_of_another_number_of_tracks_is_damage(folder, opened):
    path, segment = finish(folder, FRAGMENTS)
    descriptor = opened(path)
    head = read_head(descriptor)
    footer = read_footer(descriptor, head, segment.size_bytes)
    index = SampleIndex(1)
    index.tracks[0].extend([1], [1], [1], [1], [1], [KEY])
    other = encode_index(index, footer.footer.seals, CLOCK)
    assert decode_index(other).clock == CLOCK
    path.write_bytes(path.read_bytes()[: footer.at] + other + footer.mfra)
    with pytest.raises(DamagedError, match="index of 1 tracks; moov has 2"):
        read_footer(descriptor, head, path.stat().st_size)
    with pytest.raises(DamagedError, match="index of 1 tracks; moov has 2"):
        read_summary(descriptor, head, path.stat().st_size)


def test_a_seal_covers_all_but_itself(folder, opened):
    path = unfinished(folder, FRAGMENTS[:1])
    whole = path.read_bytes()
    descriptor = opened(path, os.O_RDWR)
    head = read_head(descriptor)
    (fragment,) = walk(descriptor, head, len(whole))
    for at in range(fragment.at, fragment.end - SEAL_BOX_BYTES):
        os.pwrite(descriptor, bytes([whole[at] ^ 1]), at)
        assert digest_of(descriptor, fragment) != fragment.sealed
        os.pwrite(descriptor, whole[at : at + 1], at)
