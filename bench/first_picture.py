"""How long a viewer waits for its first picture: from sending PLAY to the last packet of a key frame."""

import time
from typing import Any

from bench import viewers
from bench.fanout import bridge, camera


def run(*, count: int, gop: int = 250) -> list[dict[str, Any]]:
    """`count` viewers join in turn all over a GOP of 10 s: over TCP, and over UDP with its paced catch-up."""
    rows = []
    with camera(gop) as url, bridge(url) as (_, target):
        time.sleep(gop / 25)  # once the hub holds a whole GOP
        for transport in ("tcp", "udp"):
            with viewers.sink() as sink:
                viewers.open_many(target, count, transport, sink, per_second=5)
                time.sleep(2)
                result = sink.measure(2)
            rows.append({"transport": transport, "gop_s": gop / 25} | result)
    return rows
