"""Decode times for what came without: RTP carries presentation times only (docs/design/store.md, "Decode times").

The decode times of a track are its presentation times in their own order, put off by the depth of reordering that the
stream has shown. With depth d, sample i of the decoding order gets the presentation time that is number i - d when all
are sorted: it is known by then, as no more than d samples are decoded before one that is shown earlier, and it is not
later than the sample's own. Where the depth turns out to be larger than it seemed, decode times go on tick by tick
until they are behind again, and composition offsets become negative meanwhile.

All times lie on the stream's time line, in the track's clock; a segment subtracts the origins of its header.
"""

from collections import deque
from collections.abc import Sequence
from heapq import heappush, heappushpop
from itertools import pairwise

from bridge.base.errors import LocalProtocolError
from bridge.base.media import Medium, Track

#: H.264 and H.265 let no more pictures than this be shown before one that came earlier (max_dec_frame_buffering).
MAX_REORDERED = 16

#: Where nothing tells how long the only sample of a track lasts.
_USUAL_VIDEO_RATE = 25
_USUAL_AUDIO_RATE = 50

_MAX_DURATION = 0xFFFFFFFF
_MAX_OFFSET = 0x7FFFFFFF
_NEVER = -1 << 80


class DecodeTimes:
    """One track over one run, whatever segments and fragments it is cut into. A new run needs a new one."""

    def __init__(self, track: Track, depth: int = 0) -> None:
        """depth: what is known of it already."""
        self.depth = depth
        """Most samples so far that were decoded before one that is shown earlier."""
        self._may_reorder = track.codec.of_nal_units
        rate = _USUAL_VIDEO_RATE if track.medium is Medium.VIDEO else _USUAL_AUDIO_RATE
        self._duration = max(1, int(track.clock_rate // (track.frame_rate or rate)))
        self._last: int | None = None
        # What the duration of the last sample says about the next one.
        self._promised: int | None = None
        # The `depth` presentation times (a heap) that have not become decode times yet.
        self._pending: list[int] = []
        self._latest: deque[int] = deque(maxlen=MAX_REORDERED)
        self._highest: int | None = None

    def assign(
        self, media_times: Sequence[int], next_media_time: int | None = None, *, not_before: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Decode times and durations of a fragment's samples.

        media_times:     in decoding order, at least one
        next_media_time: of the sample behind them, if it is known; its decode time is where the last duration ends
        not_before:      the segment's origin: no decode time is lower
        Raises LocalProtocolError when the times jump so far that no composition offset can tell: a new run was due.
        """
        for media_time in media_times:
            self._learn(media_time)
        known = media_times if next_media_time is None else (*media_times, next_media_time)
        if next_media_time is not None:
            self._learn(next_media_time, keep=False)
        if self._last is None:
            self._lead_in(known)
        pending = self._pending
        room = self.depth - len(pending)
        times: list[int] = []
        lowest = self._lowest(not_before)
        for media_time in media_times:
            if room:
                heappush(pending, media_time)
                room -= 1
                time = lowest
            else:
                time = max(heappushpop(pending, media_time), lowest)
            if self._promised is not None:
                time, self._promised = max(self._promised, lowest), None
            if not -_MAX_OFFSET <= media_time - time <= _MAX_OFFSET:
                raise LocalProtocolError(f"media time {media_time} behind decode time {time}: a new run was due")
            times.append(time)
            lowest = time + 1
        self._last = times[-1]
        durations = [after - before for before, after in pairwise(times)]
        durations.append(self._last_duration(lowest, next_media_time, room, durations))
        return times, durations

    def _learn(self, media_time: int, *, keep: bool = True) -> None:
        """How many samples came before this one that are shown after it?"""
        if self._highest is None or media_time > self._highest:
            if keep:
                self._highest = media_time
        elif self._may_reorder:
            self.depth = max(self.depth, sum(other > media_time for other in self._latest))
        if keep:
            self._latest.append(media_time)

    def _lead_in(self, known: Sequence[int]) -> None:
        """A run begins: as many decode times as its depth lie before its first presentation time."""
        shown = sorted(known)
        steps = sorted(after - before for before, after in pairwise(shown))
        step = max(1, steps[len(steps) // 2]) if steps else self._duration
        self._pending = [shown[0] - count * step for count in range(self.depth, 0, -1)]

    def _lowest(self, not_before: int | None) -> int:
        if self._last is None:
            return not_before if not_before is not None else _NEVER
        return max(self._last + 1, not_before) if not_before is not None else self._last + 1

    def _last_duration(self, lowest: int, next_media_time: int | None, room: int, durations: Sequence[int]) -> int:
        """Up to the next sample, if it is known; else as long as the one before."""
        self._duration = durations[-1] if durations else self._duration
        if next_media_time is None:
            return self._duration
        pending = self._pending
        following = lowest if room else max(lowest, min(pending[0], next_media_time) if pending else next_media_time)
        duration = following - lowest + 1
        if duration > _MAX_DURATION:
            return self._duration
        self._promised = following
        return duration


def begin_run(tracks: Sequence[Track]) -> tuple[DecodeTimes, ...]:
    """Of each track, for a new run; also when the tracks change in the middle of one."""
    return tuple(map(DecodeTimes, tracks))
