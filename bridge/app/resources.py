"""Builds the REST resources of the web door out of the parts of the service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall

from bridge.app.exports import export_jobs
from bridge.app.recording import Recording
from bridge.app.store import Store
from bridge.base.time import Clock
from bridge.services.transcode.snapshot import Snapshots
from bridge.services.web.cameras import CameraPages, camera_routes
from bridge.services.web.exports import ExportPages, export_routes
from bridge.services.web.notices import Kind, Notices, notice_sockets
from bridge.services.web.recordings import recording_routes
from bridge.services.web.routes import Route
from bridge.services.web.stills import StillPages, still_routes
from bridge.services.web.views import ViewPages, view_routes
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config
from bridge.system.views import Views

LOOK_S = 1.0


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
    """`rows` and `sockets` for the tables of the door; works from `start` to `stop`."""

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
        self.notices = Notices(parts.reactor)
        store, changed = parts.store, self.notices.changed
        self._exports = export_jobs(
            parts.config(),
            parts.clock,
            store.vault,
            library,
            parts.cameras,
            lambda job: parts.reactor.callFromThread(changed, Kind.EXPORTS, job.user),
        )
        exports = ExportPages(
            *(self._exports, library, parts.catalogue, parts.gatekeeper, parts.in_thread, store.audit, parts.clock)
        )
        views = ViewPages(
            Views(store.database),
            parts.gatekeeper,
            parts.in_thread,
            parts.clock,
            lambda owner: changed(Kind.VIEWS, owner),
        )
        self.rows: list[Route] = [
            *camera_routes(self.cameras),
            *still_routes(stills),
            *recording_routes(library, parts.gatekeeper, parts.in_thread),
            *export_routes(exports),
            *view_routes(views),
        ]
        self.sockets: list[Route] = notice_sockets(self.notices)
        self._seen: object = None
        self._looks = LoopingCall(self._look)
        self._looks.clock = parts.reactor

    def start(self) -> None:
        """Exports are made from now on, and changes told."""
        self._exports.start()
        self._looks.start(LOOK_S, now=False)

    def stop(self) -> None:
        """No more looks; exports are given up with `join`."""
        if self._looks.running:
            self._looks.stop()

    def join(self) -> bool:
        """Waits for the export that runs to be given up: not on the reactor. False: a disk hangs."""
        return self._exports.stop()

    def rights_changed(self) -> None:
        """Users or their rights are others now."""
        self.notices.recheck(self._parts.store.users.principal)
        self.notices.changed(Kind.USERS)

    def _look(self) -> None:
        """Tells when a camera or its recording is another now; streams change their state in many places."""
        if not self.notices.open:
            self._seen = None
            return
        states = self._parts.recording.states()
        seen = [
            (
                one.id,
                one.name,
                [(stream.name, stream.state, stream.reason, stream.hub.tracks) for stream in one.streams],
            )
            for one in self._parts.catalogue.cameras()
        ]
        if self._seen not in (None, (seen, states)):
            self.notices.changed(Kind.CAMERAS)
        self._seen = (seen, states)
