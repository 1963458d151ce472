"""Any bytes as RTCP: values or RemoteProtocolError; what was parsed is written so that it is parsed again."""

from bridge.base.errors import RemoteProtocolError
from bridge.wire import rtcp

_BLOCK = rtcp.ReportBlock(7, 1, -2, 3, 4, 5, 6)
SEEDS = [
    rtcp.encode([rtcp.SenderReport(7, 1 << 63, 90000, 1, 2, (_BLOCK,)), rtcp.Sdes(7, "onb")]),
    rtcp.encode([rtcp.ReceiverReport(7, (_BLOCK, _BLOCK)), rtcp.Bye((7, 8), "over")]),
]


def run(data: bytes) -> None:
    """Parses, and parses again what is written of it."""
    try:
        packets = rtcp.parse(data)
    except RemoteProtocolError:
        return
    for packet in packets:
        # Text that was not UTF-8 may have become longer than its length byte can tell.
        if isinstance(packet, rtcp.SenderReport | rtcp.ReceiverReport) or data.isascii():
            assert rtcp.parse(rtcp.encode([packet])) == [packet]
