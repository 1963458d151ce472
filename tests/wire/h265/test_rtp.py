"""RFC 7798: payloads to access units and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.wire.h265.rtp import Depacketizer, packetize
from tests.wire.encoded import decoded_sizes, video
from tests.wire.units import Units, push, push_unit

VPS, SPS, PPS = b"\x40\1\x0c\1", b"\x42\1\1\2", b"\x44\1\xc1"
SEI, AUD = b"\x4e\1\5\1\xaa\x80", b"\x46\1\x50"
IDR, P = b"\x26\1\xaffirst slice of an IDR picture", b"\x02\1\xd0first slice"

# (payloads of one access unit, its NAL units)
TABLE = [
    ([P], (P,)),
    ([AUD, VPS, SPS, PPS, SEI, IDR], (AUD, VPS, SPS, PPS, SEI, IDR)),
    ([b"\x60\1\0\4" + SPS + b"\0\3" + PPS, IDR], (SPS, PPS, IDR)),  # AP
    ([b"\x60\1\0\4" + SPS + b"\0\0" + b"\0\3" + PPS + b"\0", IDR], (SPS, PPS, IDR)),  # an empty one, a byte too many
    ([b"\x62\1\x93\xaffir", b"\x62\1\x13st sl", b"\x62\1\x53ice"], (b"\x26\1\xaffirst slice",)),  # FU
    ([b"\x62\3\x81\xd0a", b"\x62\3\x41b", b"\x02\3\x20c"], (b"\x02\3\xd0ab", b"\x02\3\x20c")),  # two slices
]

nal_units = st.builds(
    lambda kind, tid, tail: bytes((kind << 1, tid)) + b"\x80" + tail + b"\x80",
    st.integers(0, 47),
    st.integers(1, 255),
    st.binary(max_size=120).filter(lambda tail: b"\0\0" not in tail),
)


@pytest.mark.parametrize(("payloads", "parts"), TABLE)
def test_depacketizes(payloads, parts):
    units = Units()
    push_unit(Depacketizer(units), payloads, 90)
    assert [(timestamp, unit, damaged) for timestamp, unit, _, damaged in units] == [(90, parts, False)]


@pytest.mark.parametrize("max_payload_bytes", [4, 11, 100, 1400, 60_000])
def test_real_bitstream_survives_bit_for_bit(max_payload_bytes):
    stream = video("libx265", 64, 64) if max_payload_bytes < 100 else video("libx265")
    units = Units()
    depacketizer = Depacketizer(units)
    for number, parts in enumerate(stream):
        payloads = packetize(parts, max_payload_bytes)
        assert max(map(len, payloads)) <= max_payload_bytes
        push_unit(depacketizer, payloads, 3600 * number)
    assert units.parts == list(stream)
    assert [unit[0] for unit in units] == [3600 * number for number in range(len(stream))]
    assert [unit[2] for unit in units] == [number % 10 == 0 for number in range(len(stream))]
    assert not any(units.damaged)
    assert decoded_sizes("hevc", units.parts[:3])[0] == ((64, 64) if max_payload_bytes < 100 else (320, 240))


@settings(max_examples=100)
@given(st.lists(nal_units, min_size=1, max_size=5), st.integers(4, 50))
def test_packetize_and_back(parts, max_payload_bytes):
    units = Units()
    depacketizer = Depacketizer(units)
    push_unit(depacketizer, packetize([*parts, P], max_payload_bytes), 1)
    assert units.parts == [(*parts, P)]


def test_max_payload_bytes_has_a_floor():
    with pytest.raises(ValueError, match=str(4 - 1)):
        packetize([P], 4 - 1)


def test_types_that_rtp_uses_itself_are_not_sent():
    assert packetize([b"", b"\x62\1abc", b"\x40", b"\x7e\1abc", P], 1400) == [P]


def test_end_by_the_next_timestamp_when_the_marker_is_missing():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, IDR, 1)
    assert depacketizer.open
    push(depacketizer, P, 2)
    assert units == [(1, (IDR,), True, False)]
    depacketizer.flush()
    assert units[1:] == [(2, (P,), False, False)]
    assert not depacketizer.open


def test_lost_beginning_middle_and_end_of_fragments():
    payloads = packetize([IDR * 30], 40)
    whole = (IDR * 30,)
    assert len(payloads) > 4
    for missing in range(len(payloads)):
        units = Units()
        depacketizer = Depacketizer(units)
        for number, payload in enumerate(payloads):
            if number == missing:
                depacketizer.lost()
            else:
                push(depacketizer, payload, 1, number == len(payloads) - 1)
        push_unit(depacketizer, [P], 2)
        push_unit(depacketizer, [P], 3)
        # Nothing usable is left of the first unit, and the second follows the hole.
        assert units == [(2, (P,), False, True), (3, (P,), False, False)]
        push_unit(depacketizer, payloads, 4)
        assert units[-1] == (4, whole, True, False)


def test_fragments_do_not_mix_with_another_unit_or_nal_unit():
    first, *_, last = packetize([IDR * 30], 40)
    for between in ([P], [first], []):
        units = Units()
        depacketizer = Depacketizer(units)
        push(depacketizer, first, 1)
        for payload in between:
            push(depacketizer, payload, 1)
        push(depacketizer, P, 2)
        push(depacketizer, last, 2, True)
        assert all(part in (P, IDR[:2] + first[3:] + last[3:]) for parts in units.parts for part in parts)
        assert units.damaged[-1]


def test_a_fragment_that_is_first_and_last_is_taken():
    units = Units()
    push_unit(Depacketizer(units), [b"\x62\1\xc1" + P[2:]], 1)
    assert units.parts == [(P,)]


def test_a_marker_inside_a_fragmented_nal_unit_ends_nothing():
    units = Units()
    depacketizer = Depacketizer(units)
    for payload in packetize([IDR * 30], 40):
        push(depacketizer, payload, 1, True)
    assert units == [(1, (IDR * 30,), True, False)]


@pytest.mark.parametrize("payload", [b"\x64\1abcd", b"\x7e\1abcd", b"\x62\1\xf0abc", b"\x02"])
def test_refused_payloads_are_counted_and_damage_their_unit(payload):
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, payload, 1)
    push(depacketizer, P, 1, True)
    assert units == [(1, (P,), False, True)]
    assert depacketizer.refused_payloads == 1


def test_an_aggregate_cut_short_damages_its_unit():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"\x60\1" + b"\0\3" + P[:3] + b"\0\7abc", 1, True)
    assert units == [(1, (P[:3],), False, True)]


def test_start_codes_left_in_by_the_camera_are_taken_off():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"\0\0\0\1" + SPS, 1)
    push(depacketizer, PPS, 1)
    push(depacketizer, b"\0\0\1" + IDR, 1, True)
    # The whole buffer of the encoder as one NAL unit, in fragments.
    push_unit(depacketizer, packetize([SPS + b"\0\0\0\1" + PPS + b"\0\0\0\1" + IDR * 5], 20), 2)
    assert units.parts == [(SPS, PPS, IDR), (SPS, PPS, IDR * 5)]


def test_empty_payloads_say_nothing():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"", 1)
    push(depacketizer, P, 1, True)
    push(depacketizer, b"\x48\1", 2)
    push_unit(depacketizer, [P], 2)
    assert units == [(1, (P,), False, False), (2, (b"\x48\1", P), False, False)]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3), st.booleans(), st.booleans()), max_size=30))
def test_any_payloads_give_units_within_bounds(packets):
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=60, max_unit_parts=4)
    for payload, timestamp, marker, lost in packets:
        if lost:
            depacketizer.lost()
        push(depacketizer, payload, timestamp, marker)
    depacketizer.flush()
    for parts in units.parts:
        assert 0 < len(parts) <= 4
        assert 0 < sum(map(len, parts)) <= 60
        assert all(parts)
