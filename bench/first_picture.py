"""How long a viewer waits for its first picture: from sending PLAY to the last packet of a key frame."""

import time
from collections.abc import Callable
from typing import Any

from bench import viewers
from bench.fanout import bridge, camera

_PER_SECOND = 4.7
"""Not a whole fraction of the frame rate: the joins lie all over the pictures as well as all over the GOP."""


def run(*, count: int, say: Callable[[str], None], gop: int = 250) -> list[dict[str, Any]]:
    """`count` viewers join in turn all over a GOP of 10 s: over TCP, and over UDP with its paced catch-up.

    UDP sockets have the receive buffer of a player, so a catch-up that overruns it shows as `lost_ever`. `live_ms` is
    the time until the first picture that is not of the past.
    """
    rows = []
    with camera(gop) as url, bridge(url) as (_, target):
        time.sleep(gop / 25)  # once the hub holds a whole GOP
        for transport in ("tcp", "udp"):
            with viewers.sink() as sink:
                receive_bytes = viewers.PLAYERS_RECEIVE_BYTES
                viewers.open_many(target, count, transport, sink, per_second=_PER_SECOND, receive_bytes=receive_bytes)
                time.sleep(2)
                result = sink.measure(2)
            rows.append({"transport": transport, "viewers": count, "gop_s": gop / 25} | result)
            say(
                f"first picture, {transport}: p50 {result['first_picture_ms_p50']:.0f} ms, "
                f"p99 {result['first_picture_ms_p99']:.0f} ms; live after {result['live_ms_p99']:.0f} ms, "
                f"lost {result['lost_ever']}"
            )
    return rows
