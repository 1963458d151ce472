"""The boxes of the ONVIF Export File Format."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.base.time import NS_PER_S
from bridge.wire.mp4.boxes import box, full_box, read_boxes
from bridge.wire.mp4.evidence import (
    Change,
    ExportUnit,
    Seal,
    Source,
    TrackStart,
    changes_before,
    meta,
    parse_meta,
)

UNIT = ExportUnit("NVR", "http://n", "", 0, "ann", (Source(1, "Gate", "rtsp://g", "080027000C15", "main"),))
SEAL = Seal(b"SIGN", b"CERT", (TrackStart(1, 0),), "words", b"\x30\x00")

#: As the specification's clauses write it, by hand: (bytes in hex, what is in it).
SUEP = (
    "0000004c 73756570 01000000"  # version 1
    "4e565200 687474703a2f2f6e00 00"  # unit: name, URL, no MAC
    "000000007c25b080 616e6e00"  # 1970 in seconds since 1904; operator
    "00000001 0001 4761746500 727473703a2f2f6700 30383030323730303043313500 6d61696e00"
)
CSTB = "00000018 63737462 00000001 00000001 019db1ded53e8000"  # 1970 in steps of 100 ns since 1601
SINF = (
    f"0000006c 73696e66 {CSTB} 00000014 7363686d 00000000 6f656666 00010000"
    "00000038 73636869 0000000c 7369626f 5349474e 0000000c 63657274 43455254"
    "0000000a 73696743 3000 0000000e 61756962 776f72647300"
)


def test_boxes_as_the_specification_has_them():
    data = meta(UNIT, SEAL)
    (whole,) = read_boxes(data)
    handler, suep, ipro = read_boxes(data, whole.content + 4, whole.end)
    assert (handler.kind, data[handler.content + 8 :][:4]) == (b"hdlr", b"null")
    assert data[suep.start : suep.end].hex() == SUEP.replace(" ", "")
    assert data[ipro.content : ipro.content + 6].hex() == "000000000001"
    assert data[ipro.content + 6 : ipro.end].hex() == SINF.replace(" ", "")


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
SOURCES = st.builds(Source, st.integers(0, 0xFFFF), TEXTS, TEXTS, TEXTS, TEXTS)
UNITS = st.builds(
    ExportUnit, TEXTS, TEXTS, TEXTS, st.integers(0, 1 << 40), TEXTS, st.lists(SOURCES, max_size=3).map(tuple)
)
STARTS = st.builds(TrackStart, st.integers(0, 0xFFFFFFFF), st.integers(0, 1 << 55).map(lambda steps: steps * 100))
SEALS = st.builds(
    Seal, st.binary(max_size=40), st.binary(max_size=40), st.lists(STARTS, max_size=3).map(tuple), TEXTS, st.binary()
)


@given(UNITS, SEALS)
def test_what_is_written_is_read(unit, seal):
    data = meta(unit, seal)
    found = parse_meta(b"in front" + data + b"behind", 8)
    assert found is not None
    assert (found.unit, [placed.seal for placed in found.seals]) == (unit, [seal])
    at = found.seals[0].signature_at - 8
    assert data[at : at + len(seal.signature)] == seal.signature
    assert found.meta.end == 8 + len(data)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(more, at, byte):
    data = bytearray(meta(UNIT, SEAL))
    data[at % len(data)] = byte
    for candidate in (bytes(data), bytes(data) + more, full_box(b"meta", 0, 0, more), bytes(data[: at % len(data)])):
        with contextlib.suppress(DamagedError):
            parse_meta(memoryview(candidate))


def test_times_are_rounded_to_the_specifications_steps():
    data = meta(UNIT, replace(SEAL, starts=(TrackStart(7, NS_PER_S + 149), TrackStart(8, NS_PER_S + 150))))
    starts = parse_meta(data).seals[0].seal.starts
    assert starts == (TrackStart(7, NS_PER_S + 100), TrackStart(8, NS_PER_S + 200))


def test_a_zero_in_a_text_does_not_end_it():
    assert parse_meta(meta(replace(UNIT, name="a\0b"), SEAL)).unit.name == "a b"


def in_meta(*content):
    return full_box(b"meta", 0, 0, *content)


def in_ipro(*content, count=1):
    return in_meta(full_box(b"ipro", 0, 0, count.to_bytes(2, "big"), *content))


SCHEME = full_box(b"schm", 0, 0, b"oeff", bytes.fromhex("00010000"))
SCHI = box(b"schi", box(b"sibo", b"s"), box(b"cert", b"c"))


@pytest.mark.parametrize(
    "data",
    [
        in_meta(),
        in_meta(full_box(b"hdlr", 0, 0)),
        in_ipro(box(b"sinf", full_box(b"schm", 0, 0, b"cenc", bytes(4)))),
        in_ipro(box(b"sinf", SCHEME, SCHI), count=2),
    ],
    ids=["empty", "another meta", "another scheme", "protections of items"],
)
def test_another_meta_is_none(data):
    assert parse_meta(data) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (box(b"moov"), "b'moov' where b'meta' is expected"),
        (in_ipro(), "ipro without a sinf"),
        (in_ipro(box(b"free")), "'sinf' expected"),
        (in_ipro(box(b"sinf", SCHEME)), "without b'schi'"),
        (in_ipro(box(b"sinf", SCHEME, box(b"schi", box(b"cert")))), "without b'sibo'"),
        (in_ipro(box(b"sinf", SCHEME, box(b"schi", box(b"sibo")))), "without b'cert'"),
        (in_ipro(box(b"sinf", full_box(b"schm", 0, 0, b"oeff", bytes(4)), SCHI)), "scheme_version 0x0"),
        (in_ipro(box(b"sinf", full_box(b"schm", 0, 0, b"oeff"), SCHI)), "schm of 16 bytes"),
        (in_ipro(box(b"sinf", SCHEME, SCHI, box(b"cstb", bytes.fromhex("00000002")))), "cstb: 2 entries in 0 bytes"),
        (in_ipro(box(b"sinf", SCHEME, SCHI), box(b"sinf", SCHEME)), "without b'schi'"),
        (in_meta(full_box(b"ipro", 0, 0, b"\0\1", box(b"sinf", SCHEME, SCHI)) * 2), "a second ipro"),
        (in_meta(full_box(b"suep", 1, 0, b"never ends")), "a string without an end"),
        (in_meta(full_box(b"suep", 1, 0, bytes(3), bytes(8), b"\0\xff\xff\xff\xff")), "bytes of fields expected"),
    ],
)
def test_what_is_damaged_says_so(data, why):
    with pytest.raises(DamagedError, match=why.replace("(", r"\(")):
        parse_meta(data)


def test_what_others_write():
    """`cstb` in `schi` or in `meta` itself; `suep` of the first version, which we do not read."""
    starts = box(b"cstb", bytes.fromhex("00000001 00000001 019db1ded53e8000"))
    schi = box(b"schi", box(b"sibo", b"s"), box(b"cert", b"c"), starts)
    found = parse_meta(in_ipro(box(b"sinf", SCHEME, schi)))
    assert found.seals[0].seal.starts == (TrackStart(1, 0),)
    ipro = full_box(b"ipro", 0, 0, b"\0\1", box(b"sinf", SCHEME, SCHI))
    found = parse_meta(in_meta(full_box(b"suep", 0, 0, bytes(40)), starts, ipro))
    assert (found.unit, found.starts, found.seals[0].seal.starts) == (None, (TrackStart(1, 0),), ())


@pytest.mark.parametrize("large", [False, True])
def test_how_the_file_was_before_it_was_signed_again(large):
    """Boxes with sizes of 64 bits as well."""

    def wrap(kind, *content):
        joined = b"".join(content)
        if not large:
            return box(kind, joined)
        return b"\0\0\0\1" + kind + (16 + len(joined)).to_bytes(8, "big") + joined

    sinfs = [box(b"sinf", SCHEME, box(b"schi", box(b"sibo", b"sig%d" % n), box(b"cert", b"c"))) for n in range(3)]

    def file(*sinfs):
        return wrap(b"meta", bytes(4), wrap(b"ipro", bytes(4), b"\0\1", *sinfs), box(b"free"))

    data = file(*sinfs)
    found = parse_meta(data)
    for number in range(3):
        before = changed(b"head" + data + b"tail", changes_before(found, number, data, 4))
        zero = sinfs[number].replace(b"sig%d" % number, bytes(4))
        assert before == b"head" + file(*sinfs[:number], zero) + b"tail"


def changed(data, changes: list[Change]):
    for one in reversed(changes):
        data = data[: one.at] + one.instead + data[one.at + one.size :]
    return data
