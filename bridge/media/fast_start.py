"""RTP times of a fast start: the current GOP goes out at once, so its times are squeezed together right before now.

With their true times a player would show the cached pictures in their own pace and stay a GOP behind for good. One tick
apart, it decodes them all and shows the newest. Sender reports stay true: what comes live has its true times.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice

#: H.264 and H.265 let no more pictures than this precede one in decoding and follow it in presentation.
MAX_DEPTH = 16


class ReorderDepth:
    """How many pictures of a stream came before one that is shown earlier than they are: 0 without B-frames."""

    def __init__(self) -> None:
        self.depth = 0
        self._max: int | None = None
        self._recent: deque[int] = deque(maxlen=MAX_DEPTH)

    def observe(self, media_time: int) -> None:
        """The presentation time of the next picture, in the order of arrival."""
        if self._max is None or media_time > self._max:
            self._max = media_time
        else:
            self.depth = max(self.depth, sum(other > media_time for other in self._recent))
        self._recent.append(media_time)


def compressed_times(media_times: Sequence[int], depth: int) -> list[int]:
    """The times under which cached pictures are sent, in the same order of arrival.

    The last `depth` + 1 in presentation keep their true times, as B-frames that are yet to come belong between them;
    those before lie one tick apart right before these.
    """
    order = sorted(range(len(media_times)), key=media_times.__getitem__)
    times = list(media_times)
    squeezed = len(order) - depth - 1
    if squeezed <= 0:
        return times
    first_true = media_times[order[squeezed]]
    for rank, index in enumerate(islice(order, squeezed)):
        times[index] = first_true - (squeezed - rank)
    return times
