"""Facts of the host that the device service tells: name, interfaces, name servers, routes, time servers, time zone.

Read from /sys, /proc and /etc of Linux; what cannot be read is told as empty. Nothing here is ever changed by us.
"""

import contextlib
import datetime as dt
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

from bridge.base.time import NS_PER_S

_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B
_IFF_UP = 0x1
_ARPHRD_ETHER = "1"
_KEPT_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    mac:       `02:42:ac:11:00:02`
    addresses: with their prefix lengths
    """

    name: str
    mac: str
    mtu: int
    up: bool
    addresses: tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of the host.

    interfaces: real ones (those of containers and bridges only where there is no other), the one that leads outside
                last: clients such as Home Assistant take the last one's hardware address as the device's identity
    posix_tz:   `CET-1CEST,M3.5.0,M10.5.0/3`
    local_time: UTC seconds -> local time and whether daylight saving is on
    """

    hostname: str = "onb"
    interfaces: tuple[Interface, ...] = ()
    search_domains: tuple[str, ...] = ()
    name_servers: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    posix_tz: str = "UTC0"
    local_time: Callable[[int], tuple[dt.datetime, bool]] = field(
        default=lambda utc_s: (dt.datetime.fromtimestamp(utc_s, dt.UTC), False)
    )


class Host:
    """`HostFacts` of this machine, read again when they are older than a minute."""

    def __init__(self, root: Path = Path("/")) -> None:
        """root: where sys, proc and etc lie; tests give a folder of their own."""
        self._root = root
        self._facts: HostFacts | None = None
        self._read_ns = 0

    def facts(self, now_ns: int) -> HostFacts:
        """now_ns: any clock in nanoseconds, the same at each call."""
        if self._facts is None or not 0 <= now_ns - self._read_ns < _KEPT_NS:
            self._facts, self._read_ns = read_host(self._root), now_ns
        return self._facts


def read_host(root: Path = Path("/")) -> HostFacts:
    """Reads everything anew."""
    outward, gateways = _routes(root)
    search, servers = _resolver(root)
    return HostFacts(
        socket.gethostname()[:64] or "onb",
        _interfaces(root, outward),
        search,
        servers,
        gateways,
        _time_servers(root),
        _posix_tz(root),
        _local_time,
    )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace")[:65536].splitlines()
    except OSError:
        return []


def _word(path: Path) -> str:
    return (_lines(path) or [""])[0].strip()


def _interfaces(root: Path, outward: str) -> tuple[Interface, ...]:
    folder = root / "sys/class/net"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    names = [name for name in names if _word(folder / name / "type") == _ARPHRD_ETHER]
    # Bridges and the ends of containers' cables come and go and change their hardware addresses.
    real = [name for name in names if (folder / name / "device").exists() or name == outward]
    ipv6 = _ipv6_addresses(root)
    found = []
    for name in sorted(real or names[:1], key=lambda name: (name == outward, name)):
        flags = int(_word(folder / name / "flags") or "0", 16)
        mtu = int(_word(folder / name / "mtu") or "0")
        all_addresses = (*_ipv4_addresses(name), *ipv6.get(name, ()))
        mac = _word(folder / name / "address")
        if mac:
            found.append(Interface(name, mac, mtu, bool(flags & _IFF_UP), all_addresses))
    return tuple(found)


def _ipv4_addresses(name: str) -> Iterator[ipaddress.IPv4Interface]:
    """The first address of the interface: the kernel tells no more in this way, and ONVIF clients ask for no more."""
    request = struct.pack("256s", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        address, mask = (
            socket.inet_ntoa(ioctl(probe.fileno(), code, request)[20:24]) for code in (_SIOCGIFADDR, _SIOCGIFNETMASK)
        )
        yield ipaddress.IPv4Interface(f"{address}/{mask}")


def _ipv6_addresses(root: Path) -> dict[str, list[ipaddress.IPv6Interface]]:
    """proc(5), /proc/net/if_inet6: address, index, prefix length, scope, flags, name."""
    found: dict[str, list[ipaddress.IPv6Interface]] = {}
    for line in _lines(root / "proc/net/if_inet6"):
        fields = line.split()
        if len(fields) == 6:
            with contextlib.suppress(ValueError):
                address = ipaddress.IPv6Address(bytes.fromhex(fields[0]))
                found.setdefault(fields[5], []).append(ipaddress.IPv6Interface((address, int(fields[2], 16))))
    return found


def _routes(root: Path) -> tuple[str, tuple[str, ...]]:
    """The interface of the default route, and the gateways; proc(5), /proc/net/route and ipv6_route."""
    outward, gateways = "", []
    for line in _lines(root / "proc/net/route")[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and len(fields[2]) == 8:
            outward = outward or fields[0]
            gateways.append(str(ipaddress.IPv4Address(bytes.fromhex(fields[2])[::-1])))
    for line in _lines(root / "proc/net/ipv6_route"):
        fields = line.split()
        if len(fields) == 10 and fields[0] == "0" * 32 and fields[1] == "00" and fields[4] != "0" * 32:
            outward = outward or fields[9]
            gateways.append(str(ipaddress.IPv6Address(bytes.fromhex(fields[4]))))
    return outward, tuple(dict.fromkeys(gateways))


def _resolver(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Search domains and name servers; resolv.conf(5)."""
    search: tuple[str, ...] = ()
    servers = []
    for line in _lines(root / "etc/resolv.conf"):
        words = line.split()
        if len(words) > 1 and words[0] in ("search", "domain"):
            search = tuple(word for word in words[1:] if word != ".")
        elif len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                servers.append(str(ipaddress.ip_address(words[1].partition("%")[0])))
    return search, tuple(servers)


def _time_servers(root: Path) -> tuple[str, ...]:
    """As far as systemd-timesyncd, chrony or ntpd are configured in the usual places."""
    found: list[str] = []
    for line in _lines(root / "etc/systemd/timesyncd.conf"):
        if line.startswith(("NTP=", "FallbackNTP=")):
            found += line.partition("=")[2].split()
    for file in ("etc/chrony/chrony.conf", "etc/chrony.conf", "etc/ntpsec/ntp.conf", "etc/ntp.conf"):
        for line in _lines(root / file):
            words = line.split()
            if len(words) > 1 and words[0] in ("server", "pool", "peer"):
                found.append(words[1])
    return tuple(dict.fromkeys(found))


def _posix_tz(root: Path) -> str:
    """The last line of a TZif file of version 2 and later is its rule in POSIX form (RFC 9636 3.3)."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        data = (root / "etc/localtime").read_bytes()
        if data.startswith(b"TZif") and data.endswith(b"\n"):
            return data[:-1].rpartition(b"\n")[2].decode("ascii") or "UTC0"
    return "UTC0"


def _local_time(utc_s: int) -> tuple[dt.datetime, bool]:
    local = dt.datetime.fromtimestamp(utc_s, dt.UTC).astimezone()
    return local, time.localtime(utc_s).tm_isdst > 0
