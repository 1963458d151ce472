"""Any bytes as AAC payloads and configuration: frames, values or RemoteProtocolError."""

import contextlib

from bridge.base.errors import RemoteProtocolError
from bridge.wire.audio import aac
from tests.fuzz.payloads import push_all, seed

SEEDS = [
    b"\x11\x90",
    b"\x2b\x92\x08",
    seed(aac.packetize([b"frame" * 20], 30)),
    seed([bytes.fromhex("0030 0010 0018 0008") + b"abcdef"]),
]


def run(data: bytes) -> None:
    """The same bytes as configuration and as payloads."""
    with contextlib.suppress(RemoteProtocolError):
        assert aac.parse_config(data).sample_rate > 0
    frames: list[tuple[bytes, ...]] = []
    push_all(aac.Depacketizer(lambda timestamp, parts, key, damaged: frames.append(parts)), data)
    assert all(len(parts) == 1 and 0 < len(parts[0]) <= aac.MAX_FRAME_BYTES for parts in frames)
