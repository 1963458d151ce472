from hypothesis import given
from hypothesis import strategies as st

from bridge.media.packets import MAX_RUN_BYTES, MAX_RUN_PACKETS, PacketizedUnit
from bridge.wire.rtp import pack_header, parse_extension

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40) | st.just(bytes(1388)), min_size=1, max_size=150)


def unit(payloads, *, sequence=65_530, marks=True, extension=b""):
    return PacketizedUnit.of(
        payloads,
        payload_type=96,
        sequence=sequence,
        rtp_time=0xFFFF_FFF0,
        ssrc=0xDEADBEEF,
        marks=marks,
        media_time=5,
        key=True,
        extension=extension,
    )


def packet_by_packet(payloads, *, sequence=65_530, rtp_time=0xFFFF_FFF0, marks=True):
    last = len(payloads) - 1
    return [
        pack_header(96, sequence + index, rtp_time, 0xDEADBEEF, marker=marks and index == last) + payload
        for index, payload in enumerate(payloads)
    ]


def framed(packets, channel):
    return b"".join(b"$" + bytes((channel,)) + len(packet).to_bytes(2) + packet for packet in packets)


@given(PAYLOADS, st.integers(0, 2**20), st.booleans(), st.integers(0, 255))
def test_equal_to_packets_made_one_by_one(payloads, sequence, marks, channel):
    made = unit(payloads, sequence=sequence, marks=marks)
    packets = packet_by_packet(payloads, sequence=sequence, marks=marks)
    assert made.interleaved == framed(packets, 0)
    assert made.for_channel(channel) == framed(packets, channel)
    assert made.packets == len(packets)
    assert made.octets == sum(map(len, payloads))
    assert [made.interleaved[at : at + size] for at, size in made.spans()] == packets


@given(PAYLOADS, st.integers(0, 2**32 - 1))
def test_retimed_differs_in_its_time_only(payloads, rtp_time):
    original = unit(payloads)
    made = original.retimed(rtp_time)
    assert made.interleaved == framed(packet_by_packet(payloads, rtp_time=rtp_time), 0)
    assert (made.sequence, made.packets, made.octets, made.media_time, made.key, made.rtp_time) == (
        *(original.sequence, original.packets, original.octets, original.media_time, original.key),
        rtp_time,
    )


@given(PAYLOADS)
def test_runs_hold_all_packets_as_the_kernel_wants_them(payloads):
    packets = []
    for segment, data in unit(payloads).runs():
        cut = [data[at : at + segment] for at in range(0, len(data), segment)]
        assert len(cut) <= MAX_RUN_PACKETS
        assert len(data) <= MAX_RUN_BYTES
        packets += cut
    assert packets == packet_by_packet(payloads)


def test_runs_are_as_long_as_they_may_be():
    runs = unit([bytes(1388)] * 100 + [bytes(7)]).runs()
    assert [(segment, len(data)) for segment, data in runs] == [
        (1400, 46 * 1400),
        (1400, 46 * 1400),
        (1400, 8 * 1400 + 19),
    ]
    assert len(unit([bytes(20)] * 65).runs()) == 2


def test_forms_are_made_once():
    made = unit([b"abc", b"d"])
    assert made.for_channel(0) is made.interleaved
    assert made.for_channel(2) is made.for_channel(2)
    assert made.runs() is made.runs()


@given(PAYLOADS)
def test_a_header_extension_stands_in_the_first_packet_and_is_no_payload(payloads):
    extension = bytes.fromhex("abac0001 01020304")
    plain, made = unit(payloads), unit(payloads, extension=extension)
    packets = [made.interleaved[at : at + size] for at, size in made.spans()]
    assert parse_extension(packets[0]) == (0xABAC, extension[4:])
    assert packets[1:] == packet_by_packet(payloads)[1:]
    assert made.octets == plain.octets == made.retimed(5).octets
