"""G.726: names of rate and packing, units of whole samples."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.audio import g711
from bridge.wire.audio.g726 import SAMPLE_BITS, Depacketizer, packetize, sample_bits
from tests.wire.units import Units, push

# Encoding name, bits a sample; read in both directions.
NAMES = [
    *(("G726-16", 2), ("G726-24", 3), ("G726-32", 4), ("G726-40", 5)),
    *(("AAL2-G726-16", 2), ("AAL2-G726-24", 3), ("AAL2-G726-32", 4), ("AAL2-G726-40", 5)),
]


def test_names():
    assert dict(NAMES) == SAMPLE_BITS
    assert [sample_bits(name.encode()) for name, _ in NAMES] == [bits for _, bits in NAMES]
    assert sample_bits(b"") == sample_bits(b"\xff") == 4


@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_a_packet_is_a_unit(name, bits):
    units = Units()
    depacketizer = Depacketizer(units, name=name.encode())
    for number in range(3):
        push(depacketizer, bytes([number]) * 20 * bits, 160 * number, number == 0)
    assert units == [(160 * number, (bytes([number]) * 20 * bits,), True, False) for number in range(3)]


@pytest.mark.parametrize(("name", "bits"), NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_long_packets_are_cut_between_samples(name, bits, channels):
    units = Units()
    data = bytes(range(240)) * 20
    push(Depacketizer(units, name=name.encode(), channels=channels), data, 0)
    assert b"".join(parts[0] for parts in units.parts) == data
    at = 0
    for timestamp, (part,), *_ in units:
        assert at * 8 == timestamp * bits * channels
        assert packetize([part], g711.MAX_UNIT_BYTES) == [part]
        at += len(part)


def test_what_ffmpeg_encodes_is_decoded_from_units():
    encoder = av.CodecContext.create("g726", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 8000, "mono", "s16", 24_000
    encoder.open()
    frame = av.AudioFrame("s16", "mono", 1600)
    frame.planes[0].update(bytes(1600 * 2))
    frame.sample_rate, frame.pts = 8000, 0
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    units = Units()
    push(Depacketizer(units, name=b"AAL2-G726-24"), data, 0)
    assert b"".join(parts[0] for parts in units.parts) == data
    assert len(data) * 8 // 3 >= 1600


@given(st.sampled_from(sorted(SAMPLE_BITS)), st.integers(1, 8), st.binary(max_size=4000))
def test_whatever_comes_goes(name, channels, data):
    units = Units()
    push(Depacketizer(units, name=name.encode(), channels=channels), data, 0xFFFFFFF0)
    assert b"".join(parts[0] for parts in units.parts) == data
    assert all(len(parts[0]) <= g711.MAX_UNIT_BYTES for parts in units.parts)
