"""How much a peer may send in one RTSP message, and which of his faults the reader bears: a policy each, with a name.

What clients send us is read by the RFC; cameras we chose, and their faults are ours to live with (docs/cameras.md).
"""

import enum
from dataclasses import dataclass


class BareNewline(enum.Enum):
    """What the reader does with lines that end in LF alone; RFC 2326 4 wants CRLF, some cameras send LF."""

    ACCEPT = enum.auto()
    REFUSE = enum.auto()


class BadHeader(enum.Enum):
    """What the reader does with a header line that is none: no colon, no name, or an empty Content-Length."""

    REFUSE = enum.auto()
    SKIP = enum.auto()


class ControlBytes(enum.Enum):
    """What the reader does with bytes below blank in a head, other than its line ends: NULs of C strings, lone CRs."""

    REFUSE = enum.auto()
    DROP = enum.auto()


class OtherVersion(enum.Enum):
    """What the reader does with an answer that says RTSP/1.1 or 2.0; no camera speaks them, whatever it writes."""

    REFUSE = enum.auto()
    ACCEPT = enum.auto()


class BodyLength(enum.Enum):
    """How far Content-Length is believed.

    TRUST: wholly
    MEND:  of an SDP, lines that come with it and are beyond its length belong to it (the length counts LF for CRLF, or
           is missing); what then stands between a message and the next message or frame is skipped (NULs, the rest of
           an SDP that came late), at most `max_body_bytes` of it; `finish_body` ends one that is shorter than it says
    """

    TRUST = enum.auto()
    MEND = enum.auto()


class LostPlace(enum.Enum):
    """What the reader does where neither a message nor a frame begins.

    CLOSE: it refuses the bytes
    SEEK:  it goes on at the next frame that is followed by another one or by a message, MAX_FINDS times in a connection
           and after MAX_LOST_BYTES at most: some cameras send a frame now and then whose length is wrong (curl #10808)
    """

    CLOSE = enum.auto()
    SEEK = enum.auto()


MAX_FINDS = 16
MAX_LOST_BYTES = 2 * 65_536


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """How much a peer may send in one message, and which faults of his are tolerated."""

    max_headers: int = 64
    max_head_bytes: int = 8 * 1024
    max_body_bytes: int = 64 * 1024
    bare_newline: BareNewline = BareNewline.ACCEPT
    bad_header: BadHeader = BadHeader.REFUSE
    control_bytes: ControlBytes = ControlBytes.REFUSE
    other_version: OtherVersion = OtherVersion.REFUSE
    body_length: BodyLength = BodyLength.TRUST
    lost_place: LostPlace = LostPlace.CLOSE


SERVER_LIMITS = ReaderLimits()
"""For what clients send us."""

CLIENT_LIMITS = ReaderLimits(
    max_headers=256,
    max_head_bytes=32 * 1024,
    max_body_bytes=256 * 1024,
    bad_header=BadHeader.SKIP,
    control_bytes=ControlBytes.DROP,
    other_version=OtherVersion.ACCEPT,
    body_length=BodyLength.MEND,
    lost_place=LostPlace.SEEK,
)
"""For what cameras send us: we chose them, their replies are longer and their faults are ours to live with."""
