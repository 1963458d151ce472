"""What PLAY and PAUSE of recorded media ask for, and what the reply says (ONVIF Streaming specification, "Playback").

Ours where the specification is silent: a Scale that we do not play is answered by the nearest that we do; `npt=0-`
means from the first footage on, `npt=now-` the latest, other `npt` get 457; a PLAY without Range goes on as before in
what its headers do not say.
"""

import enum
from dataclasses import dataclass
from fractions import Fraction

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.wire.rtsp.headers import Range, RangeUnit
from bridge.wire.rtsp.message import Request
from bridge.wire.rtsp.replay_headers import (
    Frames,
    format_rate_control,
    format_scale,
    parse_immediate,
    parse_rate_control,
    parse_scale,
)

#: Of the CSeq, which may be of any length, the low byte is sent; ten to the eighth is a multiple of it.
_CSEQ_DIGITS = 8

SLOWEST = Fraction(1, 16)
FASTEST = Fraction(64)
ALL_FRAMES = Frames()

NPT_OF_1970_NS = 2_208_988_800 * NS_PER_S
"""rtspsrc (GStreamer 1.22) reads `clock=` in the SDP and, without onvif-mode, asks in `npt`: seconds since 1900."""

LAST_NS = 253_402_300_800 * NS_PER_S - 1
"""The end of the year 9999 in UTC."""


class Begins(enum.Enum):
    """Where play is to begin. RESUMED: where it stands: no Range was sent."""

    RESUMED = "resumed"
    FIRST = "first"
    LATEST = "latest"
    AT = "at"


@dataclass(frozen=True, slots=True)
class ReplayTerms:
    """How footage is played.

    scale:      below 0: in reverse
    controlled: we play in time; False: as fast as the client reads, which does the timing
    """

    scale: Fraction = Fraction(1)
    controlled: bool = True
    frames: Frames = ALL_FRAMES

    @property
    def reverse(self) -> bool:
        """Whether time runs back."""
        return self.scale < 0


@dataclass(frozen=True, slots=True)
class ReplayWish:
    """What a PLAY says. None in scale, controlled and frames: nothing. Times are UTC nanoseconds.

    cseq:     its last digits
    from_ns:  begins is AT: there
    until_ns: None: open
    """

    cseq: int
    begins: Begins = Begins.RESUMED
    from_ns: int | None = None
    until_ns: int | None = None
    scale: Fraction | None = None
    controlled: bool | None = None
    frames: Frames | None = None
    immediate: bool = False

    def terms(self, before: ReplayTerms | None) -> ReplayTerms:
        """As it can be played. before: of what plays or is paused; counts when this resumes it."""
        usual = before if before is not None and self.begins is Begins.RESUMED else ReplayTerms()
        controlled = usual.controlled if self.controlled is None else self.controlled
        scale = usual.scale if self.scale is None else self.scale
        frames = usual.frames if self.frames is None else self.frames
        return ReplayTerms(_nearest(scale, controlled), controlled, frames)

    def reply_headers(self, terms: ReplayTerms, from_ns: int, until_ns: int | None) -> list[tuple[str, str]]:
        """Of the 200: the Range that is played, and what the client asked as it was granted."""
        # 23:59:60 on the last day that can be written is one second beyond it.
        until_ns = None if until_ns is None else min(until_ns, LAST_NS)
        headers = [("Range", Range(RangeUnit.CLOCK, min(from_ns, LAST_NS), until_ns).format())]
        if self.scale is not None:
            headers.append(("Scale", format_scale(terms.scale)))
        if self.controlled is not None:
            headers.append(("Rate-Control", format_rate_control(terms.controlled)))
        return headers


def _nearest(scale: Fraction, controlled: bool) -> Fraction:
    speed = min(max(abs(scale), SLOWEST), FASTEST) if controlled else Fraction(1)
    return -speed if scale < 0 else speed


def read_wish(request: Request, range_: Range | None) -> ReplayWish:
    """PLAY -> what it asks. range_: its Range header. Raises RemoteProtocolError: 400, 457."""
    headers = request.headers
    scale, control, frames = headers.get("Scale"), headers.get("Rate-Control"), headers.get("Frames")
    immediate = headers.get("Immediate")
    begins, from_ns, until_ns = _place(range_)
    wish = ReplayWish(
        int((headers.get("CSeq") or "0")[-_CSEQ_DIGITS:]),
        begins,
        from_ns,
        until_ns,
        None if scale is None else parse_scale(scale),
        None if control is None else parse_rate_control(control),
        None if frames is None else Frames.parse(frames),
        immediate is not None and parse_immediate(immediate),
    )
    reverse = wish.scale is not None and wish.scale < 0
    if from_ns is not None and until_ns is not None and (from_ns < until_ns if reverse else until_ns < from_ns):
        raise _no_range("the times in the order in which Scale plays them")
    return wish


def read_pause_point(request: Request) -> int | None:
    """PAUSE -> the instant at which play is to stop; None: at once. Raises RemoteProtocolError (457)."""
    text = request.headers.get("Range")
    if text is None:
        return None
    range_ = Range.parse(text)
    if range_.unit is not RangeUnit.CLOCK or range_.start_ns is None:
        raise _no_range("clock=<UTC>-")
    return range_.start_ns


def _place(range_: Range | None) -> tuple[Begins, int | None, int | None]:
    if range_ is None:
        return Begins.RESUMED, None, None
    if range_.unit is RangeUnit.CLOCK:
        return Begins.AT, range_.start_ns, range_.end_ns
    if range_.end_ns is None and range_.now:
        return Begins.LATEST, None, None
    if range_.end_ns is None and range_.start_ns == 0:
        return Begins.FIRST, None, None
    start_ns, end_ns = range_.start_ns, range_.end_ns
    if start_ns is not None and all(
        NPT_OF_1970_NS <= ns <= NPT_OF_1970_NS + LAST_NS for ns in (start_ns, end_ns or start_ns)
    ):
        return Begins.AT, start_ns - NPT_OF_1970_NS, None if end_ns is None else end_ns - NPT_OF_1970_NS
    raise _no_range("clock=, npt=0- or npt=now-")


def _no_range(expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"Range: expected {expected}", clause="ONVIF Streaming, Range header field", status=457)
