"""Who proved himself lately from where: lets RTSP clients in that send no credentials, where `[clients]` allows it.

An address stands for whoever is behind it, so this suits recorders with an address of their own, and nobody behind a
NAT. Pure: `now` is an argument.
"""

from collections import OrderedDict

from bridge.base.time import NS_PER_S, MonotonicNs

LIFETIME_NS = 600 * NS_PER_S
"""Recorders ask ONVIF something every minute or more often; whoever went away is forgotten soon."""

TABLE_SIZE = 1000


class Vouchers:
    """At most TABLE_SIZE addresses; the one that proved nothing for longest goes first."""

    def __init__(self) -> None:
        self._proven: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def prove(self, address: str, user: str, now: MonotonicNs) -> None:
        """`user` logged in from `address`. Another user there takes his place."""
        self._proven[address] = user, now + LIFETIME_NS
        self._proven.move_to_end(address)
        if len(self._proven) > TABLE_SIZE:
            self._proven.popitem(last=False)

    def user_at(self, address: str, now: MonotonicNs) -> str | None:
        """Who may be there; None: nobody that we know of."""
        user, until_ns = self._proven.get(address, ("", 0))
        return user if now < until_ns else None
