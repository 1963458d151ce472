"""What waits to be written on one connection, and what a viewer that cannot keep up loses. (Interface; being written.)"""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What has gone out on one track of one viewer; octets of RTP payload, as sender reports count them."""

    units: int = 0
    packets: int = 0
    octets: int = 0


class Flow:
    """The media of one playback as its connection's outbox sees them."""
