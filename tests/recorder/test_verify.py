"""What the check of an export finds: that it is intact, or what was changed. A stranger's check of the same files is in
tests/interop/test_export.py.
"""

import io
import itertools
from dataclasses import replace

import pytest

from bridge.recorder import verify as module
from bridge.recorder.sealing import sign
from bridge.recorder.verify import MAX_SEALS, NotAnExportError, verify
from bridge.wire.mp4 import plain
from bridge.wire.mp4.boxes import box, full_box, read_boxes
from bridge.wire.mp4.evidence import ExportUnit, Seal, meta, parse_meta
from tests.recorder import exports
from tests.recorder.exports import certificate, der, evidence, footage, key, signed


def check(data):
    return verify(io.BytesIO(data))


def found_in(data):
    return {found.kind: found for found in read_boxes(data)}


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_an_export_is_intact():
    verdict = check(signed())
    assert verdict.changed == ()
    assert [one for _, one in verdict.seals] == [certificate()]
    assert (verdict.unit.operator, verdict.unit.name) == ("ann", "host")
    contents = verdict.contents
    assert (contents.recording, contents.shown.since) == ("rec-gate.main", "2027-01-15T08:00:00.000Z")
    assert contents.tracks == [(1, "VIDEO001", "H264"), (2, "AUDIO001", "PCMA")]
    assert [gap.since for gap in contents.gaps][:2] == ["2027-01-15T08:00:01.000Z", "2027-01-15T08:00:05.500Z"]


def test_what_was_changed_is_named():
    data = signed()
    contents = check(data).contents
    (chunk, *_) = [one for one in contents.chunks if one.track_id == 1 and one.since.startswith("2027-01-15T08:00:04")]
    captured = "captured from 2027-01-15T08:00:04.500Z to 2027-01-15T08:00:05.460Z"
    (line,) = check(flipped(data, chunk.at + 99)).changed
    place = f"(bytes {chunk.at} to {chunk.at + chunk.size - 1})"
    assert line == f"track 1 (VIDEO001), {captured} {place}, was changed or removed"
    boxes = found_in(data)
    (line,) = check(flipped(data, boxes[b"moov"].content + 300)).changed
    assert line.startswith("box moov (bytes ")
    (line,) = check(flipped(data, boxes[b"uuid"].content + 500)).changed
    assert "the digests are not what their own digest says" in line
    evidence = parse_meta(data, boxes[b"meta"].start)
    for one in evidence.named:
        kind = one.kind.decode()
        changed = " ".join(check(flipped(data, one.end - 1)).changed)
        assert (f"box {kind}, at byte {one.start}, was changed" in changed) == (kind != "sibo"), changed
        if kind == "sibo":
            assert "the signature itself (box sibo)" in changed


def test_a_removed_chunk_is_named_and_what_follows_is_not():
    data = signed()
    contents = check(data).contents
    chunk = contents.chunks[2]
    header = plain.mdat_header(found_in(data)[b"mdat"].end - len(plain.EXPORT_FTYP) - 16 - chunk.size)
    shorter = data[: chunk.at] + data[chunk.at + chunk.size :]
    mended = shorter[: len(plain.EXPORT_FTYP)] + header + shorter[len(plain.EXPORT_FTYP) + 16 :]
    name = f"track 1 (VIDEO001), captured from {chunk.since}"
    for cut, lines in ((mended, 3), (shorter, 3)):
        changed = check(cut).changed
        assert len(changed) == lines, changed
        assert any(f"{chunk.size} bytes were removed" in line for line in changed)
        assert any(line.startswith(name) for line in changed)
    assert "box mdat header" in " ".join(check(mended).changed)


def test_headers_that_lead_nowhere():
    data = signed()
    for at in (0, 4, len(plain.EXPORT_FTYP) + 3, len(plain.EXPORT_FTYP) + 9, found_in(data)[b"moov"].start):
        for bit in (1, 0x80):
            changed = check(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]).changed
            assert any("box ftyp" in line or "box mdat header" in line or "box moov" in line for line in changed)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99, 0.9999])
def test_a_file_that_was_cut_short(share):
    data = signed()
    changed = check(data[: int(share * len(data))]).changed
    assert "the file ends after" in changed[0]


def test_every_end_of_a_file_is_noticed():
    """The last box, byte by byte; of what is in front some."""
    data = signed()
    for end in itertools.chain(range(40, len(data), 99_991), range(found_in(data)[b"meta"].start, len(data))):
        assert check(data[:end]).changed, end


def test_what_was_added_is_noticed():
    data = signed()
    for more in (b"x", bytes(8), bytes(99), box(b"free", b"more"), box(b"mdat", bytes(9)), data):
        assert check(data + more).changed
    moov = found_in(data)[b"moov"].start
    changed = check(data[:moov] + box(b"free") + data[moov:]).changed
    assert changed == (f"8 bytes were added in front of byte {found_in(data)[b'uuid'].start + 8}",)
    place = found_in(data)[b"meta"].start
    assert "8 bytes stand in front of box meta" in check(data[:place] + box(b"free") + data[place:]).changed[0]
    assert "box meta stands" in check(data + data[place:]).changed[0]


def test_a_signature_that_was_taken_off():
    data = signed()
    place = found_in(data)[b"meta"].start
    assert check(data[:place]).changed == ("no signature is left (box meta at file level with ipro in it)",)


