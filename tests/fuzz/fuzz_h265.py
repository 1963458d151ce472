"""Any bytes as H.265 payloads and parameter sets: units within bounds, values or RemoteProtocolError."""

from bridge.base.errors import RemoteProtocolError
from bridge.wire.h265 import nal, rtp
from tests.fuzz.payloads import MAX_UNIT_BYTES, MAX_UNIT_PARTS, check_unit, push_all, seed

_VPS = bytes.fromhex("40010c01ffff01600000030090000003000003001eba0240")
_SPS = bytes.fromhex("42010101600000030090000003000003001ea02083165ba4a4c2e68080000003008000000c84")
_PPS = bytes.fromhex("4401c0718112")

# Parameter sets of x265; a unit in fragments; an aggregate; start codes left in.
SEEDS = [
    _VPS,
    _SPS,
    _PPS,
    seed(rtp.packetize([_VPS, _SPS, _PPS, b"\x26\1\xaf" + b"slice" * 30], 60)),
    seed([b"\x60\1\0" + bytes((len(_PPS),)) + _PPS]),
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
    nal.parse_vps_frame_rate(data)
