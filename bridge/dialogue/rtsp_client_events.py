"""What the client side of an RTSP conversation tells the shell around it. Frozen values, performed in order."""

import enum
from dataclasses import dataclass

from bridge.base.media import Track
from bridge.dialogue.rtsp_group import NOWHERE, CameraGroup, DescribedPlace
from bridge.wire.rtsp.url import RtspUrl


class Lower(enum.StrEnum):
    """Below RTP: how packets come from the camera; the words of the configuration."""

    TCP = "tcp"
    UDP = "udp"
    MULTICAST = "multicast"

    @property
    def other(self) -> "Lower":
        """The one to try when this one is refused."""
        return Lower.UDP if self is Lower.TCP else Lower.TCP


class DownReason(enum.StrEnum):
    """Why a camera does not deliver; the value opens the sentence that people read."""

    DNS = "DNS"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    AUTH = "401"
    NOT_FOUND = "404"
    NO_VIDEO = "no video"
    BUSY = "busy"
    CODEC = "codec"
    PROTOCOL = "protocol"
    CLOSED = "closed"
    TLS = "TLS"
    CERTIFICATE = "certificate"


class Fault(enum.StrEnum):
    """A fault of a camera that we bear; the value stands in logs and metrics, docs/cameras.md says the rest."""

    WRONG_CSEQ = "wrong CSeq"
    WRONG_LENGTH = "wrong Content-Length"
    OPTIONS_REFUSED = "OPTIONS refused"
    TRANSPORT_REFUSED = "transport refused"
    UDP_SILENT = "nothing came over UDP"
    RANGE_REFUSED = "Range refused"
    NO_SESSION = "no session"
    SESSION_CHANGED = "session changed"
    KEEPALIVE_REFUSED = "keepalive refused"
    KEEPALIVE_UNANSWERED = "keepalive unanswered"
    LOST_PLACE = "bytes between frames"
    NO_LOUDSPEAKER = "no loudspeaker"
    UNASKED_CHANNEL = "channel that nobody asked for"
    OTHER_SSRC = "other SSRC than announced"
    NO_MARKERS = "no marker bits"
    WRONG_MARKERS = "marker bits on slices"
    NO_FRAGMENT_ENDS = "fragments without an end"


@dataclass(frozen=True, slots=True)
class OfferedTrack:
    """A track of the camera's SDP that we want.

    payload_type: None: any
    control:      absolute URL for SETUP
    place:        where the SDP says that it is sent
    """

    track: Track
    payload_type: int | None
    control: str
    place: DescribedPlace = NOWHERE


@dataclass(frozen=True, slots=True)
class ReadyTrack:
    """A track that is set up, and by which way its packets come.

    ssrc:         as the camera announced it; None when it was silent
    channels:     RTP and RTCP channel of the RTSP connection; None over UDP
    client_ports: our RTP and RTCP port over UDP unicast; else None
    server_ports: the camera's; None over TCP and when it named none
    source:       the address that the packets come from, as the camera named it; "" when it did not
    group:        to be joined; None: it is not multicast
    """

    track: Track
    payload_type: int | None
    ssrc: int | None = None
    channels: tuple[int, int] | None = None
    client_ports: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    source: str = ""
    group: CameraGroup | None = None

    @property
    def datagrams(self) -> bool:
        """Whether its packets come by UDP: out of order, perhaps, or not at all."""
        return self.channels is None


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes go out."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """The camera's SDP is read: these tracks will be set up. `passed_over`: formats that we do not carry."""

    tracks: tuple[OfferedTrack, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortsWanted:
    """Open that many pairs of UDP ports. Answer: `RtspClient.give_ports`."""

    pairs: int


@dataclass(frozen=True, slots=True)
class TrackRefused:
    """The camera would not set up one track of several; the others go on."""

    track: Track
    status: int


@dataclass(frozen=True, slots=True)
class Ready:
    """All tracks are set up and PLAY follows: packets may come from now on, before PLAY is answered.

    loudspeaker: set up as well; it is to be talked to when PLAY was answered, and that says so
    """

    tracks: tuple[ReadyTrack, ...]
    loudspeaker: ReadyTrack | None = None


@dataclass(frozen=True, slots=True)
class Playing:
    """PLAY was answered. `talks`: the loudspeaker listens."""

    keepalive: str
    keepalive_ns: int
    talks: bool = False


@dataclass(frozen=True, slots=True)
class Tolerated:
    """The camera did something wrong, and we go on. Told once a conversation for each fault."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Redirected:
    """Close, and connect to `url` instead."""

    url: RtspUrl
    redirects_left: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The conversation is over: close. `text` is one sentence for people; it holds no credentials."""

    reason: DownReason
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """TEARDOWN is through (or was not needed): close."""


Event = Send | Described | PortsWanted | TrackRefused | Ready | Playing | Tolerated | Redirected | Failed | Ended
