"""What ONVIF replay adds to PLAY: Scale, Rate-Control, Frames, Immediate, as parse/format pairs.

RFC 2326 12.34 and ONVIF Streaming specification, "Playback". `parse` raises RemoteProtocolError (400).
"""

import enum
import re
from dataclasses import dataclass
from fractions import Fraction

from bridge.base.errors import LocalProtocolError, RemoteProtocolError

MAX_INTERVAL_MS = 0xFFFF_FFFF
"""Of Frames: seven weeks, beyond any use."""

_SCALE_DIGITS = 6

_SCALE = re.compile(rf"([+-]?)(\d{{1,9}})(?:\.(\d{{0,{_SCALE_DIGITS}}})\d*)?", re.ASCII)
_FRAMES = re.compile(r"(intra|predicted|all)(?:\s*/\s*(\d{1,10}))?", re.ASCII | re.IGNORECASE)


def parse_scale(text: str) -> Fraction:
    """`-1.0`, `2`, `0.25` -> never 0; digits beyond the sixth behind the point are cut."""
    found = _SCALE.fullmatch(text.strip())
    scale = Fraction(0)
    if found:
        scale = Fraction(int(found[2] + (found[3] or "").ljust(_SCALE_DIGITS, "0")), 10**_SCALE_DIGITS)
    if found is None or scale == 0:
        raise RemoteProtocolError(
            f"Scale {text[:40]!r}: expected a decimal number other than 0", clause="RFC 2326 12.34", status=400
        )
    return -scale if found[1] == "-" else scale


def format_scale(scale: Fraction) -> str:
    """`1.0`, `-0.25`, cut behind the sixth digit. Raises LocalProtocolError."""
    whole, fraction = divmod(int(abs(scale) * 10**_SCALE_DIGITS), 10**_SCALE_DIGITS)
    if whole == fraction == 0 or whole >= 10**9:
        raise LocalProtocolError(f"Scale: {scale} cannot be written with nine digits before and six behind the point")
    return f"{'-' if scale < 0 else ''}{whole}.{f'{fraction:06d}'.rstrip('0') or '0'}"


def parse_rate_control(text: str) -> bool:
    """`yes`: we play in time; `no`: the client does the timing, and we send as fast as it reads."""
    return _yes_or_no("Rate-Control", text)


def format_rate_control(controlled: bool) -> str:
    """`yes` or `no`."""
    return "yes" if controlled else "no"


def parse_immediate(text: str) -> bool:
    """`yes`: the position is to change at once; `no`: behind what plays now."""
    return _yes_or_no("Immediate", text)


def format_immediate(immediate: bool) -> str:
    """`yes` or `no`."""
    return "yes" if immediate else "no"


class FramesKind(enum.StrEnum):
    """Which pictures are wanted; the values are the header's words."""

    ALL = "all"
    PREDICTED = "predicted"
    INTRA = "intra"


@dataclass(frozen=True, slots=True)
class Frames:
    """A Frames header.

    interval_ms: INTRA: the least distance of two pictures on the recording's time line; 0: all of them
    """

    kind: FramesKind = FramesKind.ALL
    interval_ms: int = 0

    @classmethod
    def parse(cls, text: str) -> "Frames":
        """`intra`, `intra/4000`, `predicted`, `all` -> value."""
        found = _FRAMES.fullmatch(text.strip())
        kind = FramesKind(found[1].lower()) if found else None
        interval_ms = int(found[2] or 0) if found else 0
        if found is None or kind is None or (found[2] and kind is not FramesKind.INTRA):
            raise _bad_frames(text, "intra, intra/<milliseconds>, predicted or all")
        if interval_ms > MAX_INTERVAL_MS:
            raise _bad_frames(text, f"at most {MAX_INTERVAL_MS} ms")
        return cls(kind, interval_ms)

    def format(self) -> str:
        """The normal form. Raises LocalProtocolError."""
        if not self.interval_ms:
            return self.kind.value
        if self.kind is not FramesKind.INTRA or not 0 < self.interval_ms <= MAX_INTERVAL_MS:
            raise LocalProtocolError(f"Frames: {self.kind} with {self.interval_ms} ms")
        return f"{self.kind.value}/{self.interval_ms}"


def _yes_or_no(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("yes", "no"):
        raise RemoteProtocolError(
            f"{name} {text[:40]!r}: expected yes or no", clause="ONVIF Streaming, Playback", status=400
        )
    return word == "yes"


def _bad_frames(text: str, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"Frames {text[:40]!r}: expected {expected}", clause="ONVIF Streaming, Frames header field", status=400
    )
