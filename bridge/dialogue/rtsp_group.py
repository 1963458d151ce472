"""The multicast group that a camera names for a track (RFC 2326 12.39, C.1.7): read, or refused as none for us.

What a camera names we join, and ask every switch on the way for. So it must be a group that streams may have: not one
of those by which routers, hosts and services find each other.
"""

import ipaddress
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError
from bridge.wire.rtsp.headers import Transport

_ALL = ipaddress.IPv4Network("224.0.0.0/4")
#: RFC 5771 4 and 5: routing protocols, mDNS, IGMP itself; NTP, SLP and the like.
_CONTROL = (ipaddress.IPv4Network("224.0.0.0/24"), ipaddress.IPv4Network("224.0.1.0/24"))
#: SSDP and WS-Discovery (RFC 2365 9): what comes there is no stream.
_DISCOVERY = ipaddress.IPv4Address("239.255.255.250")

_FIRST_PORT = 1024


@dataclass(frozen=True, slots=True)
class CameraGroup:
    """Where a camera sends a track to.

    ports: of RTP and RTCP
    """

    host: str
    ports: tuple[int, int]


@dataclass(frozen=True, slots=True)
class DescribedPlace:
    """What the SDP says of where a track is sent: for cameras that do not repeat it in SETUP's answer.

    connection: value of `c=`; port: of `m=`, 0 when there is none
    """

    connection: str = ""
    port: int = 0


NOWHERE = DescribedPlace()


def camera_group(granted: Transport, described: DescribedPlace) -> CameraGroup:
    """The group that SETUP's answer grants. Raises RemoteProtocolError when it grants none that we join."""
    if not granted.multicast and (granted.server_port or granted.interleaved):
        raise RemoteProtocolError("SETUP asked for multicast, the camera set up unicast", clause="RFC 2326 12.39")
    host = granted.destination or _connection_address(described.connection)
    # Some say client_port, as if it were unicast.
    ports = granted.port or granted.client_port or ((described.port, described.port + 1) if described.port else None)
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or address not in _ALL or address == _DISCOVERY or any(address in net for net in _CONTROL):
        raise _refused(f"the camera names the group {host[:60]!r}", "an IPv4 multicast address of a stream")
    if ports is None or ports[0] == ports[1] or not all(_FIRST_PORT <= port <= 65_535 for port in ports):
        raise _refused(f"the camera names the ports {ports}", f"two from {_FIRST_PORT} to 65535")
    return CameraGroup(str(address), ports)


def _connection_address(connection: str) -> str:
    """`IN IP4 239.1.2.3/127` -> `239.1.2.3`; "" when there is none."""
    words = connection.split()
    return words[2].partition("/")[0] if len(words) >= 3 else ""


def _refused(what: str, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{what}; expected {expected}", clause="RFC 2326 12.39")
