"""The catalogue: which cameras and streams are there, and how they are.

Doors reach video only through it. This one holds the cameras of this process; a recorder on another machine is one
more implementation of the same calls.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bridge.media.hub import Hub
from bridge.media.talk import TalkLine


class StreamState(enum.StrEnum):
    """How a stream is; the words of `onb cameras` and of the metrics."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"


@dataclass(slots=True, eq=False)
class LiveStream:
    """One encoding of a camera.

    reason: why it is down, one sentence for people (`DNS: no address for cam.example`); "" while up. Holds no secret.
    """

    name: str
    hub: Hub
    state: StreamState = StreamState.CONNECTING
    reason: str = ""


@dataclass(slots=True, eq=False)
class Camera:
    """A camera and its streams; the first is the main one.

    talk: the way to its loudspeaker; None: it is not to be talked to
    """

    id: str
    name: str
    streams: tuple[LiveStream, ...] = field(default=())
    talk: TalkLine | None = None

    def stream(self, name: str) -> LiveStream | None:
        """The stream of that name; "" means the main one."""
        if not name:
            return self.streams[0] if self.streams else None
        return next((stream for stream in self.streams if stream.name == name), None)

    @property
    def state(self) -> StreamState:
        """The main stream's state stands for the camera."""
        return self.streams[0].state if self.streams else StreamState.DOWN

    @property
    def reason(self) -> str:
        """The main stream's reason."""
        return self.streams[0].reason if self.streams else "no stream is configured"


class Catalogue:
    """The cameras of this process, in the order of the configuration."""

    def __init__(self) -> None:
        self._cameras: dict[str, Camera] = {}
        self._watchers: list[Callable[[], None]] = []

    def cameras(self) -> tuple[Camera, ...]:
        """All cameras, in a stable order."""
        return tuple(self._cameras.values())

    def camera(self, camera_id: str) -> Camera | None:
        """The camera of that id."""
        return self._cameras.get(camera_id)

    def replace(self, cameras: Iterable[Camera]) -> None:
        """The new set of cameras, in order; objects that stay keep their viewers. Tells the watchers."""
        self._cameras = {camera.id: camera for camera in cameras}
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """`watcher` is called after cameras were added, removed or replaced."""
        self._watchers.append(watcher)
