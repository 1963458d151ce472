from contextlib import closing

import pytest

from bridge.store.segment_reader import SegmentReader
from bridge.store.verify import verify, verify_segment
from tests.store.segments import (
    finish,
    real_fragments,
    recording_folder,
    small_fragment,
    unfinished,
    units_of,
)

FRAGMENTS = [small_fragment(number) for number in range(2)]


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


def test_what_was_written_has_no_faults(folder):
    tracks, fragments = real_fragments("libx264", b_frames=2, audio="aac")
    path, segment = finish(folder, fragments, tracks=tracks)
    assert verify(path) == []
    assert verify_segment(path).digest == segment.digest


def test_every_changed_byte_is_found_or_harmless(folder):
    path, segment = finish(folder, FRAGMENTS)
    whole = path.read_bytes()
    harmless = []
    with path.open("r+b", buffering=0) as file:
        for at in range(len(whole)):
            file.seek(at)
            file.write(bytes([whole[at] ^ (1 << at % 8)]))
            found = verify_segment(path)
            # Of what is footage nothing goes unnoticed; the digest alone would tell of a changed seal as well.
            if not found.faults:
                assert found.digest == segment.digest
                harmless.append(at)
            assert all(0 <= fault.offset <= len(whole) for fault in found.faults)
            file.seek(at)
            file.write(whole[at : at + 1])
    assert verify(path) == []
    # Spare bits behind the end of the compression.
    assert len(harmless) <= 1
    for at in harmless:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with closing(SegmentReader.open(path)) as reader:
            assert reader.read(0, 0, 4) == units_of(FRAGMENTS, 0)


def test_every_place_at_which_it_may_be_cut_off(folder):
    path, _ = finish(folder, FRAGMENTS)
    whole = path.read_bytes()
    for size in reversed(range(len(whole))):
        with path.open("r+b") as file:
            file.truncate(size)
        assert verify(path), size


def test_faults_are_told_with_their_place(folder):
    path, _ = finish(folder, FRAGMENTS)
    data = bytearray(path.read_bytes())
    at = data.index(b"delta3")
    data[at] ^= 0xFF
    path.write_bytes(data)
    (fault,) = verify(path)
    assert str(fault).startswith(f"{path}, byte {fault.offset}: fragment 2 is not what its seal says")
    assert 0 < at - fault.offset < 2000


def test_a_segment_without_a_footer_is_not_finished(folder):
    path = unfinished(folder, FRAGMENTS)
    assert [(fault.offset, fault.text) for fault in verify(path)] == [(path.stat().st_size, "no footer")]


def test_a_head_alone(folder):
    path = unfinished(folder, FRAGMENTS[:1])
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"prft") - 4])
    assert [fault.text for fault in verify(path)] == ["no fragment", "no footer"]


def test_something_between_the_last_fragment_and_the_footer(folder):
    path, _ = finish(folder, FRAGMENTS)
    footer = path.read_bytes()[unfinished(folder, FRAGMENTS, 2).stat().st_size :]
    path.write_bytes(path.read_bytes()[: -len(footer)] + b"\0\0\0\x10uuid12345678" + footer)
    assert "16 bytes between" in verify(path)[0].text


def test_fragments_that_changed_places(folder):
    path, _ = finish(folder, [small_fragment(0, audio=False), small_fragment(1, audio=False)])
    data = path.read_bytes()
    first = data.index(b"prft") - 4
    second = data.index(b"prft", first + 8) - 4
    end = data.index(b"uuid", data.index(b"mdat", second)) - 4 + 56
    path.write_bytes(data[:first] + data[second:end] + data[first:second] + data[end:])
    texts = [fault.text for fault in verify(path)]
    assert "fragment 2 where 1 is expected" in texts
    assert "the index has other seals than the fragments" in texts


def test_the_footer_of_another_segment(folder):
    path, _ = finish(folder, FRAGMENTS)
    head = unfinished(folder, FRAGMENTS, 2).stat().st_size
    other, _ = finish(folder, [small_fragment(0), small_fragment(1, pictures=3)], serial=3)
    other_head = unfinished(folder, [small_fragment(0), small_fragment(1, pictures=3)], 4).stat().st_size
    path.write_bytes(path.read_bytes()[:head] + other.read_bytes()[other_head:])
    texts = [fault.text for fault in verify(path)]
    assert "the index has other seals than the fragments" in texts
    assert any("the index says another" in text for text in texts)
    assert "mfra has other key frames than the fragments" in texts
