"""Opus: a packet is an access unit."""

import av
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.audio.opus import Depacketizer, packetize
from tests.wire.encoded import opus
from tests.wire.units import Units, push


def test_real_packets_survive_and_decode():
    units = Units()
    depacketizer = Depacketizer(units)
    for number, packet in enumerate(opus()):
        (payload,) = packetize([packet], 1388)
        push(depacketizer, payload, 960 * number, number == 0)
    assert units == [(960 * number, (packet,), True, False) for number, packet in enumerate(opus())]
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    samples = sum(audio.samples for parts in units.parts for audio in decoder.decode(av.Packet(parts[0])))
    assert 960 * (len(opus()) - 1) <= samples <= 960 * len(opus())


def test_nothing_is_held():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"", 0, True)
    depacketizer.lost()
    push(depacketizer, b"a", 0)
    depacketizer.flush()
    assert units.parts == [(b"a",)]
    assert not depacketizer.open
    assert not depacketizer.awaits_timestamp


def test_packetize():
    assert packetize([b"abc", b""], 3) == [b"abc"]
    assert packetize([b"abc"], 2) == []


@given(st.lists(st.binary(min_size=1, max_size=2000), max_size=5))
def test_whatever_comes_goes(packets):
    units = Units()
    for packet in packets:
        push(Depacketizer(units), packet, 1)
    assert units.parts == [(packet,) for packet in packets]
    assert packetize(packets, 1388) == [packet for packet in packets if len(packet) <= 1388]
