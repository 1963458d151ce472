"""SDP session descriptions (RFC 4566): parsed leniently, as cameras write them, and formatted strictly.

What an `a=fmtp` means for a codec is `payload.py`; here it is a dict of texts. The control attribute is resolved by
`rtsp/url.py`.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.base.errors import LocalProtocolError, RemoteProtocolError

MAX_SIZE_BYTES = 256 * 1024
MAX_LINES = 2000
MAX_MEDIAS = 32
MAX_FORMATS = 64

_LINE_END = re.compile(r"[\r\n\0]+")
_LINE = re.compile(r"([A-Za-z])[ \t]*=(.*)", re.ASCII)
_MEDIA = re.compile(r"(\S+)\s+(?:([+-]?\d{1,20})(?:/\S*)?\s+)?([A-Za-z]\S*)(.*)", re.ASCII)
_RTPMAP = re.compile(r"(\d{1,3})\s+([^\s/]+)(?:/\s*(\d{1,9})[^/]*(?:/\s*(\d{1,3}).*)?)?.*", re.ASCII)
_FMTP = re.compile(r"(\d{1,3})(?:[\s;]+(.*))?", re.ASCII)
_NOT_IN_LINE = re.compile(r"[\r\n\0]")

Attribute = tuple[str, str]
"""Name and value; the value of a flag such as `recvonly` is ""."""


class Direction(enum.StrEnum):
    """Who sends, seen from the one who reads the description (RFC 4566 6): a camera's video is `recvonly`."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What a payload type stands for: `a=rtpmap` or the static table of RFC 3551. `encoding` as it was written."""

    encoding: str
    clock_rate: int
    channels: int = 1


STATIC_PAYLOAD_TYPES: dict[int, RtpMap] = {
    0: RtpMap("PCMU", 8000),
    2: RtpMap("G726-32", 8000),
    3: RtpMap("GSM", 8000),
    4: RtpMap("G723", 8000),
    8: RtpMap("PCMA", 8000),
    9: RtpMap("G722", 8000),
    10: RtpMap("L16", 44100, 2),
    11: RtpMap("L16", 44100),
    14: RtpMap("MPA", 90000),
    26: RtpMap("JPEG", 90000),
    32: RtpMap("MPV", 90000),
    33: RtpMap("MP2T", 90000),
}
"""RFC 3551 6: what is meant when there is no rtpmap. A rtpmap for such a number wins, even where it contradicts."""


@dataclass(slots=True)
class MediaDescription:
    """One `m=` section.

    port:       0 as well where a camera wrote none, or a number that is no port: over RTSP it means nothing (RFC 2326
                C.1.4), and a Tuya camera (Symynelec C5) sends what is left in its memory, below zero
    formats:    payload types as text, as they stand in the line
    attributes: in order; a name may stand several times
    bandwidth:  modifier -> number as sent: `AS` kbit/s, `TIAS` bit/s
    connection: the whole value of `c=`; "" when the session's holds
    """

    medium: str
    port: int = 0
    protocol: str = "RTP/AVP"
    formats: list[str] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    title: str = ""
    connection: str = ""
    bandwidth: dict[str, int] = field(default_factory=dict)

    def attribute(self, name: str) -> str | None:
        """The first value of that attribute, "" for a flag, None when it is missing."""
        return _attribute(self.attributes, name)

    @property
    def payload_types(self) -> list[int]:
        """The formats that are RTP payload types; where the line names none that is one, those of the rtpmaps."""
        numbers = [int(text) for text in self.formats if text.isascii() and text.isdigit() and len(text) <= 3]
        return numbers or list(self._rtpmaps())

    @property
    def control(self) -> str | None:
        """`a=control` as it stands; None when it is missing."""
        return self.attribute("control")

    @property
    def direction(self) -> Direction | None:
        """The direction attribute, None when there is none (RFC 4566 then says sendrecv; cameras mean recvonly)."""
        return next((Direction(name.lower()) for name, _ in self.attributes if name.lower() in _DIRECTIONS), None)

    def rtpmap(self, payload_type: int) -> RtpMap | None:
        """What the payload type stands for.

        A missing or unreadable clock rate is taken as 8000 for audio and 90000 for the rest, as every codec of cameras
        without a written rate has it. Where the only rtpmap names another number than the only format, it is meant.
        """
        maps = self._rtpmaps()
        found_map = maps.get(payload_type) or STATIC_PAYLOAD_TYPES.get(payload_type)
        if found_map is None and len(maps) == 1 and len(self.formats) == 1:
            return next(iter(maps.values()))
        return found_map

    def _rtpmaps(self) -> dict[int, RtpMap]:
        maps: dict[int, RtpMap] = {}
        for name, value in self.attributes:
            found = _RTPMAP.fullmatch(value.strip()) if name.lower() == "rtpmap" else None
            if found:
                clock_rate = int(found[3] or 0) or (8000 if self.medium == "audio" else 90000)
                maps.setdefault(int(found[1]), RtpMap(found[2], clock_rate, int(found[4] or 0) or 1))
        return maps

    def fmtp(self, payload_type: int) -> dict[str, str]:
        """The format parameters, names in small letters, values as they stand; {} when there are none.

        Several lines for one type add up: some encoders put each parameter on a line of its own.
        """
        texts: dict[int, str] = {}
        for name, value in self.attributes:
            found = _FMTP.fullmatch(value) if name.lower() == "fmtp" else None
            if found:
                number = int(found[1])
                texts[number] = f"{texts[number]};{found[2] or ''}" if number in texts else found[2] or ""
        meant = texts.get(payload_type)
        if meant is None and len(texts) == 1 and len(self.formats) == 1:
            meant = next(iter(texts.values()))  # the same fault as with rtpmap
        return _parameters(meant or "")


