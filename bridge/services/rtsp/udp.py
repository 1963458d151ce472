"""RTP and RTCP by UDP from a pair of ports that all viewers share. (Being written: the interface stands.)"""

from collections.abc import Callable, Sequence
from typing import Any

from bridge.media.routes import Address, DatagramSender


class UdpPorts(DatagramSender):
    """One even/odd pair bound to one of our addresses; what `bridge.media.routes.Datagrams.sender` takes."""

    ports: tuple[int, int]


class UdpSender:
    """The pairs of the server: one for each address that it is bound to."""

    def __init__(
        self,
        reactor: Any,
        hosts: Sequence[str],
        *,
        on_report: Callable[[str, int], object] = lambda host, port: None,
    ) -> None:
        """hosts: addresses to bind (`0.0.0.0`, `::`, …); on_report: a client at (host, port) sent RTCP: a keepalive."""
        raise NotImplementedError

    def ports_for(self, local_host: str, peer_host: str) -> UdpPorts | None:
        """The pair that serves a viewer whose RTSP connection joins these addresses; None: none of that family."""
        raise NotImplementedError

    @staticmethod
    def address(host: str, port: int) -> Address:
        """What `Datagrams` wants: the kernel's form of an address and port."""
        raise NotImplementedError

    def close(self) -> None:
        """Frees the ports."""
        raise NotImplementedError
