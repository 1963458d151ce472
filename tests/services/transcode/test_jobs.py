"""What goes over a worker's pipes."""

import pytest

from bridge.base.media import Codec
from bridge.services.transcode.jobs import StillJob, decode_job, decode_reply, encode_job, encode_reply, take_message


def test_jobs_and_replies_survive() -> None:
    job = StillJob(Codec.H265, (b"\x40\x01", b"", b"\x26\x01abc"))
    buffer = bytearray(encode_job(job) + encode_reply(b"jpeg") + encode_reply(b"", "why"))
    bodies = [take_message(buffer) for _ in range(3)]
    assert decode_job(bodies[0] or b"") == job
    assert decode_reply(bodies[1] or b"") == (b"jpeg", "")
    assert decode_reply(bodies[2] or b"") == (b"", "why")
    assert take_message(buffer) is None


def test_incomplete_and_absurd_messages() -> None:
    assert take_message(bytearray(b"\0\0\0\5abc")) is None
    with pytest.raises(ValueError, match="at most"):
        take_message(bytearray(b"\xff\xff\xff\xff"))
