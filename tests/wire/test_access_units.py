"""When an access unit ends, when it is damaged, how large it grows: through the H.264 depacketiser."""

import pytest

from bridge.wire.access_units import MISSING_ENDS_PROVE, FragmentEndPolicy, MarkerPolicy, without_start_codes
from bridge.wire.h264.rtp import Depacketizer, packetize
from bridge.wire.h265.rtp import Depacketizer as H265Depacketizer
from bridge.wire.h265.rtp import packetize as h265_packetize
from tests.wire.encoded import video
from tests.wire.units import Units, push, push_unit

SPS, PPS, SEI, AUD = b"\x67\x42\1\2", b"\x68\xcb\3", b"\x06\5\1\xaa\x80", b"\x09\xf0"
IDR, IDR_2 = b"\x65\x88first slice", b"\x65\x10second slice"
P, P_2, P_3 = b"\x41\x9afirst slice", b"\x41\x1asecond slice", b"\x41\x0athird slice"


def test_a_marker_on_what_precedes_a_picture_ends_nothing():
    units = Units()
    depacketizer = Depacketizer(units)
    for nal in (AUD, SPS, PPS, SEI, IDR):
        push(depacketizer, nal, 1, True)
    assert units == [(1, (AUD, SPS, PPS, SEI, IDR), True, False)]


def test_parameter_sets_with_a_timestamp_of_their_own_join_the_picture_that_follows():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, SPS, 1, True)
    push(depacketizer, PPS, 2, True)
    push(depacketizer, IDR, 3, True)
    assert units == [(3, (SPS, PPS, IDR), True, False)]


def test_parameter_sets_whose_picture_was_lost_do_not_join_the_next():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, SPS, 1)
    depacketizer.lost()
    push_unit(depacketizer, [P], 2)
    assert units == [(1, (SPS,), False, True), (2, (P,), False, True)]


def test_markers_on_every_slice_are_found_out():
    units = Units()
    depacketizer = Depacketizer(units)
    for timestamp in range(5):
        for nal in (P, P_2, P_3):
            push(depacketizer, nal, timestamp, True)
    depacketizer.flush()
    assert depacketizer.marker_policy is MarkerPolicy.IGNORE
    # The proof is complete within the first picture; what came before cannot be called back.
    assert units.parts == [(P,), (P_2,), (P_3,), *[(P, P_2, P_3)] * 4]
    assert not any(units.damaged)


def test_pictures_that_share_a_timestamp_do_not_prove_wrong_markers():
    units = Units()
    depacketizer = Depacketizer(units)
    for _ in range(5):
        push(depacketizer, P, 7)
        push(depacketizer, P_2, 7, True)
    assert depacketizer.marker_policy is MarkerPolicy.TRUST
    assert units.parts == [(P, P_2)] * 5


def test_wrong_markers_are_not_looked_for_for_ever():
    units = Units()
    depacketizer = Depacketizer(units)
    for timestamp in range(65):
        push(depacketizer, P, timestamp, True)
    for timestamp in (100, 101):
        push(depacketizer, P, timestamp, True)
        push(depacketizer, P_2, timestamp, True)
    assert depacketizer.marker_policy is MarkerPolicy.TRUST


def test_markers_ignored_from_the_start():
    stream = video("libx264", 64, 64)
    units = Units()
    depacketizer = Depacketizer(units, marker_policy=MarkerPolicy.IGNORE)
    for number, parts in enumerate(stream):
        for payload in packetize(parts, 100):
            push(depacketizer, payload, number, True)
        assert depacketizer.awaits_timestamp
    depacketizer.flush()
    assert units.parts == list(stream)


def test_a_camera_without_markers_is_known_after_three_units():
    depacketizer = Depacketizer(Units())
    awaits = []
    for timestamp in range(5):
        push(depacketizer, P, timestamp)
        awaits.append(depacketizer.awaits_timestamp)
    assert awaits == [False, False, False, True, True]
    push(depacketizer, packetize([P * 20], 40)[0], 6)
    assert not depacketizer.awaits_timestamp  # in the middle of a NAL unit
    push(depacketizer, P, 7, True)
    push(depacketizer, P, 8)
    assert not depacketizer.awaits_timestamp  # markers do come


def test_damage_lies_on_both_sides_of_a_hole_between_units():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, P, 1)
    depacketizer.lost()
    push_unit(depacketizer, [P], 2)
    push_unit(depacketizer, [P], 3)
    assert units.damaged == [True, True, False]


