"""Any bytes as payloads of Opus, G.726, LATM and metadata: units within bounds, nothing is left over."""

import contextlib

from bridge.base.errors import RemoteProtocolError
from bridge.wire import marked_units
from bridge.wire.audio import g711, g726, latm, opus
from tests.fuzz.payloads import MAX_UNIT_BYTES, push_all, seed

SEEDS = [
    bytes.fromhex("400028103fc0"),
    seed([b"\x08opus"]),
    seed(marked_units.packetize([b"<tt:MetadataStream/>" * 5], 30)),
]


def run(data: bytes) -> None:
    """The same bytes as a configuration and as payloads of each."""
    with contextlib.suppress(RemoteProtocolError):
        assert latm.parse_config(data).sample_rate > 0
    units: list[bytes] = []

    def sink(timestamp: int, parts: tuple[bytes, ...], key: bool, damaged: bool) -> None:
        (unit,) = parts
        assert unit
        units.append(unit)

    push_all(opus.Depacketizer(sink), data)
    assert sum(map(len, units)) <= len(data)
    units.clear()
    push_all(g726.Depacketizer(sink, name=b"G726-24"), data)
    assert all(len(unit) <= g711.MAX_UNIT_BYTES for unit in units)
    units.clear()
    push_all(marked_units.Depacketizer(sink, max_unit_bytes=MAX_UNIT_BYTES), data)
    assert all(len(unit) <= MAX_UNIT_BYTES for unit in units)
