"""Footage as ONVIF replays it: access units of a recording in the order and with the flags that a PLAY asks for.

ONVIF Streaming Specification, "Replay": where play begins, which frames are sent, in what order, and what the header
extension says of each (bridge/wire/replay_header.py). Pace, packets and the dialogue are left to services/rtsp.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit
from bridge.recorder.library import Held, Library
from bridge.store.reader import Begin, Edge


class Frames(enum.Enum):
    """Which pictures are wanted: all, those that others may refer to (I and P), or key frames alone (I)."""

    ALL = "all"
    PREDICTED = "predicted"
    INTRA = "intra"


class NothingThereError(BridgeError):
    """There is no footage where play should begin, nor on the side that it would go to (RTSP: 457)."""


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """What a PLAY asks for. Times are UTC nanoseconds.

    from_ns:  where play begins; None: forwards where the footage begins, in reverse where it ends
    until_ns: where it ends; None: where the footage ends in that direction, and forwards on with it as it grows.
              Forwards the times are [from, until), in reverse `from_ns` is the later one
    intra_ms: of key frames, the least distance of two on the recording's time line, whatever the speed
    tracks:   numbers (in `Held.tracks`) of those that were set up; None: all
    """

    from_ns: int | None
    until_ns: int | None
    reverse: bool = False
    frames: Frames = Frames.ALL
    intra_ms: int = 0
    tracks: frozenset[int] | None = None


@dataclass(slots=True)
class ReplayUnit:
    """An access unit and its flags; see `ReplayHeader`. `unit.track` is a number in `Held.tracks`."""

    unit: AccessUnit
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool


ReplayItem = Begin | ReplayUnit | Edge


class Replay:
    """One order, played. Blocks for disk and database: in the reader pool; one thread at a time.

    It is as fast as its reader and holds a bounded amount.
    """

    def __init__(self, library: Library, held: Held, order: ReplayOrder) -> None:
        self._library = library
        self._held = held
        self._order = order

    def items(self) -> Iterator[ReplayItem]:
        """To be called once.

        `Begin` comes first and when tracks change; its tracks stand as in `Held.tracks`. `Edge` says that all was
        handed out that is there by now: pull again later, the recording may go on. It ends when the order is played
        out. The first pull raises NothingThereError; all raise DatabaseUnusableError.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Closes the files that are open. Not while another thread pulls."""
