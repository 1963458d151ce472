"""RTSP headers that have a grammar of their own, as parse/format pairs: Transport, Range, RTP-Info, Session, Public.

RFC 2326 clause 12; clock ranges as ONVIF Streaming and Replay use them. `parse` raises RemoteProtocolError whose status
is the reply that suits it; `format` raises LocalProtocolError for values that cannot stand in a header.
"""

import datetime as dt
import enum
import re
from dataclasses import dataclass

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.time import NS_PER_S

DEFAULT_TIMEOUT_S = 60
"""RFC 2326 12.37: the session timeout when the header does not say."""

MAX_TRANSPORTS = 16
MAX_RTP_INFO_ENTRIES = 64
MAX_SESSION_ID = 256

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_PARAMETER_TEXT = re.compile(r'[^\s;,"\x00-\x20\x7f]+')


class LowerTransport(enum.StrEnum):
    """What carries RTP (RFC 2326 12.39)."""

    UDP = "UDP"
    TCP = "TCP"


Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Transport:
    """One alternative of a Transport header (RFC 2326 12.39). Parameters that are not here are ignored.

    profile:     `RTP/AVP`; others (`RTP/SAVP`, `RAW/RAW`) are kept so that the caller can pass them over
    multicast:   False when neither is said: the RFC's default is multicast, every peer in the field means unicast
    interleaved: channels of RTP and RTCP; as all pairs, a single number n is read as n and n+1
    port:        the pair of a multicast session
    ssrc:        None when missing or unreadable
    mode:        `PLAY`; "" when not said
    """

    profile: str = "RTP/AVP"
    lower: LowerTransport = LowerTransport.UDP
    multicast: bool = False
    interleaved: Pair | None = None
    client_port: Pair | None = None
    server_port: Pair | None = None
    port: Pair | None = None
    source: str = ""
    destination: str = ""
    ttl: int | None = None
    ssrc: int | None = None
    mode: str = ""

    @property
    def unicast(self) -> bool:
        """The other word for not multicast."""
        return not self.multicast

    @classmethod
    def parse(cls, text: str) -> "Transport":
        """One alternative -> value. Raises RemoteProtocolError: 461 for an unknown lower transport, else 400."""
        specification, *parameters = (part.strip() for part in _split_outside_quotes(text, ";"))
        names = [name.strip().upper() for name in specification.split("/")]
        if len(names) not in (2, 3) or not all(_TOKEN.fullmatch(name) for name in names):
            raise _bad_transport(f"{specification[:40]!r} is not of the form RTP/AVP/TCP")
        lower = names[2] if len(names) == 3 else LowerTransport.UDP.value
        if lower not in LowerTransport.__members__:
            raise RemoteProtocolError(f"Transport: lower transport {lower[:20]!r}", clause="RFC 2326 12.39", status=461)
        said: dict[str, str] = {}
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            said.setdefault(name.strip().lower(), value.strip().strip('"').strip())
        return cls(
            profile=f"{names[0]}/{names[1]}",
            lower=LowerTransport(lower),
            multicast="multicast" in said and "unicast" not in said,
            interleaved=_pair("interleaved", said, 255),
            client_port=_pair("client_port", said, 65535),
            server_port=_pair("server_port", said, 65535),
            port=_pair("port", said, 65535),
            source=said.get("source", ""),
            destination=said.get("destination", ""),
            ttl=_number(said.get("ttl", ""), 255),
            ssrc=_ssrc(said.get("ssrc", "")),
            mode=said.get("mode", "").upper(),
        )

    def format(self) -> str:
        """`RTP/AVP/TCP;unicast;interleaved=0-1`. Raises LocalProtocolError."""
        parts = [self.profile if self.lower is LowerTransport.UDP else f"{self.profile}/{self.lower}"]
        parts.append("multicast" if self.multicast else "unicast")
        for name, text in (("destination", self.destination), ("source", self.source)):
            if text:
                parts.append(f"{name}={_checked(name, text)}")
        for name, pair in (
            ("interleaved", self.interleaved),
            ("port", self.port),
            ("client_port", self.client_port),
            ("server_port", self.server_port),
        ):
            if pair is not None:
                parts.append(f"{name}={pair[0]}-{pair[1]}")
        if self.ttl is not None:
            parts.append(f"ttl={self.ttl}")
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        if self.mode:
            parts.append(f'mode="{_checked("mode", self.mode)}"')
        return ";".join(parts)


def parse_transports(text: str) -> list[Transport]:
    """The alternatives of a Transport header in the client's order of preference, at least one.

    Alternatives that cannot be read are passed over; when all are, the RemoteProtocolError of the last one is raised.
    """
    transports: list[Transport] = []
    refused: RemoteProtocolError | None = None
    for alternative in _split_outside_quotes(text, ",")[:MAX_TRANSPORTS]:
        if not alternative.strip():
            continue
        try:
            transports.append(Transport.parse(alternative))
        except RemoteProtocolError as error:
            refused = error
    if not transports:
        raise refused or _bad_transport("it is empty")
    return transports


