"""Builds the REST resources of the web door out of the parts of the service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.app.recording import Recording
from bridge.app.store import Store
from bridge.base.time import Clock
from bridge.services.transcode.snapshot import Snapshots
from bridge.services.web.cameras import CameraPages, camera_routes
from bridge.services.web.recordings import recording_routes
from bridge.services.web.routes import Route
from bridge.services.web.stills import StillPages, still_routes
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config


@dataclass(frozen=True, slots=True)
class Parts:
    """What resources are made of.

    reactor:    Any, Twisted's
    in_thread:  Any: (work) -> Deferred of what it returns
    config:     as it is now
    cameras:    as they are configured now, those of the database too
    """

    reactor: Any
    clock: Clock
    store: Store
    catalogue: Catalogue
    gatekeeper: Gatekeeper
    recording: Recording
    snapshots: Snapshots
    in_thread: Any
    config: Callable[[], Config]
    cameras: Callable[[], tuple[CameraConfig, ...]]


class Resources:
    """`rows` for the table of the door."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        library = parts.recording.library
        self.cameras = CameraPages(
            parts.catalogue,
            parts.gatekeeper,
            parts.recording.states,
            parts.store.trust.by_camera,
            lambda: {camera.id: camera for camera in parts.cameras()},
            lambda: frozenset(camera.id for camera in parts.config().cameras),
        )
        stills = StillPages(
            parts.catalogue,
            parts.gatekeeper,
            library,
            parts.snapshots.still,
            parts.snapshots.of_unit,
            parts.in_thread,
            parts.store.audit,
            parts.clock,
        )
        self.rows: list[Route] = [
            *camera_routes(self.cameras),
            *still_routes(stills),
            *recording_routes(library, parts.gatekeeper, parts.in_thread),
        ]
