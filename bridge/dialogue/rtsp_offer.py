"""What a camera's answers offer us: the tracks of DESCRIBE's SDP (RFC 2326 C.1), and the way that SETUP grants.

Cameras err a lot here. What cannot be read of a Transport is taken as it was asked for.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Medium, Track
from bridge.dialogue.rtp_talk import best_to_talk
from bridge.dialogue.rtsp_client_events import DownReason, OfferedTrack, ReadyTrack
from bridge.dialogue.rtsp_group import DescribedPlace, camera_group
from bridge.wire.payload import payload_type_from_sdp, track_from_sdp
from bridge.wire.rtsp.headers import LowerTransport, Pair, SessionHeader, Transport, parse_transports
from bridge.wire.rtsp.message import Response
from bridge.wire.rtsp.url import control_base, resolve_control
from bridge.wire.sdp import Direction, MediaDescription, SessionDescription

_BLANK = re.compile(r"[\x00-\x20\x7f]")
#: Between a session and its timeout some cameras put a comma or a blank.
_BEFORE_TIMEOUT = re.compile(r"[,\s]+(?=timeout\s*=)", re.IGNORECASE)
_SCHEME = re.compile(r"rtsps?://", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
_MAX_URL = 2048
_MAX_PARAMETERS = 32


class TrackBase(enum.Enum):
    """What a track's relative `a=control` hangs onto when the session's `a=control` is a whole URL of its own.

    SESSION_CONTROL: that URL, as FFmpeg, live555 and gortsplib do: cameras are tried with these
    CONTENT_BASE:    Content-Base, as RFC 2326 C.1.1 has it
    """

    SESSION_CONTROL = "session control"
    CONTENT_BASE = "content base"


class Sendonly(enum.Enum):
    """What a section with `a=sendonly` is.

    WAY_BACK_OF_AUDIO: audio is the way to a loudspeaker (ONVIF Streaming Specification, backchannel), unless the
                       video says sendonly as well: then the camera speaks of itself ("CV-RTSPHandler", go2rtc #771)
    WAY_BACK:          the way to the camera, whatever the medium (RFC 4566 6)
    """

    WAY_BACK_OF_AUDIO = "way back of audio"
    WAY_BACK = "way back"


@dataclass(frozen=True, slots=True)
class OfferPolicy:
    """How an offer is read where cameras and the RFC differ."""

    track_base: TrackBase = TrackBase.SESSION_CONTROL
    sendonly: Sendonly = Sendonly.WAY_BACK_OF_AUDIO


LENIENT = OfferPolicy()


@dataclass(frozen=True, slots=True)
class Offer:
    """A camera's presentation, as far as we want it.

    control:     absolute URL of the whole, for PLAY, keepalives and TEARDOWN
    tracks:      the first video, audio and metadata track that we carry, in the order of the SDP; () when why_none says
                 (metadata alone is no stream)
    passed_over: formats that we do not carry
    why_none:    why there is nothing for us: reason and text
    loudspeaker: the way back that we can talk on; shown, as a rule, to who requires the backchannel
    """

    control: str
    tracks: tuple[OfferedTrack, ...]
    passed_over: tuple[str, ...] = ()
    why_none: tuple[DownReason, str] = (DownReason.NO_VIDEO, "the camera describes no video")
    loudspeaker: OfferedTrack | None = None


def read_offer(response: Response, request_url: str, policy: OfferPolicy = LENIENT) -> Offer:
    """DESCRIBE's answer -> what we want of it. Raises RemoteProtocolError when it holds no SDP."""
    session = SessionDescription.parse(response.body)
    base = control_base(request_url, response.headers.get("Content-Base"), response.headers.get("Content-Location"))
    control = sendable(resolve_control(base, session.control or "*"))
    if policy.track_base is TrackBase.SESSION_CONTROL and _SCHEME.match(session.control or ""):
        base = control
    ways_back = _ways_back(session, policy.sendonly)
    chosen: dict[Medium, OfferedTrack] = {}
    passed_over: list[str] = []
    video_refused: list[str] = []
    ways: list[MediaDescription] = []
    for media in session.medias:
        if media.medium in ways_back and media.direction is Direction.SENDONLY:
            ways.append(media)
            continue
        track = track_from_sdp(media)
        if track is None:
            name = _format_name(media)
            passed_over.append(name)
            if media.medium == Medium.VIDEO:
                video_refused.append(name)
        elif track.medium not in chosen:
            track_control = sendable(resolve_control(base, media.control or ""))
            place = DescribedPlace(media.connection or session.connection, media.port)
            chosen[track.medium] = OfferedTrack(track, _payload_type(media), track_control, place)
    if video_refused and Medium.VIDEO not in chosen:
        have = ", ".join(codec for codec in Codec if codec.medium is Medium.VIDEO)
        text = f"{', '.join(video_refused[:4])} not supported (have {have})"
        return Offer(control, (), tuple(passed_over), (DownReason.CODEC, text))
    tracks = () if chosen.keys() <= {Medium.METADATA} else tuple(chosen.values())
    return Offer(control, tracks, tuple(passed_over), loudspeaker=_loudspeaker(ways, base))


def ready_track(
    offered: OfferedTrack,
    response: Response,
    *,
    channels_asked: Pair | None = None,
    channels_taken: frozenset[int] = frozenset(),
    client_ports: Pair | None = None,
) -> ReadyTrack:
    """SETUP's answer -> the way of the packets. channels_asked is given for TCP, client_ports for UDP, else neither.

    Raises RemoteProtocolError when the camera chose the other transport in earnest.
    """
    granted = _transport(response)
    if channels_asked is not None:
        if granted.interleaved is None and granted.server_port and granted.lower is LowerTransport.UDP:
            raise RemoteProtocolError("SETUP asked for TCP, the camera set up UDP", clause="RFC 2326 12.39")
        channels = granted.interleaved or channels_asked
        # Some answer 0-1 for every track and then send on the channels that they were asked for.
        if channels[0] == channels[1] or channels_taken & set(channels):
            channels = channels_asked
        return ReadyTrack(offered.track, offered.payload_type, granted.ssrc, channels=channels)
    if client_ports is None:
        group = camera_group(granted, offered.place)
        return ReadyTrack(offered.track, offered.payload_type, granted.ssrc, source=granted.source, group=group)
    if granted.interleaved is not None and granted.lower is LowerTransport.TCP:
        raise RemoteProtocolError("SETUP asked for UDP, the camera set up TCP", clause="RFC 2326 12.39")
    server_ports = granted.server_port if granted.server_port and 0 not in granted.server_port else None
    return ReadyTrack(
        offered.track,
        offered.payload_type,
        granted.ssrc,
        client_ports=client_ports,
        server_ports=server_ports,
        source=granted.source,
    )


def session_of(response: Response) -> SessionHeader | None:
    """The session that an answer names; None when it names none that can be read."""
    try:
        return SessionHeader.parse(_BEFORE_TIMEOUT.sub(";", response.headers.get("Session") or ""))
    except RemoteProtocolError:
        return None


def sendable(url: str) -> str:
    """`url` as it may stand in a request line: blanks percent-encoded, the credentials that some cameras write into it
    left out. Raises RemoteProtocolError if too long."""
    if len(url) > _MAX_URL:
        raise RemoteProtocolError(f"URL of {len(url)} characters; at most {_MAX_URL}", clause="RFC 2326 3.2")
    return _BLANK.sub(lambda found: f"%{ord(found[0]):02X}", _CREDENTIALS.sub("", url, count=1))


def _loudspeaker(ways: Iterable[MediaDescription], base: str) -> OfferedTrack | None:
    """The way and the format that we talk in, of all that a camera has: a section each, or several in one."""
    formats: list[tuple[Track, int, MediaDescription]] = []
    for media in ways:
        if media.medium != Medium.AUDIO or media.control is None:
            continue
        for number in media.payload_types:
            track = track_from_sdp(replace(media, formats=[str(number)]))
            if track is not None:
                formats.append((track, number, media))
    best = best_to_talk(track for track, _, _ in formats)
    for track, number, media in formats:
        if track is best:
            return OfferedTrack(track, number, sendable(resolve_control(base, media.control or "")))
    return None


def _ways_back(session: SessionDescription, policy: Sendonly) -> frozenset[str]:
    """The media of which a section with `a=sendonly` is a way to the camera."""
    if policy is Sendonly.WAY_BACK:
        return frozenset(media.medium for media in session.medias)
    of_itself = any(media.medium == Medium.VIDEO and media.direction is Direction.SENDONLY for media in session.medias)
    return frozenset() if of_itself else frozenset({Medium.AUDIO.value})


def _transport(response: Response) -> Transport:
    """What can be read of a Transport: one parameter that is nonsense does not take the others with it."""
    text = response.headers.get("Transport") or ""
    try:
        return parse_transports(text)[0]
    except RemoteProtocolError:
        specification, *parameters = text.split(";")
    readable = specification if _can_be_read(specification) else "RTP/AVP"
    for parameter in parameters[:_MAX_PARAMETERS]:
        if _can_be_read(f"RTP/AVP;{parameter}"):
            readable += f";{parameter}"
    return Transport.parse(readable)


def _can_be_read(transport: str) -> bool:
    try:
        Transport.parse(transport)
    except RemoteProtocolError:
        return False
    return True


def _payload_type(media: MediaDescription) -> int | None:
    """The number of the format that the track is made from; None: any, when the section names only one anyway.

    Cameras announce one number and send another; with one format there is nothing to tell apart.
    """
    return payload_type_from_sdp(media) if len(media.payload_types) > 1 else None


def _format_name(media: MediaDescription) -> str:
    numbers = media.payload_types
    meant = media.rtpmap(numbers[0]) if numbers else None
    name = meant.encoding if meant else " ".join(media.formats[:1]) or media.medium
    return "".join(character for character in name[:40] if character.isprintable())
