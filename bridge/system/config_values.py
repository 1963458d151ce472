"""Texts of the configuration that mean a number or an address: durations, sizes, port ranges, `${NAME}`.

Each function raises `ExpectedError`, whose text says what was expected, in words for the person who wrote the file.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from bridge.base.time import NS_PER_MS, NS_PER_S


class ExpectedError(ValueError):
    """The text is what was expected instead; it completes "expected …" and never holds the value."""


_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)", re.ASCII)
_UNITS_NS = {
    "ms": NS_PER_MS,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "min": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
    "w": 604_800 * NS_PER_S,
}
_UNITS_BYTES = {
    "b": 1,
    **{unit + "b": 1000**power for power, unit in enumerate(("k", "m", "g", "t", "p"), 1)},
    **{unit + "ib": 1024**power for power, unit in enumerate(("k", "m", "g", "t", "p"), 1)},
}
_VARIABLE = re.compile(r"(\$\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_LOCAL_CONTROL = ipaddress.IPv4Network("224.0.0.0/24")
_SCHEDULE = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))? "
    r"(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)",
    re.ASCII,
)

DURATION = 'a duration such as "500ms", "2s", "10m", "1h" or "7d"'
SIZE = 'a number of bytes or a size such as "2GB" (1000s) or "500MiB" (1024s)'
PORT_RANGE = 'a range of ports such as "40001-40099", or "" for none'


def parse_duration(text: str) -> int:
    """`"500ms"` -> nanoseconds. Decimal fractions are exact."""
    match = _AMOUNT.fullmatch(text)
    unit = _UNITS_NS.get(match[2]) if match else None
    if match is None or unit is None:
        raise ExpectedError(DURATION)
    return int(Decimal(match[1]) * unit)


def parse_size(value: str | int) -> int:
    """`"500MiB"` or a whole number -> bytes. Units in any case, as everybody writes them differently."""
    if isinstance(value, int):
        if value < 0:
            raise ExpectedError(SIZE)
        return value
    match = _AMOUNT.fullmatch(value)
    unit = _UNITS_BYTES.get(match[2].lower() or "b") if match else None
    if match is None or unit is None:
        raise ExpectedError(SIZE)
    return int(Decimal(match[1]) * unit)


def parse_port_range(text: str) -> tuple[int, int] | None:
    """`"40001-40099"` -> both ends, included; `""` -> None."""
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,5})\s*-\s*(\d{1,5})", text, re.ASCII)
    if match is None:
        raise ExpectedError(PORT_RANGE)
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last <= 65535:
        raise ExpectedError(PORT_RANGE + ", from the lower to the higher, 1 to 65535")
    return first, last


def parse_address(text: str) -> str:
    """An IPv4 or IPv6 literal in its normal form; IPv6 may carry a zone (`fe80::1%eth0`)."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ExpectedError('an IPv4 or IPv6 address such as "0.0.0.0", "::" or "192.0.2.1", without a port') from None


def parse_network(text: str) -> str:
    """An address or network in its normal form."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ExpectedError('an address or network such as "192.0.2.5" or "192.0.2.0/24"') from None


def parse_multicast_range(text: str) -> str:
    """An IPv4 multicast network in its normal form (RFC 5771), without the groups that no router passes on."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        network = None
    if network is None or not network.is_multicast:
        raise ExpectedError('an IPv4 multicast network such as "239.192.0.0/16"')
    if network.overlaps(_LOCAL_CONTROL):
        raise ExpectedError(f"a multicast network outside {_LOCAL_CONTROL}, which is for routers among themselves")
    return str(network)


def parse_schedule(text: str) -> str:
    """`mon-fri 08:00-18:00`, times of the host's time zone; an end before its start runs into the next day."""
    if _SCHEDULE.fullmatch(text) is None:
        raise ExpectedError('a time of the week such as "mon-fri 08:00-18:00" or "sat 00:00-24:00"')
    return text


def expand(text: str, environ: Mapping[str, str], *, between: Callable[[str], str] = str) -> str:
    """Puts in the environment's value for each `${NAME}`; `$${` stands for the text `${`.

    between: what is done to the text around the variables (the values themselves go in as they are)
    """
    parts: list[str] = []
    at = 0
    for match in _VARIABLE.finditer(text):
        parts.append(between(text[at : match.start()]))
        at = match.end()
        if match[1]:
            parts.append("${")
            continue
        value = environ.get(match[2])
        if value is None:
            raise ExpectedError(f"the environment variable {match[2]}, which is not set")
        if not value.isprintable() and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise ExpectedError(f"the environment variable {match[2]} in UTF-8")
        parts.append(value)
    parts.append(between(text[at:]))
    return "".join(parts)