class RangeUnit(enum.StrEnum):
    """How a Range counts: from the start of the presentation, or in UTC."""

    NPT = "npt"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Range:
    """A Range header or SDP's `a=range` (RFC 2326 3.6, 3.7, 12.29).

    start_ns: NPT: nanoseconds from the start; clock: UTC nanoseconds; None: not said (`npt=-10`)
    end_ns:   the same; None: open. ONVIF's reverse play names the later time first, so it may lie before the start
    now:      the range begins at the live edge (`npt=now-`); start_ns is None then
    """

    unit: RangeUnit
    start_ns: int | None = None
    end_ns: int | None = None
    now: bool = False

    @classmethod
    def parse(cls, text: str) -> "Range":
        """`npt=...` or `clock=...` -> value; blanks and a `;time=` are ignored. Raises RemoteProtocolError (457)."""
        name, equals, value = text.partition(";")[0].partition("=")
        name = name.strip().lower()
        if not equals or name not in ("npt", "clock"):
            raise _bad_range(text, "npt= or clock=")
        begin, dash, end = (part.strip() for part in value.partition("-"))
        if not begin and not end:
            raise _bad_range(text, "a start or an end")
        if name == "clock":
            return cls(RangeUnit.CLOCK, _clock_ns(begin, text), _clock_ns(end, text) if end else None)
        now = begin.lower() == "now"
        if not dash and not now:
            raise _bad_range(text, "a dash")
        start_ns = _npt_ns(begin, text) if begin and not now else None
        return cls(RangeUnit.NPT, start_ns, _npt_ns(end, text) if end else None, now)

    def format(self) -> str:
        """`npt=now-`, `npt=0.000-`, `clock=20261121T090000.25Z-`. Raises LocalProtocolError."""
        if self.unit is RangeUnit.CLOCK:
            if self.start_ns is None:
                raise LocalProtocolError("Range: a clock range needs a start")
            write = _format_clock
        else:
            write = _format_npt
            if self.start_ns is None and self.end_ns is None and not self.now:
                raise LocalProtocolError("Range: neither start nor end")
        start = "now" if self.now else "" if self.start_ns is None else write(self.start_ns)
        return f"{self.unit}={start}-{'' if self.end_ns is None else write(self.end_ns)}"


