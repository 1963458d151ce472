"""Multicast as the RTSP door sends it: from which of our addresses, and what stands on the packets.

Packets leave on the network from which the client came: on the interface of the address that he called, with that
address as their source, so that receivers may join for it alone (RFC 4607). Who comes from another network starts a
sending of his own there. Reports of receivers go to the group, which we have not joined: they keep no session (ONVIF
Streaming specification 5.2.2.3 has it so for unicast alone), its client's requests do.
"""

import socket
from dataclasses import dataclass
from typing import Any

import structlog

from bridge.services.rtsp.udp import UdpPorts

#: Addresses of ours that multicast goes out from: more than a host has networks.
MAX_WAYS_OUT = 64


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands on every packet.

    ttl:  routers that it may pass
    dscp: its class of service (RFC 2474), 0 to 63
    """

    ttl: int = 1
    dscp: int = 0


class MulticastPorts(UdpPorts):
    """A pair that sends to groups on the interface of `host`, an IPv4 address. Raises OSError."""

    def __init__(self, host: str, marks: Marks) -> None:
        super().__init__(host, lambda host, port: None)
        try:
            for opened in self.sockets:
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, marks.ttl)
                # Viewers on this machine hear it too.
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, marks.dscp << 2)
        except OSError:
            self.close()
            raise


class WaysOut:
    """The pairs of the server, opened when the first client comes by an address of ours; at most MAX_WAYS_OUT."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorFDSet; test reactors provide parts of it
        marks: Marks,
    ) -> None:
        self._reactor = reactor
        self._marks = marks
        self._pairs: dict[str, MulticastPorts] = {}

    def ports_for(self, local_host: str) -> MulticastPorts | None:
        """The pair for clients who called us by that IPv4 address; None: it cannot be had, and the log says why."""
        pair = self._pairs.get(local_host)
        if pair is None and len(self._pairs) < MAX_WAYS_OUT:
            try:
                pair = MulticastPorts(local_host, self._marks)
            except OSError as error:
                structlog.get_logger().warning("no multicast from here", address=local_host, error=str(error))
                return None
            self._pairs[local_host] = pair
            pair.start(self._reactor)
        return pair

    @property
    def lost_sends(self) -> int:
        """Sends that the kernel refused, over all pairs."""
        return sum(pair.lost_sends for pair in self._pairs.values())

    def close(self) -> None:
        """Frees the ports."""
        for pair in self._pairs.values():
            pair.close()
        self._pairs.clear()
