"""Which multicast group and ports each stream has, made of its name, so that they stay over restarts and reloads.

A group of its own for each stream while the range has one, and in any case ports of its own: a receiver's socket hears
all groups of its port that its host has joined (ip(7), IP_MULTICAST_ALL). Where names fall on the same place, the
camera that stands first in the configuration has it, the other one the next that is free.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

from bridge.base.media import Medium
from bridge.system.catalogue import Catalogue

#: Below the ports that Linux gives to sockets that ask for none (from 32,768 on).
FIRST_PORT = 16_384

#: A pair for each medium, and one that is left over.
PORTS_PER_STREAM = 8
PLACES = 2_048

_PAIRS = {Medium.VIDEO: 0, Medium.AUDIO: 2, Medium.METADATA: 4}


@dataclass(frozen=True, slots=True)
class Group:
    """Where the tracks of one stream go.

    host: an IPv4 multicast address
    ttl:  how many routers the packets may pass
    """

    host: str
    first_port: int
    ttl: int

    def ports(self, medium: Medium) -> tuple[int, int]:
        """The ports of RTP and RTCP of the stream's track of that kind."""
        port = self.first_port + _PAIRS[medium]
        return port, port + 1


class MulticastGroups:
    """The groups of the catalogue's streams. A stream that stays keeps its group, whatever comes and goes beside it."""

    def __init__(self, catalogue: Catalogue, network: str, ttl: int) -> None:
        """network: an IPv4 multicast network, `239.192.0.0/16`"""
        self._catalogue = catalogue
        self._network = IPv4Network(network)
        self._ttl = ttl
        self._taken: dict[tuple[str, str], tuple[int, int]] = {}
        catalogue.watch(self._rebuild)
        self._rebuild()

    def of(self, camera_id: str, stream_name: str) -> Group | None:
        """The group of that stream; None: there is no such stream, or the range has no place left for it."""
        taken = self._taken.get((camera_id, stream_name))
        if taken is None:
            return None
        address, place = taken
        return Group(str(self._network[address]), FIRST_PORT + PORTS_PER_STREAM * place, self._ttl)

    def _rebuild(self) -> None:
        names = [(camera.id, stream.name) for camera in self._catalogue.cameras() for stream in camera.streams]
        self._taken = {name: self._taken[name] for name in names if name in self._taken}
        for name in names:
            if name not in self._taken and (chosen := self._choose("/".join(name))) is not None:
                self._taken[name] = chosen

    def _choose(self, name: str) -> tuple[int, int] | None:
        digest = hashlib.sha256(name.encode()).digest()
        wanted, wanted_place = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
        pairs = set(self._taken.values())
        addresses, places = {address for address, _ in pairs}, {place for _, place in pairs}
        size = self._network.num_addresses
        address = _next_free(wanted % size, size, addresses.__contains__)
        if address is None:
            address = wanted % size
        place = _next_free(wanted_place % PLACES, PLACES, places.__contains__)
        if place is None:
            place = _next_free(wanted_place % PLACES, PLACES, lambda at: (address, at) in pairs)
        return None if place is None else (address, place)


def _next_free(first: int, count: int, is_taken: Callable[[int], bool]) -> int | None:
    """`first`, or the next one in the circle of `count`; None when all are taken. As many steps as there are taken."""
    return next((at for step in range(count) if not is_taken(at := (first + step) % count)), None)