def test_digests_made_anew_do_not_help():
    data = evidence(exports.three_runs()[0], number=0)[1]
    forged = evidence(exports.three_runs(b_frames=2)[0], number=1, signer=certificate())[1]
    assert check(data).changed == ()
    (line,) = check(forged).changed
    assert "somebody made the digests anew" in line


def test_somebody_elses_file_that_is_signed_is_his():
    """With his own certificate it is intact: who he is, --trust tells."""
    verdict = check(evidence(exports.three_runs()[0], number=1)[1])
    assert (verdict.changed, verdict.seals[0][1]) == ((), certificate(1))


# --- Files of other exporters ----------------------------------------------------------------------------------------


def foreign(*behind, algorithm=b"", number=0, unit=True):
    """Not ours: no digests, the evidence in front of the media."""
    who = ExportUnit("dvr", "", "", 5, "", ())
    evidence = meta(who, Seal(bytes(256), der(certificate(number)), algorithm=algorithm))
    head = box(b"ftyp", b"isom", bytes(4), b"isom")
    file = io.BytesIO(head + evidence + b"".join(behind))
    sign(file, len(head) + parse_meta(evidence).seals[0].signature_at, key(number))
    return file.getvalue()


def signed_again(data, number, words="received"):
    """5.7.1: another `sinf` at the end of `ipro`, whose sizes are corrected. The evidence ends the file."""
    found = parse_meta(data, found_in(data)[b"meta"].start)
    mine = meta(ExportUnit("", "", "", 0, "", ()), Seal(bytes(256), der(certificate(number)), words=words))
    sinf = parse_meta(mine).seals[0].sinf
    more = mine[sinf.start : sinf.end]
    file = bytearray(data[: found.ipro.end] + more + data[found.ipro.end :])
    for one in (found.meta, found.ipro):
        file[one.start : one.start + 4] = (one.end - one.start + len(more)).to_bytes(4, "big")
    again = io.BytesIO(bytes(file))
    sign(again, parse_meta(file, found.meta.start).seals[-1].signature_at, key(number))
    return again.getvalue()


def test_files_without_our_digests():
    data = foreign(box(b"moov"), box(b"mdat", bytes(99)))
    verdict = check(data)
    assert (verdict.changed, verdict.contents, verdict.unit.name) == ((), None, "dvr")
    assert (
        "does not fit: the file, the signature (sibo) or the certificate"
        in check(flipped(data, len(data) - 1)).changed[0]
    )
    # A last box without a size goes to the end of the file.
    assert check(foreign(bytes(4) + b"mdat" + bytes(50))).changed == ()


def test_files_signed_again_and_again():
    data = signed_again(signed_again(signed(), 1), 2)
    verdict = check(data)
    assert verdict.changed == ()
    assert [one for _, one in verdict.seals] == [certificate(), certificate(1), certificate(2)]
    third = parse_meta(data, found_in(data)[b"meta"].start).seals[2]
    wrong = check(flipped(data, third.signature_at))
    assert wrong.changed
    data = foreign(box(b"moov"))
    for number in range(MAX_SEALS):
        assert check(data).changed == ()
        data = signed_again(data, number % 3)
    assert "at most 16 are checked" in check(data).changed[0]


def test_what_cannot_be_checked():
    assert "is of another algorithm (sigC)" in check(foreign(algorithm=b"\x30\x00")).changed[0]
    data = foreign(box(b"moov"))
    place = data.index(b"cert") + 4
    assert "cert: no certificate" in check(data[:place] + b"\0" + data[place + 1 :]).changed[0]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"hello", "it is no MP4 file"),
        (b"PK\3\4" + bytes(99), "it is no MP4 file"),
        (box(b"ftyp", b"isom") + box(b"moov"), "it has no signature"),
        (box(b"ftyp", b"isom") + full_box(b"meta", 0, 0, full_box(b"hdlr", 0, 0)), "it has no signature"),
    ],
)
def test_what_is_no_export(data, why):
    with pytest.raises(NotAnExportError, match=why):
        check(data)


def test_a_plain_file_is_no_export():
    from bridge.recorder.export import export_plain
    from bridge.store.reader import Begin

    tracks, units = footage(frames=5)
    file = io.BytesIO()
    export_plain(iter([Begin(tracks, 0, 1), *units]), file, exports.BEGIN)
    with pytest.raises(NotAnExportError, match="it has no signature"):
        verify(file)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MAX_META_BYTES", 100)
    assert "at most 100 expected" in check(signed()).changed[0]
    monkeypatch.setattr(module, "_MAX_DIGESTS_BYTES", 100)
    monkeypatch.setattr(module, "_NAMED_AT_MOST", 2)
    assert any("at most 100 expected" in line for line in check(signed()).changed)


def test_no_more_lines_than_somebody_reads(monkeypatch):
    monkeypatch.setattr(module, "_NAMED_AT_MOST", 2)
    data = bytearray(signed())
    for chunk in check(signed()).contents.chunks:
        data[chunk.at] ^= 1
    assert check(bytes(data)).changed[2:] == ("and more",)


def test_digests_that_overlap_cost_no_time(monkeypatch):
    """A million digests of the whole file each would keep the reader busy for days."""
    contents = check(signed()).contents
    twice = replace(contents, chunks=[*contents.chunks, contents.chunks[0]])
    monkeypatch.setattr(module, "parse_digests", lambda data, found: twice)
    assert check(flipped(signed(), len(signed()) // 2)).changed == ("the digests contradict each other: parts overlap",)
