"""Codecs and their RTP payload formats: from SDP to a `Track` and back, depacketisers and packetisers by codec."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.base.media import Codec, Track
from bridge.wire.rtp import DEFAULT_MAX_PAYLOAD_BYTES
from bridge.wire.sdp import MediaDescription

UnitSink = Callable[[int, tuple[bytes, ...], bool, bool], object]


class Depacketizer(Protocol):
    """RTP payloads of one track, in order, become access units, given to `sink(timestamp, parts, key, damaged)`."""

    @property
    def open(self) -> bool:
        """Whether parts of a unit are held back for its end."""

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end]."""

    def lost(self) -> None:
        """Packets went missing before the next push."""

    def flush(self) -> None:
        """Nothing more comes of the open unit: it is delivered as it is."""


def depacketizer_for(track: Track, sink: UnitSink) -> Depacketizer:
    """A new depacketiser of the track's codec."""
    raise NotImplementedError


def packetize(track: Track, parts: Sequence[bytes], max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES) -> list[bytes]:
    """RTP payloads of one access unit, in order; the last one gets the marker when `marks_units(track)`."""
    raise NotImplementedError


def static_payload_type(codec: Codec) -> int | None:
    """RFC 3551 6: the payload type that needs no rtpmap; None when the codec has only dynamic ones."""
    raise NotImplementedError


def track_from_sdp(media: MediaDescription) -> Track | None:
    """The track that a media section announces; None for media and codecs that we do not carry."""
    raise NotImplementedError


def media_for_track(track: Track, payload_type: int, control: str, bandwidth_kbps: int = 0) -> MediaDescription:
    """The media section that announces `track`; bandwidth_kbps 0: no b= line."""
    raise NotImplementedError


def complete_track(track: Track, parameter_sets: Sequence[bytes]) -> Track:
    """`track` with these parameter sets, and size and frame rate read from them; unreadable sets change nothing else."""
    raise NotImplementedError


def parameter_sets_of(track: Track, parts: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """The in-band parameter sets of an access unit; None when it carries none."""
    raise NotImplementedError
