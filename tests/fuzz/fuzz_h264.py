"""Any bytes as H.264 payloads and parameter sets: units within bounds, values or RemoteProtocolError."""

from bridge.base.errors import RemoteProtocolError
from bridge.wire.h264 import nal, rtp
from tests.fuzz.payloads import MAX_UNIT_BYTES, MAX_UNIT_PARTS, check_unit, push_all, seed

_SPS = bytes.fromhex("6764000aacb423d080000003008000001947891350")
_PPS = bytes.fromhex("68ce0fc40c")

# Parameter sets of x264; a unit in fragments; an aggregate; start codes left in.
SEEDS = [
    _SPS,
    _PPS,
    seed(rtp.packetize([_SPS, _PPS, b"\x65\x88" + b"slice" * 30], 60)),
    seed([b"\x78\0" + bytes((len(_PPS),)) + _PPS]),
    seed([b"\0\0\0\1" + _SPS + b"\0\0\0\1" + _PPS]),
]


def run(data: bytes) -> None:
    """The same bytes as a parameter set, as payloads, and as a NAL unit to be sent."""
    try:
        sps = nal.parse_sps(data)
        assert sps.width > 0
        assert sps.height > 0
    except RemoteProtocolError:
        pass
    push_all(rtp.Depacketizer(check_unit, max_unit_bytes=MAX_UNIT_BYTES, max_unit_parts=MAX_UNIT_PARTS), data)
    assert all(len(payload) <= 20 for payload in rtp.packetize([data], 20))
