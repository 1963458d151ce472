"""Builds the REST resources of the web door out of the parts of the service."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from twisted.internet.task import LoopingCall

from bridge.app.certificates import DoorCertificates
from bridge.app.doors import OpenDoor
from bridge.app.exports import export_jobs
from bridge.app.recording import Recording
from bridge.app.store import Store
from bridge.app.system import TLS_DOORS, SystemState
from bridge.base.time import NS_PER_S, Clock
from bridge.services.ingest.probe import Probe
from bridge.services.metrics.watchdog import Watchdog
from bridge.services.transcode.snapshot import Snapshots
from bridge.services.web.camera_changes import CameraChanges, Tried, camera_change_routes
from bridge.services.web.cameras import CameraPages, camera_routes
from bridge.services.web.certificates import CertificatePages, certificate_routes
from bridge.services.web.exports import ExportPages, export_routes
from bridge.services.web.notices import Kind, Notices, notice_sockets
from bridge.services.web.recordings import recording_routes
from bridge.services.web.routes import Route
from bridge.services.web.stills import StillPages, still_routes
from bridge.services.web.system import SAMPLE_S, History, system_routes
from bridge.services.web.views import ViewPages, view_routes
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config
from bridge.system.door_certificate import CA_FILE, of_ours
from bridge.system.host_names import names_of_host
from bridge.system.views import Views
from bridge.wire.rtsp.url import RtspUrl

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What resources are made of.

    reactor:    Any, Twisted's
    in_thread:  Any: (work) -> Deferred of what it returns
    config:     as it is now
    cameras:    as they are configured now, those of the database too
    watching:   (live viewers of every door, replays)
    cameras_changed, certificates_changed: read the database's, or the folder's, again, and apply what is another
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
    watchdog: Watchdog
    certificates: DoorCertificates
    doors: Callable[[], Mapping[str, OpenDoor]]
    watching: Callable[[], tuple[int, int]]
    cameras_changed: Callable[[], Awaitable[object]]
    certificates_changed: Callable[[], Awaitable[object]]


class Resources:
    """`rows` and `sockets` for the tables of the door; works from `start` to `stop`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._log = structlog.get_logger()
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
        changes = CameraChanges(
            self.cameras,
            store.cameras,
            store.trust,
            parts.config,
            self._apply_cameras,
            self._try,
            parts.snapshots.of_unit,
            parts.in_thread,
            store.audit,
            parts.clock,
        )
        self._state = state = SystemState(
            parts.clock,
            parts.config,
            parts.catalogue,
            parts.recording,
            parts.watchdog,
            parts.certificates,
            parts.doors,
            parts.watching,
        )
        self._history = History(parts.clock, state.measure)
        certificates = CertificatePages(
            lambda: parts.certificates.current,
            lambda: [name for name in parts.doors() if name in TLS_DOORS],
            self._authority,
            self._renew,
            store.audit,
            parts.clock,
        )
        self.rows: list[Route] = [
            *camera_routes(self.cameras),
            *camera_change_routes(changes),
            *system_routes(state.read, self._history),
            *certificate_routes(certificates),
            *still_routes(stills),
            *recording_routes(library, parts.gatekeeper, parts.in_thread),
            *export_routes(exports),
            *view_routes(views),
        ]
        self.sockets: list[Route] = notice_sockets(self.notices)
        self._seen: object = None
        self._banner: list[str] | None = None
        self._loops = [(LoopingCall(self._look), LOOK_S), (LoopingCall(self._history.sample), SAMPLE_S)]
        for loop, _ in self._loops:
            loop.clock = parts.reactor

    def start(self) -> None:
        """Exports are made from now on, and changes told."""
        self._exports.start()
        for loop, every_s in self._loops:
            loop.start(every_s, now=every_s == SAMPLE_S)

    def stop(self) -> None:
        """No more looks; exports are given up with `join`."""
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()

    def join(self) -> bool:
        """Waits for the export that runs to be given up: not on the reactor. False: a disk hangs."""
        return self._exports.stop()

    def rights_changed(self) -> None:
        """Users or their rights are others now."""
        self.notices.recheck(self._parts.store.users.principal)
        for kind in (Kind.USERS, Kind.CAMERAS, Kind.VIEWS):  # what somebody sees hangs on his rights
            self.notices.changed(kind)

    async def _apply_cameras(self) -> None:
        await self._parts.cameras_changed()
        self.notices.changed(Kind.CAMERAS)

    async def _try(self, url: RtspUrl, transport: str, driver: str) -> Tried:
        parts = self._parts
        found = await Probe(parts.reactor, parts.clock, self._log, url, transport, driver).run()
        return Tried(found.ok, found.reason, found.tracks, found.key)

    async def _authority(self) -> bytes | None:
        current, path = self._parts.certificates.current, self._parts.config().data / CA_FILE
        if current is None or not current.ours:
            return None
        found: bytes | None = await self._parts.in_thread(lambda: path.read_bytes() if path.exists() else None)
        return found

    async def _renew(self) -> None:
        parts, config = self._parts, self._parts.config()
        now = dt.datetime.fromtimestamp(parts.clock.utc_ns() // NS_PER_S, dt.UTC)

        def work() -> None:
            of_ours(config.data, parts.store.vault, names_of_host(config.public.host), now, renew=True)

        await parts.in_thread(work)
        await parts.certificates_changed()
        self.notices.changed(Kind.SYSTEM)

    def _look(self) -> None:
        """Tells when a camera or its recording is another now; streams change their state in many places."""
        if not self.notices.open:
            self._seen = self._banner = None
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
        banner = [one.text for one in self._state.notices()]
        if self._banner not in (None, banner):
            self.notices.changed(Kind.SYSTEM)
        self._banner = banner