@dataclass(frozen=True, slots=True)
class RtpInfoEntry:
    """What the first packet of one track carries after PLAY; None: not said or unreadable. The URL may be relative."""

    url: str
    seq: int | None = None
    rtptime: int | None = None


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """An RTP-Info header (RFC 2326 12.33)."""

    entries: tuple[RtpInfoEntry, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "RtpInfo":
        """`url=...;seq=...;rtptime=...,url=...` -> value. Never raises: what cannot be read is left out.

        A comma or semicolon inside a URL is part of it unless `url=`, `seq=` or `rtptime=` follows.
        """
        entries: list[RtpInfoEntry] = []
        for part in _NEXT_URL.split(text, maxsplit=MAX_RTP_INFO_ENTRIES)[:MAX_RTP_INFO_ENTRIES]:
            numbers_begin = _NUMBER_PARAMETER.search(part)
            head = part[: numbers_begin.start()] if numbers_begin else part
            url = _URL_PREFIX.sub("", head.strip()).strip('; \t"')
            said = {found[1].lower(): found[2] for found in _NUMBER_PARAMETER.finditer(part)}
            if url or said:
                seq = _number(said.get("seq", ""), 0xFFFF)
                entries.append(RtpInfoEntry(url, seq, _number(said.get("rtptime", ""), 0xFFFF_FFFF)))
        return cls(tuple(entries))

    def format(self) -> str:
        """All entries, fields that are None left out. Raises LocalProtocolError."""
        texts: list[str] = []
        for entry in self.entries:
            text = f"url={_checked_url(entry.url)}"
            if entry.seq is not None:
                text += f";seq={entry.seq}"
            if entry.rtptime is not None:
                text += f";rtptime={entry.rtptime}"
            texts.append(text)
        return ",".join(texts)


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """A Session header (RFC 2326 12.37); clients send back the id alone."""

    id: str
    timeout_s: int = DEFAULT_TIMEOUT_S

    @classmethod
    def parse(cls, text: str) -> "SessionHeader":
        """`id;timeout=60` -> value; an unreadable or zero timeout is as none. Raises RemoteProtocolError (400)."""
        session_id, *parameters = (part.strip() for part in text.split(";"))
        if not session_id or len(session_id) > MAX_SESSION_ID or not _PARAMETER_TEXT.fullmatch(session_id):
            raise RemoteProtocolError(
                f"Session {session_id[:40]!r}: expected 1 to {MAX_SESSION_ID} characters without blanks",
                clause="RFC 2326 12.37",
                status=400,
            )
        timeout_s = DEFAULT_TIMEOUT_S
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "timeout":
                timeout_s = _number(value.strip(), 1_000_000_000) or DEFAULT_TIMEOUT_S
        return cls(session_id, timeout_s)

    def format(self) -> str:
        """`id;timeout=60`. Raises LocalProtocolError."""
        return f"{_checked('Session', self.id)};timeout={self.timeout_s}"


def parse_public(text: str) -> frozenset[str]:
    """The methods of a Public or Allow header, in capitals (RFC 2326 12.28); join repeated headers with a comma."""
    return frozenset(name.upper() for name in re.split(r"[\s,;]+", text) if _TOKEN.fullmatch(name))


_NEXT_URL = re.compile(r",\s*(?=url\s*=)", re.IGNORECASE)
_URL_PREFIX = re.compile(r"^url\s*=\s*", re.IGNORECASE)
_NUMBER_PARAMETER = re.compile(r";\s*(seq|rtptime)\s*=\s*([0-9]*)", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII | re.IGNORECASE)
_NPT = re.compile(r"(?:(\d{1,9}):(\d{1,2}):)?(\d{1,12})(?:\.(\d{0,9})\d*)?", re.ASCII)
_UNTIL_SEPARATOR = {mark: re.compile(rf'(?:[^{mark}"]+|"[^"]*"?)*') for mark in ",;"}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _split_outside_quotes(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    parts: list[str] = []
    at = 0
    while at <= len(text):
        found = _UNTIL_SEPARATOR[separator].match(text, at)
        end = found.end() if found else len(text)
        parts.append(text[at:end])
        at = end + 1
    return parts


def _number(text: str, largest: int) -> int | None:
    """Decimal digits -> number, None when they are none or too many."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        return None
    number = int(text)
    return number if number <= largest else None


def _pair(name: str, said: dict[str, str], largest: int) -> Pair | None:
    text = said.get(name)
    if text is None:
        return None
    first_text, dash, second_text = text.partition("-")
    first = _number(first_text.strip(), largest)
    if first is not None:
        second = _number(second_text.strip(), largest) if dash else _number(str(first + 1), largest)
        if second is not None:
            return first, second
    raise _bad_transport(f"{name}={text[:20]!r}: expected one or two numbers of at most {largest}")


def _ssrc(text: str) -> int | None:
    """RFC 2326 12.39: eight hexadecimal digits; leading zeros are often missing."""
    digits = text.lower().removeprefix("0x")
    return int(digits, 16) if re.fullmatch(r"[0-9a-f]{1,8}", digits, re.ASCII) else None


def _npt_ns(text: str, whole: str) -> int:
    found = _NPT.fullmatch(text)
    if found is None:
        raise _bad_range(whole, "seconds or h:mm:ss")
    seconds = int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + int(found[3])
    return seconds * NS_PER_S + int((found[4] or "").ljust(9, "0"))


def _clock_ns(text: str, whole: str) -> int:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise _bad_range(whole, "YYYYMMDDThhmmss.fZ")
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    try:
        # A leap second :60 has no place in POSIX time and is read as the second after.
        moment = dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)
    except ValueError:
        raise _bad_range(whole, "a date and time that exist") from None
    if second > 60:
        raise _bad_range(whole, "a date and time that exist")
    seconds = (moment - _EPOCH) // dt.timedelta(seconds=1) + (second == 60)
    return seconds * NS_PER_S + int((found[7] or "").ljust(9, "0"))


def _format_clock(ns: int) -> str:
    seconds, fraction = divmod(ns, NS_PER_S)
    try:
        moment = _EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError:
        raise LocalProtocolError(f"Range: {ns} ns is outside the years 1 to 9999") from None
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    return f"{moment.year:04d}{moment:%m%dT%H%M%S}{digits}Z"


def _format_npt(ns: int) -> str:
    if ns < 0:
        raise LocalProtocolError(f"Range: npt {ns} ns; expected none below 0")
    seconds, fraction = divmod(ns, NS_PER_S)
    # Three digits at least: some clients read npt with a pattern that wants a point.
    return f"{seconds}." + f"{fraction:09d}".rstrip("0").ljust(3, "0")


def _checked(name: str, text: str) -> str:
    if not _PARAMETER_TEXT.fullmatch(text):
        raise LocalProtocolError(f"{name}={text[:60]!r}: blanks, quotes, commas and semicolons cannot stand there")
    return text


def _checked_url(url: str) -> str:
    if not url or any(ord(character) <= 0x20 or character == "," for character in url):
        raise LocalProtocolError("RTP-Info: a URL that is empty or holds blanks or commas")
    return url


def _bad_transport(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"Transport: {what}", clause="RFC 2326 12.39", status=400)


def _bad_range(text: str, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"Range {text[:80]!r}: expected {expected}", clause="RFC 2326 12.29", status=457)
