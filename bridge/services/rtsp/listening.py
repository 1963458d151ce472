"""Listening on the addresses of the configuration, where `0.0.0.0` and `::` may stand side by side on one port."""

import errno
import socket
from collections.abc import Sequence
from typing import Any

import structlog
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

BACKLOG = 512
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen_tcp(reactor: Any, factory: Factory, hosts: Sequence[str], port: int) -> list[IListeningPort]:
    """Listens on every host; port 0: one port that the system picks, the same for all.

    reactor: provides IReactorSocket. Raises CannotListenError, after freeing what was bound. `::` on a machine without
    IPv6 is left out, with a line in the log, as long as another host is there.
    """
    opened: list[socket.socket] = []
    try:
        for host in hosts:
            try:
                opened.append(_bound(host, port))
            except OSError as error:
                if host == "::" and error.errno in _NO_SUCH_FAMILY and len(hosts) > 1:
                    structlog.get_logger().info("no IPv6 here: not listening on ::", door="rtsp")
                    continue
                raise CannotListenError(host, port, error) from error
            port = opened[-1].getsockname()[1]
        # The reactor duplicates the descriptor; ours is closed below.
        return [reactor.adoptStreamPort(each.fileno(), each.family, factory) for each in opened]
    finally:
        for each in opened:
            each.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Without it `::` takes IPv4 too, and 0.0.0.0 beside it is "in use".
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setblocking(False)
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
