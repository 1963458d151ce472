"""What this machine is called and which addresses it has: what a certificate of its doors must name.

Read from the kernel (netdevice(7), proc(5)) and the resolver; what cannot be read is left out.
"""

import array
import contextlib
import fcntl
import ipaddress
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_NAMES = 100
"""A host of containers may have thousands of addresses; every handshake carries them all."""

FQDN_WAIT_S = 1.0
"""A resolver that does not answer takes ten seconds and more to say so, and nothing may start that late."""

_SIOCGIFCONF = 0x8912
_IFREQ_BYTES = 40
_IFREQS = 256
_IFA_TEMPORARY, _IFA_TENTATIVE = 0x01, 0x40  # linux/if_addr.h
_LABEL_BYTES = 63


@dataclass(frozen=True, slots=True)
class HostNames:
    """dns: in lower case, without a final dot; addresses: without zones. Each once, the most telling first."""

    dns: tuple[str, ...]
    addresses: tuple[Address, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them, for people."""
        return (*self.dns, *map(str, self.addresses))

    def missing_in(self, other: "HostNames") -> tuple[str, ...]:
        """Those of ours that the other has not."""
        return tuple(name for name in self.texts if name not in other.texts)


def names_of_host(public: str = "", root: Path = Path("/")) -> HostNames:
    """This machine's, and the name or address that it has outside. May wait FQDN_WAIT_S for the resolver.

    root: where proc lies; tests give a folder of their own
    """
    hostname = socket.gethostname()
    return gathered([public, hostname, _fqdn(hostname), "localhost"], [*_ipv4_addresses(), *_ipv6_addresses(root)])


def gathered(names: Iterable[str], addresses: Iterable[Address]) -> HostNames:
    """Names that are addresses count as such; what no certificate can hold is left out."""
    dns: list[str] = []
    found: list[Address] = []
    for name in names:
        try:
            found.append(ipaddress.ip_address(name))
        except ValueError:
            if _is_dns_name(plain := name.rstrip(".").lower()):
                dns.append(plain)
    loopback: list[Address] = [ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")]
    own = [address for address in addresses if not address.is_loopback]
    kept = tuple(dict.fromkeys(dns))[:MOST_NAMES]
    every = tuple(dict.fromkeys([*found, *own]))[: MOST_NAMES - len(loopback)]
    return HostNames(kept, tuple(dict.fromkeys([*every, *loopback])))


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    return 0 < len(name) <= 253 and all(
        0 < len(label) <= _LABEL_BYTES and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def _fqdn(hostname: str) -> str:
    """What the resolver calls this host; "" when it takes longer than we wait."""
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(socket.getfqdn(hostname)), daemon=True)
    asking.start()
    asking.join(FQDN_WAIT_S)
    return found[0] if found else ""


def _ipv4_addresses() -> Iterator[ipaddress.IPv4Address]:
    """Of every interface, second addresses included."""
    buffer = array.array("B", bytes(_IFREQS * _IFREQ_BYTES))
    request = bytearray(struct.pack("iP", len(buffer), buffer.buffer_info()[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        fcntl.ioctl(probe.fileno(), _SIOCGIFCONF, request)
        (length,) = struct.unpack_from("i", request)
        for at in range(0, length, _IFREQ_BYTES):
            yield ipaddress.IPv4Address(buffer[at + 20 : at + 24].tobytes())


def _ipv6_addresses(root: Path) -> Iterator[ipaddress.IPv6Address]:
    """proc(5), /proc/net/if_inet6. Those that change by the day (RFC 8981) would ask for a new certificate each day."""
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/net/if_inet6").read_text("ascii", "replace").splitlines():
            fields = line.split()
            if len(fields) == 6 and not int(fields[4], 16) & (_IFA_TEMPORARY | _IFA_TENTATIVE):
                yield ipaddress.IPv6Address(bytes.fromhex(fields[0]))
