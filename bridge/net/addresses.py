"""Under which address a client knows us: what XAddrs and stream URIs carry.

By default the host and port that the client called, since only he knows what is between us; behind NAT the configured
public address. A Host header is a peer's text that we would hand on to others, so only a plain host is taken from it.
"""

import ipaddress
import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?", re.ASCII)
_HOST_HEADER = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^:\[\]/?#@\s]{1,254})(?::(\d{1,5}))?", re.ASCII)
DEFAULT_PORTS = {"http": 80, "https": 443}

Place = tuple[str, int]
"""Address of ours as it stands in a URL ("": any), and port."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """What is configured.

    host: "" for the host that the client called
    onvif_port: of our HTTP door as seen from outside; 0 for the port that the client called
    onvif_tls_port: the same of our HTTPS door
    rtsp_port:  of our RTSP door as seen from outside; 0: closed
    rtsps_port: the same of RTSP over TLS
    """

    rtsp_port: int
    host: str = ""
    onvif_port: int = 0
    onvif_tls_port: int = 0
    rtsps_port: int = 0

    def seen_by(self, host_header: str, scheme: str, local_address: str, local_port: int) -> tuple[str, int]:
        """Host (IPv6 in brackets) and port of the ONVIF door as this client knows it.

        host_header: as received, "" when there was none
        local_*:     the end of the connection that is ours, the last resort
        """
        called = _parse_host(host_header, DEFAULT_PORTS[scheme])
        host, port = called or (bracketed(local_address), local_port)
        fixed = self.onvif_tls_port if scheme == "https" else self.onvif_port
        return bracketed(self.host) if self.host else host, fixed or port


def bracketed(host: str) -> str:
    """As it stands in a URL; an IPv4 address in IPv6 clothes (dual-stack sockets give them) becomes the IPv4 one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped) if address.ipv4_mapped is not None else f"[{address}]"


def _parse_host(header: str, default_port: int) -> tuple[str, int] | None:
    match = _HOST_HEADER.fullmatch(header.strip())
    if match is None:
        return None
    host, port = match[1], int(match[2] or default_port)
    if not 0 < port < 65536:
        return None
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]", port
        except ValueError:
            return None
    return (host, port) if _NAME.fullmatch(host) else None
