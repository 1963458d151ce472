"""Units that are cut anywhere, the last packet marked: metadata documents and audioMuxElements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.marked_units import Depacketizer, packetize
from tests.wire.units import Units, push, push_unit

DOCUMENT = b'<?xml version="1.0"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>'

# Payloads with their markers, and the units that they are; read in both directions.
TABLE = {
    "one packet": ([(DOCUMENT, True)], [DOCUMENT]),
    "cut anywhere": ([(DOCUMENT[:30], False), (DOCUMENT[30:60], False), (DOCUMENT[60:], True)], [DOCUMENT]),
    "two documents": ([(b"<a/>", True), (b"<b/>", True)], [b"<a/>", b"<b/>"]),
}


@pytest.mark.parametrize(("packets", "documents"), TABLE.values(), ids=TABLE.keys())
def test_documents(packets, documents):
    units = Units()
    depacketizer = Depacketizer(units)
    for payload, marker in packets:
        push(depacketizer, payload, 5, marker)
    assert units == [(5, (document,), True, False) for document in documents]
    assert not depacketizer.open
    size = max(len(payload) for payload, _ in packets)
    assert [payload for document in documents for payload in packetize([document], size)] == [one for one, _ in packets]


def test_a_loss_costs_its_document_and_what_cannot_be_told_from_it():
    documents = [bytes([letter]) * 50 for letter in b"abcd"]
    sent = [
        (payload, number, at == 4)
        for number, document in enumerate(documents)
        for at, payload in enumerate(packetize([document], 10))
    ]
    for missing in range(10):
        units = Units()
        depacketizer = Depacketizer(units)
        for place, (payload, timestamp, marker) in enumerate(sent):
            if place == missing:
                depacketizer.lost()
            else:
                push(depacketizer, payload, timestamp, marker)
        # With the marker of one lost, the next one goes as well.
        hit = {missing // 5, missing // 5 + (missing % 5 == 4)}
        assert [unit[0] for unit in units] == [number for number in range(4) if number not in hit]
        assert all(parts == (documents[number],) for number, parts, *_ in units)
        assert depacketizer.lost_units == (missing % 5 > 0)


def test_the_next_timestamp_ends_a_document_without_marker():
    units = Units()
    depacketizer = Depacketizer(units)
    for timestamp in range(4):
        push(depacketizer, b"<a", timestamp)
        push(depacketizer, b"/>", timestamp)
        assert depacketizer.awaits_timestamp is (timestamp == 3)
    assert units == [(timestamp, (b"<a/>",), True, False) for timestamp in range(3)]
    depacketizer.flush()
    assert len(units) == 4
    # Behind a loss the timestamp that follows may begin in the middle; the one after it does not.
    depacketizer.lost()
    for timestamp in (5, 6, 7):
        push(depacketizer, b"<b/>", timestamp)
    assert [unit[0] for unit in units[4:]] == [6]


def test_what_is_open_at_the_end_is_no_document():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"<a", 1)
    assert depacketizer.open
    depacketizer.flush()
    depacketizer.flush()
    assert (units, depacketizer.open, depacketizer.lost_units) == ([], False, 1)


def test_oversized_documents_are_dropped():
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=20)
    push_unit(depacketizer, packetize([b"a" * 50], 8), 1)
    push_unit(depacketizer, packetize([b"b" * 20], 8), 2)
    push(depacketizer, b"c" * 21, 3)
    push(depacketizer, b"c", 3)
    push(depacketizer, b"d", 4, True)
    assert units.parts == [(b"b" * 20,), (b"d",)]
    assert depacketizer.oversized_units == 2


def test_empty_payloads_say_nothing():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"", 1, True)
    push(depacketizer, b"", 1)
    assert units == []
    assert packetize([b""], 10) == []


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8), st.integers(1, 50))
def test_whatever_is_sent_comes(documents, max_payload_bytes):
    units = Units()
    depacketizer = Depacketizer(units)
    for number, document in enumerate(documents):
        payloads = packetize([document], max_payload_bytes)
        assert all(0 < len(payload) <= max_payload_bytes for payload in payloads)
        push_unit(depacketizer, payloads, number)
    assert units.parts == [(document,) for document in documents]


@given(st.lists(st.tuples(st.binary(max_size=30), st.integers(0, 3), st.booleans(), st.booleans()), max_size=20))
def test_any_payloads_give_units_within_bounds(packets):
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=50)
    for payload, timestamp, marker, lost in packets:
        if lost:
            depacketizer.lost()
        push(depacketizer, payload, timestamp, marker)
    depacketizer.flush()
    assert not depacketizer.open
    assert all(len(parts) == 1 and 0 < len(parts[0]) <= 50 for parts in units.parts)