@dataclass(slots=True)
class SessionDescription:
    """A session description.

    origin, connection, time: the whole values of `o=`, `c=`, `t=`
    bandwidth:                as in MediaDescription
    """

    origin: str = "- 0 0 IN IP4 127.0.0.1"
    name: str = "-"
    information: str = ""
    connection: str = ""
    bandwidth: dict[str, int] = field(default_factory=dict)
    time: str = "0 0"
    attributes: list[Attribute] = field(default_factory=list)
    medias: list[MediaDescription] = field(default_factory=list)

    def attribute(self, name: str) -> str | None:
        """The first value of that session attribute, "" for a flag, None when it is missing."""
        return _attribute(self.attributes, name)

    @property
    def control(self) -> str | None:
        """The aggregate `a=control` as it stands; None when it is missing."""
        return self.attribute("control")

    @classmethod
    def parse(cls, text: str | bytes) -> "SessionDescription":
        """What a camera sent -> value. Raises RemoteProtocolError.

        Order is not enforced, missing lines get the defaults, lines that are none and media sections whose first line
        cannot be read are left out. It is refused when it is too large or when no line of it is SDP.
        """
        if len(text) > MAX_SIZE_BYTES:
            raise RemoteProtocolError(f"SDP of {len(text)} bytes; at most {MAX_SIZE_BYTES}", status=413)
        if isinstance(text, bytes):
            text = _decoded(text)
        session = cls()
        media: MediaDescription | None = None
        skipping = False  # inside a media section that cannot be read
        understood = 0
        for key, value in _lines(text):
            understood += 1
            if key == "m":
                media = _parse_media(value)
                skipping = media is None
                if media is not None:
                    if len(session.medias) >= MAX_MEDIAS:
                        raise RemoteProtocolError(f"SDP with more than {MAX_MEDIAS} media sections", status=413)
                    session.medias.append(media)
            elif not skipping:
                _take(session, media, key, value)
        if not understood:
            raise RemoteProtocolError("no line of the session description is SDP", clause="RFC 4566 5", status=400)
        return session

    def format(self) -> str:
        """The description in the order of RFC 4566 5, CRLF line ends. Raises LocalProtocolError."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name or '-'}"]
        if self.information:
            lines.append(f"i={self.information}")
        if self.connection:
            lines.append(f"c={self.connection}")
        lines += [f"b={modifier}:{number}" for modifier, number in self.bandwidth.items()]
        lines.append(f"t={self.time}")
        lines += _format_attributes(self.attributes)
        for media in self.medias:
            if not media.formats:
                raise LocalProtocolError(f"m={media.medium}: no format")
            lines.append(f"m={media.medium} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.title:
                lines.append(f"i={media.title}")
            if media.connection:
                lines.append(f"c={media.connection}")
            lines += [f"b={modifier}:{number}" for modifier, number in media.bandwidth.items()]
            lines += _format_attributes(media.attributes)
        for line in lines:
            if _NOT_IN_LINE.search(line):
                raise LocalProtocolError(f"SDP line {line[:40]!r}: a line break or NUL would begin another line")
        return "\r\n".join(lines) + "\r\n"


_DIRECTIONS = frozenset(direction.value for direction in Direction)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """The readable lines as (letter, value)."""
    lines = _LINE_END.split(text, maxsplit=MAX_LINES)
    if len(lines) > MAX_LINES:
        raise RemoteProtocolError(f"SDP of more than {MAX_LINES} lines", status=413)
    for line in lines:
        found = _LINE.fullmatch(line.strip())
        if found:
            yield found[1].lower(), found[2].strip()


def _parse_media(value: str) -> MediaDescription | None:
    found = _MEDIA.fullmatch(value)
    if found is None:
        return None
    port = int(found[2] or 0)
    formats = found[4].split(maxsplit=MAX_FORMATS)[:MAX_FORMATS]
    return MediaDescription(found[1].lower(), port if 0 <= port <= 65535 else 0, found[3], formats)


def _take(session: SessionDescription, media: MediaDescription | None, key: str, value: str) -> None:
    """One line other than `m=` into the section it stands in."""
    section = session if media is None else media
    if key == "a":
        name, _, content = value.partition(":")
        section.attributes.append((name.strip(), content.strip()))
    elif key == "c":
        section.connection = value
    elif key == "b":
        modifier, _, number = value.partition(":")
        number = number.strip()
        if number.isascii() and number.isdigit() and len(number) <= 12:
            section.bandwidth[modifier.strip()] = int(number)
    elif media is not None:
        if key == "i":
            media.title = value
    elif key == "o":
        session.origin = value
    elif key == "s":
        session.name = value
    elif key == "i":
        session.information = value
    elif key == "t":
        session.time = value


def _attribute(attributes: list[Attribute], name: str) -> str | None:
    """Names are written in any case by those who do not know that it matters (RFC 4566 5.13)."""
    return next((value for known, value in attributes if known.lower() == name), None)


def _format_attributes(attributes: list[Attribute]) -> list[str]:
    return [f"a={name}:{value}" if value else f"a={name}" for name, value in attributes]


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if name:
            parameters.setdefault(name, value.strip())
    return parameters
