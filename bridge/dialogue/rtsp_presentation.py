"""What an RTSP URL leads to, seen from the server: the `Presentation`, its SDP, and tolerant reading of its URLs."""

import ipaddress
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, unquote

from bridge.wire.sdp import Direction, MediaDescription, SessionDescription

TRACK_CONTROL = "trackID="

#: The number of the way to a camera's loudspeaker, beyond those of tracks that come from it.
LOUDSPEAKER = 100
BACKCHANNEL_FEATURE = "www.onvif.org/ver20/backchannel"
"""Required by clients that want to be shown that way (ONVIF Streaming specification, "Back channel connection")."""

# Clients resolve, concatenate with a slash too many, or concatenate behind a query: the track is what ends the URI.
_TRACK = re.compile(r"/*trackID=([0-9]{1,3})/*\Z", re.ASCII)
# Clients of the HTTP tunnel may go on with the scheme of the address that they were given: rtsph, http.
_ABSOLUTE = re.compile(r"(rtsp[a-z]{0,2}|https?)://([^/?#]*)(.*)\Z", re.ASCII | re.IGNORECASE | re.DOTALL)
_NOT_IN_SDP = re.compile(r"[\x00-\x1f\x7f]")
_SLASHES = re.compile(r"/+")
# The authority is echoed in Content-Base and RTP-Info: one that could not stand there is replaced by our own.
_PATH = re.compile(r"[\w./~%:-]*", re.ASCII)
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.~%-]+)(?::\d{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class MulticastRoute:
    """Media to a group that all who want it have joined.

    host:  the group
    ports: of RTP and RTCP there
    """

    host: str
    ports: tuple[int, int]
    ttl: int


@dataclass(frozen=True, slots=True)
class OfferedTrack:
    """One track of a presentation as a viewer may have it.

    track: its number, which stands in its control URL
    media: its section of the SDP, without control and direction: `describe` adds them
    ssrc:  its synchronisation source when known before PLAY
    group: where it is to be had by multicast; None: it is not
    """

    track: int
    media: MediaDescription
    ssrc: int | None = None
    group: MulticastRoute | None = None


class Presentation(Protocol):
    """Live or recorded media behind one URL, as one user may have them. `services/rtsp` and `recorder` implement it."""

    @property
    def path(self) -> str:
        """The aggregate path in its one normal spelling: two URLs with the same path are the same presentation."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def live(self) -> bool:
        """Whether it plays now only; else times of the past can be asked for."""

    @property
    def range(self) -> str:
        """Value of the session-level a=range, or "" for none."""

    def tracks(self) -> Sequence[OfferedTrack]:
        """What can be set up; () while it is not known yet."""

    def loudspeaker(self) -> OfferedTrack | None:
        """The way to the camera's loudspeaker, when its tracks are known; None: there is none, or not for this user."""


def control_of(track: int) -> str:
    """The relative control URL of a track."""
    return f"{TRACK_CONTROL}{track}"


def describe(presentation: Presentation, tracks: Sequence[OfferedTrack], local_host: str) -> bytes:
    """The SDP of a presentation (ONVIF Streaming specification 5.2; RFC 4566). local_host: our end, an address."""
    address = ipaddress.ip_address(local_host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    family, nowhere = ("IP4", "0.0.0.0") if address.version == 4 else ("IP6", "::")  # noqa: S104 - "chosen at SETUP"
    medias = [_as_offered(each) for each in tracks]
    attributes = [("control", "*"), *([("range", presentation.range)] if presentation.range else [])]
    title = _NOT_IN_SDP.sub(" ", presentation.title).strip()
    session = SessionDescription(
        name=title or "-", connection=f"IN {family} {nowhere}", attributes=attributes, medias=medias
    )
    # The id stays for a presentation, the version changes with what is described (RFC 4566 5.2).
    version = zlib.crc32(session.format().encode())
    session.origin = f"- {zlib.crc32(presentation.path.encode())} {version} IN {family} {address}"
    return session.format().encode()


def _as_offered(offered: OfferedTrack) -> MediaDescription:
    """The section with what every section of ours says: its control, and that the client receives."""
    media = offered.media
    more = [] if media.direction else [(Direction.RECVONLY.value, "")]
    if media.control is None:
        more.insert(0, ("control", control_of(offered.track)))
    return replace(media, attributes=[*media.attributes, *more])


@dataclass(frozen=True, slots=True)
class Target:
    """What a request's URI means to us.

    root:  scheme and authority as the client called them, without a user: `rtsp://gate.example:8554`; "" for `*`
    path:  the aggregate path, decoded, without a slash at its end: `/live/front-door`
    called: the same as the client spelled it
    track: the track at its end
    """

    root: str
    path: str
    called: str
    track: int | None = None

    @property
    def base(self) -> str:
        """Content-Base: ends in a slash, so that resolving and concatenating controls come to the same."""
        return f"{self.root}{self.called}/"


def read_target(uri: str, root: str, base_path: str = "") -> Target:
    """`uri` of a request line; a user in it, a query and slashes too many are ignored; any text is read.

    root:      scheme and authority that stand in for those that a relative URI lacks
    base_path: the path that a relative control (`trackID=0`) is resolved against
    """
    rest = uri
    if match := _ABSOLUTE.match(uri):
        authority, rest = match[2].rpartition("@")[2], match[3]
        if _AUTHORITY.fullmatch(authority):
            root = f"{match[1].lower()}://{authority}"
    elif uri == "*":
        return Target("", "*", "*")
    elif not uri.startswith("/"):
        rest = f"{base_path}/{uri}"
    track = _TRACK.search(rest)
    if track:
        rest = rest[: track.start()]
    called = _SLASHES.sub("/", re.split(r"[?#]", rest, maxsplit=1)[0]).rstrip("/")
    if not _PATH.fullmatch(called):
        called = quote(unquote(called))
    return Target(root, unquote(called), called, int(track[1]) if track else None)