def test_a_hole_inside_a_unit_damages_it_alone():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, P, 1)
    depacketizer.lost()
    push(depacketizer, P_3, 1, True)
    push_unit(depacketizer, [P], 2)
    assert units == [(1, (P, P_3), False, True), (2, (P,), False, False)]


@pytest.mark.parametrize(
    ("parts", "damaged"),
    [
        ([SPS, PPS, IDR], False),  # whole as far as its beginning shows, and it refers to nothing before
        ([AUD, SPS, PPS, IDR], False),
        ([IDR], True),  # an earlier slice may be missing
        ([PPS, IDR], True),
        ([AUD, P], True),  # a whole picture may be missing that it refers to
    ],
)
def test_after_a_hole_only_a_unit_that_begins_anew_is_whole(parts, damaged):
    units = Units()
    depacketizer = Depacketizer(units)
    depacketizer.lost()
    push_unit(depacketizer, parts, 1)
    assert units.damaged == [damaged]


def test_a_flush_after_a_loss_marks_the_open_unit():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, IDR, 1)
    depacketizer.lost()
    depacketizer.flush()
    depacketizer.flush()
    assert units == [(1, (IDR,), True, True)]


@pytest.mark.parametrize("payloads", [[P] * 9, [P[:2] * 41], packetize([P * 20], 30), [P, *packetize([P * 20], 30)]])
def test_an_oversized_unit_is_dropped_whole_and_counted(payloads):
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=80, max_unit_parts=5)
    push_unit(depacketizer, [IDR], 1)
    push_unit(depacketizer, payloads, 2)
    push_unit(depacketizer, [P], 3)
    push_unit(depacketizer, [P], 4)
    assert units == [(1, (IDR,), True, False), (3, (P,), False, True), (4, (P,), False, False)]
    assert depacketizer.oversized_units == 1


def test_a_unit_of_exactly_the_limits_passes():
    units = Units()
    push_unit(Depacketizer(units, max_unit_bytes=len(P) * 3, max_unit_parts=3), [P, P, P], 1)
    assert units.parts == [(P, P, P)]


def test_an_oversized_unit_without_marker_ends_by_the_next_timestamp():
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=30)
    for timestamp in (1, 1, 1, 2):
        push(depacketizer, P, timestamp)
    depacketizer.flush()
    assert units == [(2, (P,), False, True)]


def test_endless_parameter_sets_are_bounded():
    units = Units()
    depacketizer = Depacketizer(units, max_unit_parts=10)
    for timestamp in range(100):
        push(depacketizer, SPS, timestamp, True)
    assert depacketizer.oversized_units > 0
    assert sum(map(len, units.parts)) <= 10


def without_end_bits(payloads, at):
    return [payload[:at] + bytes([payload[at] & ~0x40]) + payload[at + 1 :] for payload in payloads]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("make", "packets_of", "nal", "at"),
    [(Depacketizer, packetize, IDR * 9, 1), (H265Depacketizer, h265_packetize, b"\x26\x01\x80" + IDR * 9, 2)],
)
def test_fragments_without_an_end_are_found_out(make, packets_of, nal, at, marked):
    units = Units()
    depacketizer = make(units)
    for timestamp in range(8):
        for payload in (payloads := without_end_bits(packets_of([nal], 30), at)):
            push(depacketizer, payload, timestamp, marked and payload is payloads[-1])
    assert depacketizer.fragment_end_policy is FragmentEndPolicy.IGNORE
    depacketizer.flush()
    # The first are dropped, as one cannot know yet; what is in progress at the end may not be whole.
    whole = 8 - (MISSING_ENDS_PROVE - 1) - (not marked)
    assert units.parts == [(nal,)] * whole
    assert units.damaged == [True] + [False] * (whole - 1)


def test_ends_that_come_after_all_are_believed_again():
    units = Units()
    depacketizer = Depacketizer(units)
    payloads = packetize([IDR * 9], 30)
    for timestamp in range(4):
        push_unit(depacketizer, without_end_bits(payloads, 1), timestamp)
    push_unit(depacketizer, payloads, 4)
    assert depacketizer.fragment_end_policy is FragmentEndPolicy.TRUST
    push_unit(depacketizer, payloads[:-1], 5)
    push_unit(depacketizer, [P], 6)
    assert units[-1] == (6, (P,), False, True)


def test_start_codes_are_cut_out():
    assert without_start_codes(b"\0\0\0\1ab\0\0\0\1c\0\0\1\0\0\1d\0\0") == [b"ab", b"c", b"d"]
    assert without_start_codes(b"ab\0\0\0\1") == [b"ab"]
    assert without_start_codes(b"\0\0\0") == []
