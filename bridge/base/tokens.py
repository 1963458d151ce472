"""Ids of cameras and streams, as they stand in every token, URL and file name."""

import re
import uuid
from collections import Counter
from collections.abc import Iterable

from bridge.base.media import Medium

_CAMERA = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_STREAM = re.compile(r"[a-z0-9-]{1,16}", re.ASCII)

CAMERA_ID_RULE = "1 to 32 characters of a-z, 0-9 and -"
STREAM_NAME_RULE = "1 to 16 characters of a-z, 0-9 and -"


def is_camera_id(text: str) -> bool:
    """Whether `text` keeps CAMERA_ID_RULE."""
    return _CAMERA.fullmatch(text) is not None


def is_stream_name(text: str) -> bool:
    """Whether `text` keeps STREAM_NAME_RULE."""
    return _STREAM.fullmatch(text) is not None


def recording_token(camera: str, stream: str, ended: uuid.UUID | None = None) -> str:
    """`rec-<camera>.<stream>`, for ever the token of what that stream records.

    ended: UUID of a recording that ended because its camera was removed. Should the camera come again, that is a new
    recording, which has the token; the old one is told by `rec-<camera>.<stream>.<first eight digits of its UUID>`.
    """
    token = f"rec-{camera}.{stream}"
    return token if ended is None else f"{token}.{ended.hex[:8]}"


_TRACK_NAMES = {Medium.VIDEO: "VIDEO", Medium.AUDIO: "AUDIO", Medium.METADATA: "META"}


def track_tokens(media: Iterable[Medium]) -> list[str]:
    """Tokens of a recording's tracks, in their order: `VIDEO001`, `AUDIO001`, `META001`, each medium counted by itself.

    They stay when the camera's encoding changes: ONVIF ties a track to a medium, not to a codec.
    """
    counted: Counter[Medium] = Counter()
    tokens = []
    for medium in media:
        counted[medium] += 1
        tokens.append(f"{_TRACK_NAMES[medium]}{counted[medium]:03d}")
    return tokens
