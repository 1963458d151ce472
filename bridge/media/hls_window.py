"""The last seconds of a stream as LL-HLS tells them (RFC 8216bis): parts of segments, and the playlist of them.

Made of the fragments that browsers get as well. A segment begins with a key frame; where none comes for TARGET_S it is
cut all the same. What was asked for is waited for elsewhere: `wake` says that there is more. Pure.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.base.time import NS_PER_MS, NS_PER_S, format_utc, ticks_to_ns
from bridge.media.fragment_track import Fragment
from bridge.media.live_fragments import Beginning, LiveFragments

TARGET_S = 6
"""No segment is longer. A playlist tells less (EXT-X-TARGETDURATION, 4.4.3.1) where the first segment was short,
as players that know no parts look for new ones that often."""

SEGMENT_NS = 1900 * NS_PER_MS
"""At the first key frame behind it a segment ends: at each of a camera that sends one every two seconds."""

KEPT_SEGMENTS = 12
KEPT_BYTES = 48 << 20
PARTS_OF_SEGMENTS = 3
"""Of so many of the last segments the parts are told (4.4.4.9)."""

_PART_NS, _LONG_PART_NS = NS_PER_S // 2, NS_PER_S
_LONG_STEP_NS = NS_PER_S // 14
"""Pictures that are further apart do not fill parts of half a second to 85 % (B.1)."""

_GAP_NS = NS_PER_S


@dataclass(slots=True)
class Part:
    """Fragments of at most the part target. independent: begins with a key frame"""

    data: bytes
    lasts_ns: int
    independent: bool


@dataclass(slots=True)
class Segment:
    """What lies between two cuts. number: its media sequence number; init: number of its init segment."""

    number: int
    init: int
    utc_ns: int
    discontinuity: bool
    parts: list[Part] = field(default_factory=list)
    complete: bool = False

    @property
    def lasts_ns(self) -> int:
        """So far."""
        return sum(part.lasts_ns for part in self.parts)

    @property
    def size_bytes(self) -> int:
        """So far."""
        return sum(len(part.data) for part in self.parts)


class HlsWindow:
    """See the module; a `Tap`. Holds KEPT_SEGMENTS or KEPT_BYTES, the oldest go first."""

    def __init__(self, stream: LiveFragments, wake: Callable[[], object], *, audio: bool) -> None:
        """wake: called when there is more"""
        self.audio = audio
        self._stream = stream
        self._wake = wake
        self._segments: deque[Segment] = deque()
        self._inits: OrderedDict[int, bytes] = OrderedDict()
        self._init = 0
        self._lead = 0
        self._next_number = 0
        self._discontinuities_gone = 0
        self._open: list[Fragment] = []
        self._step_ns = _PART_NS
        self._part_ns = 0
        self._target_s = TARGET_S
        self._cut = True
        stream.tap(self)

    def close(self) -> None:
        """No more comes."""
        self._stream.untap(self)

    @property
    def part_target_ns(self) -> int:
        """As the playlist says; settled by the first pictures."""
        return self._part_ns or _PART_NS

    # --- What comes --------------------------------------------------------------------------------------------------

    def on_beginning(self, beginning: Beginning) -> None:
        """See Tap: what comes has another init segment."""
        self._close_part(None)
        self._end_segment()
        self._init += 1
        self._inits[self._init] = beginning.init
        while len(self._inits) > KEPT_SEGMENTS + 1:
            self._inits.popitem(last=False)
        self._cut = True
        self._lead = -1

    def on_fragment(self, fragment: Fragment) -> None:
        """See Tap: the first is a key frame of the track that parts are counted by."""
        if self._lead < 0:
            self._lead = fragment.track
        if fragment.track == self._lead:
            self._cut_before(fragment)
        self._open.append(fragment)

    def _cut_before(self, fragment: Fragment) -> None:
        at_ns = _starts_ns(fragment)
        first = next((one for one in self._open if one.track == self._lead), None)
        if first is None:
            self._open_segment(fragment, discontinuity=bool(self._next_number) and self._cut)
            return
        previous = next(one for one in reversed(self._open) if one.track == self._lead)
        step_ns = at_ns - _starts_ns(previous)
        if step_ns > _GAP_NS and step_ns > 4 * self._step_ns:
            # The camera was away.
            self._close_part(None)
            self._end_segment()
            self._open_segment(fragment, discontinuity=True)
            return
        # Of cameras that are not even the longest step counts for a while: no part may be longer than is told.
        self._step_ns = max(step_ns, self._step_ns * 9 // 10) if self._part_ns else step_ns
        if not self._part_ns:
            short = step_ns <= _LONG_STEP_NS
            self._part_ns = _PART_NS if short else max(_LONG_PART_NS, step_ns)
        lasts_ns = at_ns - _starts_ns(first)
        whole_ns = self._segments[-1].lasts_ns + lasts_ns
        ends = (fragment.key and whole_ns >= SEGMENT_NS) or whole_ns + self._step_ns > self._target_s * NS_PER_S
        if ends or lasts_ns + self._step_ns > self._part_ns + _ROUNDING_NS:
            self._close_part(at_ns)
        if ends:
            self._end_segment()
            self._open_segment(fragment, discontinuity=False)

    def _open_segment(self, fragment: Fragment, *, discontinuity: bool) -> None:
        anchor = self._stream.anchor
        utc_ns = anchor[0] + ticks_to_ns(fragment.time, fragment.clock_rate) - anchor[1] if anchor else 0
        self._segments.append(Segment(self._next_number, self._init, utc_ns, discontinuity))
        self._next_number += 1
        self._cut = False

    def _close_part(self, ends_ns: int | None) -> None:
        """ends_ns: None: it lasts as long as its last picture usually does."""
        fragments, self._open = self._open, []
        mine = [one for one in fragments if one.track == self._lead]
        if not mine or not self._segments:
            return
        if ends_ns is None:
            ends_ns = _starts_ns(mine[-1]) + self._step_ns
        data = b"".join(one.for_channel(0) for one in fragments)
        self._segments[-1].parts.append(Part(data, ends_ns - _starts_ns(mine[0]), mine[0].key))
        self._wake()

    def _end_segment(self) -> None:
        if self._segments and not self._segments[-1].complete:
            self._segments[-1].complete = True
            if self._target_s == TARGET_S and self._segments[-1].number == 0:
                self._target_s = min(TARGET_S, max(2, -(-self._segments[-1].lasts_ns * 3 // (2 * NS_PER_S))))
            if not self._segments[-1].parts:
                self._segments.pop()
                self._next_number -= 1
        size = sum(one.size_bytes for one in self._segments)
        while len(self._segments) > KEPT_SEGMENTS or (size > KEPT_BYTES and len(self._segments) > 1):
            gone = self._segments.popleft()
            size -= gone.size_bytes
            self._discontinuities_gone += gone.discontinuity
        self._wake()

    # --- What is asked -----------------------------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether there is a whole segment: players that know no parts give up on a playlist without one."""
        return any(one.complete for one in self._segments)

    @property
    def last_number(self) -> int:
        """Of the newest segment, which may still grow."""
        return self._next_number - 1

    def has(self, number: int, part: int | None) -> bool:
        """Whether a segment is complete, or has that part, or is gone already (6.2.5.2)."""
        newest = self._segments[-1] if self._segments else None
        if newest is None or number > newest.number:
            return False
        if number < newest.number or newest.complete:
            return True
        return part is not None and part < len(newest.parts)

    def init(self, number: int) -> bytes | None:
        """An init segment; None when it is gone."""
        return self._inits.get(number)

    def segment(self, number: int) -> bytes | None:
        """A whole one; None when it is gone, or not complete."""
        found = self._segment(number)
        return b"".join(part.data for part in found.parts) if found is not None and found.complete else None

    def part(self, number: int, part: int) -> bytes | None:
        """A part; None when it is gone, or not there yet."""
        found = self._segment(number)
        return found.parts[part].data if found is not None and part < len(found.parts) else None

    def _segment(self, number: int) -> Segment | None:
        return next((one for one in self._segments if one.number == number), None)

    def playlist(self) -> str:
        """The media playlist as of now."""
        target_ns = self.part_target_ns
        first = self._segments[0].number if self._segments else 0
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:9",
            f"#EXT-X-TARGETDURATION:{self._target_s}",
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={_seconds(3 * target_ns)}",
            f"#EXT-X-PART-INF:PART-TARGET={_seconds(target_ns)}",
            f"#EXT-X-MEDIA-SEQUENCE:{first}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._discontinuities_gone}",
        ]
        init = 0
        for place, segment in enumerate(self._segments):
            if segment.discontinuity:
                lines.append("#EXT-X-DISCONTINUITY")
            if segment.init != init:
                init = segment.init
                lines.append(f'#EXT-X-MAP:URI="init-{init}.mp4"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{format_utc(segment.utc_ns)}")
            if place >= len(self._segments) - PARTS_OF_SEGMENTS:
                lines += [_part_line(segment.number, number, part) for number, part in enumerate(segment.parts)]
            if segment.complete:
                lines += [f"#EXTINF:{_seconds(segment.lasts_ns)},", f"segment-{segment.number}.mp4"]
        if self._segments:
            newest = self._segments[-1]
            number, part = (newest.number + 1, 0) if newest.complete else (newest.number, len(newest.parts))
            lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-{number}-{part}.mp4"')
        return "\n".join([*lines, ""])


_ROUNDING_NS = 1_000_000
"""Times are whole ticks: twelve pictures of 41.67 ms are half a second."""


def _part_line(number: int, place: int, part: Part) -> str:
    independent = ",INDEPENDENT=YES" if part.independent else ""
    return f'#EXT-X-PART:DURATION={_seconds(part.lasts_ns)},URI="part-{number}-{place}.mp4"{independent}'


def _starts_ns(fragment: Fragment) -> int:
    return ticks_to_ns(fragment.decode_time, fragment.clock_rate)


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_S:.5f}".rstrip("0").rstrip(".")
