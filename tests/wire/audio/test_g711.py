"""G.711: a packet is an access unit."""

from bridge.wire.audio.g711 import MAX_UNIT_BYTES, Depacketizer, packetize
from tests.wire.units import Units, push


def test_a_packet_is_a_unit_whatever_its_marker_says():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, b"a" * 160, 0, True)
    push(depacketizer, b"b" * 160, 160, False)
    depacketizer.lost()
    push(depacketizer, b"", 320)
    push(depacketizer, b"c" * 160, 480)
    depacketizer.flush()
    assert units == [(n, (letter * 160,), True, False) for n, letter in ((0, b"a"), (160, b"b"), (480, b"c"))]
    assert not depacketizer.open


def test_long_packets_become_several_units():
    for channels in (1, 2, 6):
        units = Units()
        data = bytes(range(240)) * 15
        push(Depacketizer(units, channels=channels), data, 0xFFFFFFFF)
        assert b"".join(parts[0] for parts in units.parts) == data
        step = MAX_UNIT_BYTES // channels
        assert [unit[0] for unit in units] == [0xFFFFFFFF, step - 1, 2 * step - 1]
        assert all(len(payload) <= MAX_UNIT_BYTES for parts in units.parts for payload in packetize(parts, 1400))


def test_packetize():
    assert packetize([b"abc"], 1400) == [b"abc"]
    assert packetize([b"abc", b""], 2) == []
