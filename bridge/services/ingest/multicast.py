"""The sockets of a camera's multicast groups: joined on the network that the camera is on, and for the camera alone.

We only listen there. Receivers may send reports to the group (RFC 3550 6), but then cameras could name whom we send to.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Collection

from bridge.dialogue.rtsp_group import CameraGroup
from bridge.services.ingest.udp import RECEIVE_BUFFER_BYTES, UdpPair

#: linux/in.h; Python 3.11 does not name them.
_IP_MULTICAST_ALL = 49
_IP_ADD_SOURCE_MEMBERSHIP = 39


def join_group(group: CameraGroup, interface: str, sources: Collection[str] | None) -> UdpPair:
    """Joins; closing the pair leaves. Raises OSError.

    interface: the address of ours that reaches the camera
    sources:   whose packets are wanted (RFC 4607), as far as these are IPv4 addresses; None: anybody's
    """
    with contextlib.ExitStack() as undo:
        opened = [
            undo.enter_context(contextlib.closing(_joined(group, port, interface, sources))) for port in group.ports
        ]
        undo.pop_all()
    return UdpPair(opened[0], opened[1])


def _joined(group: CameraGroup, port: int, interface: str, sources: Collection[str] | None) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        # Two streams of ours may come from one group.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        # Not what others on this host have joined; and bound to the group, so nothing that is sent to us alone.
        opened.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        opened.bind((group.host, port))
        _join(opened, socket.inet_aton(group.host), socket.inet_aton(interface), _ipv4(sources or ()))
    except OSError:
        opened.close()
        raise
    return opened


def _join(opened: socket.socket, host: bytes, interface: bytes, sources: list[bytes]) -> None:
    try:
        for source in sources:
            opened.setsockopt(socket.IPPROTO_IP, _IP_ADD_SOURCE_MEMBERSHIP, host + interface + source)
        if sources:
            return
    except OSError:
        # A kernel or an interface that knows nothing of sources: `Senders` sorts them out.
        pass
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, host + interface)


def _ipv4(hosts: Collection[str]) -> list[bytes]:
    """Those that are IPv4 addresses, in a stable order."""
    found = set()
    for host in hosts:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.IPv4Address(host).packed)
    return sorted(found)
