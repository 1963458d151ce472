"""Our own box: what an export holds, and the digests of its parts."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.wire.mp4 import digests
from bridge.wire.mp4.boxes import read_boxes, uuid_box
from bridge.wire.mp4.digests import USERTYPE, Chunk, Contents, Part, Stretch, digests_box, parse_digests

CONTENTS = Contents(
    "rec-gate.main",
    Stretch("2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00.000Z"),
    Stretch("2027-01-15T08:00:00.040Z", "2027-01-15T08:59:59.960Z"),
    5000,
    [Stretch("a", "b")],
    [(7, "gone")],
    [(1, "VIDEO001", "H264")],
    [Part("ftyp", 0, 28, bytes(32))],
    [Chunk(1, "a", "b", 44, 99, bytes(range(32)))],
    [Part("suep", 4, 40, bytes(32))],
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
NUMBERS = st.integers(0, (1 << 63) - 1)
STRETCHES = st.builds(Stretch, TEXTS, TEXTS)
PARTS = st.builds(Part, TEXTS, NUMBERS, NUMBERS, st.binary(max_size=32))
CHUNKS = st.builds(Chunk, NUMBERS, TEXTS, TEXTS, NUMBERS, NUMBERS, st.binary(max_size=32))


def few(one):
    return st.lists(one, max_size=3)


def read(data):
    (found,) = read_boxes(data)
    return parse_digests(memoryview(data), found)


@given(
    st.builds(
        Contents,
        *(TEXTS, STRETCHES, STRETCHES, NUMBERS, few(STRETCHES), few(st.tuples(NUMBERS, TEXTS))),
        *(few(st.tuples(NUMBERS, TEXTS, TEXTS)), few(PARTS), few(CHUNKS), few(PARTS)),
    )
)
def test_what_is_written_is_read(contents):
    assert read(digests_box(contents)) == contents


def test_a_stranger_reads_it():
    data = digests_box(CONTENTS)
    (found,) = read_boxes(data)
    assert (found.kind, found.usertype) == (b"uuid", USERTYPE)
    content = data[found.content :]
    assert content[:32] == hashlib.sha256(content[32:]).digest()
    document = json.loads(content[32:])
    assert document["gaps"] == [{"from": "a", "until": "b"}]
    assert document["chunks"] == [[1, "a", "b", 44, 99, bytes(range(32)).hex()]]
    assert document["size"] == 5000


def of(document):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return uuid_box(USERTYPE, hashlib.sha256(text).digest(), text)


GOOD = json.loads(digests_box(CONTENTS)[56:])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"1" * 5000,
        [],
        None,
        7,
        GOOD | {"version": 2},
        GOOD | {"recording": 7},
        GOOD | {"asked": []},
        GOOD | {"size": -1},
        GOOD | {"size": True},
        GOOD | {"size": 1 << 63},
        GOOD | {"size": 1.5},
        GOOD | {"gaps": [{}]},
        GOOD | {"gaps": 7},
        GOOD | {"parts": [["ftyp", 0, 28]]},
        GOOD | {"parts": [["ftyp", 0, 28, "xyz"]]},
        GOOD | {"parts": [["ftyp", 0, 28, 7]]},
        GOOD | {"chunks": [["1", "a", "b", 0, 0, ""]]},
        {key: value for key, value in GOOD.items() if key != "behind"},
    ],
)
def test_what_is_no_such_document_is_damaged(document):
    with pytest.raises(DamagedError, match="the digests cannot be read"):
        read(of(document))


def test_what_was_changed_is_damaged():
    data = digests_box(CONTENTS)
    for at in (24, 60, len(data) - 1):
        with pytest.raises(DamagedError, match="not what their own digest says"):
            read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(DamagedError, match="not what their own digest says"):
        read(uuid_box(USERTYPE, b"short"))


def test_too_long_a_document_is_neither_written_nor_read(monkeypatch):
    data = digests_box(CONTENTS)
    monkeypatch.setattr(digests, "MAX_BYTES", 99)
    with pytest.raises(ValueError, match="at most 99"):
        digests_box(CONTENTS)
    with pytest.raises(DamagedError, match="at most 99 expected"):
        read(data)
