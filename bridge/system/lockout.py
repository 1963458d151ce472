"""Slows down who guesses passwords. Pure: `now` is an argument.

After `burst` failures each try waits for `pause_ns`, and every `pause_ns` one failure is forgotten: the generic cell
rate algorithm (ITU-T I.371), one integer a key. Two keys count: the pair of address and user, and the address alone
with ADDRESS_FACTOR times the burst, so that trying many names from one address is slow too. The user alone is no key:
anybody could lock him out then.

A pair that logged in correctly is not held up by what others do at its address (many clients sit behind one NAT).
Doors ask before they look at the password, and answer as for a wrong one while locked. A digest challenge without
credentials, or with a stale nonce, is no failure.
"""

import ipaddress
from collections import OrderedDict
from functools import lru_cache

from bridge.base.time import MonotonicNs

ADDRESS_FACTOR = 3
TABLE_SIZE = 10_000


class Lockout:
    """The table of failures. It holds `size` keys; the one untouched for longest goes first, counted in `evicted`."""

    def __init__(self, burst: int, pause_ns: int, *, size: int = TABLE_SIZE) -> None:
        """burst: limits.login_failures; pause_ns: limits.login_pause."""
        self._burst = burst
        self._pause_ns = pause_ns
        self._size = size
        self._free_ns: OrderedDict[tuple[str, str | None], int] = OrderedDict()
        self._trusted: OrderedDict[tuple[str, str | None], None] = OrderedDict()
        self.evicted = 0

    def delay_ns(self, address: str, user: str, now: MonotonicNs) -> int:
        """How long this address must not try this user any more; 0: it may now."""
        network = _network(address)
        pair = self._wait_ns((network, user), self._burst, now)
        if (network, user) in self._trusted:
            return pair
        return max(pair, self._wait_ns((network, None), self._burst * ADDRESS_FACTOR, now))

    def locked(self, address: str, user: str, now: MonotonicNs) -> bool:
        """Whether it must wait."""
        return self.delay_ns(address, user, now) > 0

    def failed(self, address: str, user: str, now: MonotonicNs) -> None:
        """A wrong password, or a user who is not there (the two must look alike)."""
        network = _network(address)
        for key, burst in (((network, user), self._burst), ((network, None), self._burst * ADDRESS_FACTOR)):
            # Failures while locked do not add up: the wait stays one pause, however hard somebody tries.
            most = now + burst * self._pause_ns
            self._free_ns[key] = min(max(self._free_ns.get(key, now), now) + self._pause_ns, most)
            self._free_ns.move_to_end(key)
        while len(self._free_ns) > self._size:
            self._free_ns.popitem(last=False)
            self.evicted += 1

    def succeeded(self, address: str, user: str, now: MonotonicNs) -> None:
        """A correct password: the pair starts anew and is trusted at this address."""
        key = (_network(address), user)
        self._free_ns.pop(key, None)
        self._trusted[key] = None
        self._trusted.move_to_end(key)
        if len(self._trusted) > self._size:
            self._trusted.popitem(last=False)

    def _wait_ns(self, key: tuple[str, str | None], burst: int, now: MonotonicNs) -> int:
        free_ns = self._free_ns.get(key)
        # n failures put the key n pauses ahead of now; it may try again once at most burst - 1 of them are left.
        return 0 if free_ns is None else max(0, free_ns - now - (burst - 1) * self._pause_ns)


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """IPv6 hosts own a /64 and change their address in it at will; an IPv4 address in IPv6 clothes is the IPv4 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)
