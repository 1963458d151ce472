"""The service: builds every part by plain constructor calls, starts and stops them, and applies a new configuration."""

import gc
import os
import secrets
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import structlog
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool

from bridge.app import numbers
from bridge.app.certificates import DoorCertificates
from bridge.app.devices import VirtualDevices
from bridge.app.doors import Door, DoorError, OpenDoor, open_door
from bridge.app.fleet import CameraSettings, Fleet
from bridge.app.onvif import OnvifDoor, build_onvif
from bridge.app.recording import Recording
from bridge.app.resources import Parts, Resources
from bridge.app.store import Store, problems_of
from bridge.app.video import WebVideo
from bridge.app.web import Web
from bridge.app.web_users import WebUsers
from bridge.base.events import Topic
from bridge.base.time import NS_PER_S, Clock
from bridge.dialogue.digest import DigestAuthenticator
from bridge.media.hub import Hub
from bridge.services.control.server import ControlServer
from bridge.services.ingest.source import StreamSettings
from bridge.services.metrics.collector import MetricsPage
from bridge.services.metrics.watchdog import Watchdog
from bridge.services.rtsp.http_tunnel import TunnelDoor
from bridge.services.rtsp.multicast import Marks, WaysOut
from bridge.services.rtsp.recorded import RecordedStreams
from bridge.services.rtsp.server import Accounts, RtspLimits, RtspServer
from bridge.services.rtsp.websocket import WebSocketDoor
from bridge.services.tls.server import ServerTls
from bridge.services.transcode.pool import WorkerPool
from bridge.services.transcode.snapshot import Snapshots
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config, Limits
from bridge.system.config_checks import warnings
from bridge.system.config_diff import diff
from bridge.system.config_load import load
from bridge.system.control import describe_cameras
from bridge.system.lockout import Lockout
from bridge.system.multicast_groups import MulticastGroups
from bridge.system.presets import settings_of
from bridge.system.stored_cameras import AllCameras
from bridge.system.vouchers import Vouchers

T = TypeVar("T")
REALM = "Open Network Bridge"
LIVE_KEYS = ("public", "recording", "tls")
"""Tables whose changes a reload applies; the log names those that wait for the next start."""


class Service:
    """One running bridge."""

    def __init__(self, reactor: Any, clock: Clock, config: Config, config_path: Path | None, store: Store) -> None:
        """
        reactor:     Twisted's
        config_path: read again on SIGHUP; None: there is no file (demo)
        """
        self._reactor, self._clock = reactor, clock
        self._config, self._config_path, self._store = config, config_path, store
        self._log = structlog.get_logger()
        self._catalogue = Catalogue()
        self._cameras: tuple[CameraConfig, ...] = ()
        self._gatekeeper = Gatekeeper()
        multicast = config.multicast
        # Before the doors, as it must know of a change of the catalogue before they ask for groups.
        self._groups = MulticastGroups(self._catalogue, multicast.range, multicast.ttl) if multicast.enabled else None
        limits = config.limits
        self._lockout = Lockout(limits.login_failures, limits.login_pause_ns)
        clients = settings_of(config.clients)
        self._vouchers = Vouchers() if clients.rtsp_after_onvif else None
        self._digest = DigestAuthenticator(REALM, store.identity.nonce_key, algorithms=clients.digest)
        self._fleet = Fleet(reactor, clock, self._catalogue, self._make_hub, store.trust)
        self._recording = Recording(reactor, clock, store, self._catalogue)
        self._library = self._recording.library
        self._pool = WorkerPool(reactor)
        self._snapshots = Snapshots(self._pool)
        self._watchdog = Watchdog(reactor, clock)
        self._rtsp = self._build_rtsp(limits)
        self._onvif: OnvifDoor = build_onvif(
            reactor,
            clock,
            config,
            store,
            self._catalogue,
            self._gatekeeper,
            self._digest,
            self._lockout,
            self._recording,
            self._still,
            self._in_thread,
            self._groups,
            self._vouchers.prove if self._vouchers else lambda address, user, now: None,
        )
        self._devices = VirtualDevices(reactor, self._onvif)
        self._tls = ServerTls(reactor, handshake_s=limits.request_timeout_ns / NS_PER_S)
        self._certificates = DoorCertificates(
            reactor, clock, config.data, store.vault, self._tls, self._in_thread, self._post
        )
        self._tunnels = TunnelDoor(self._rtsp)
        self._websockets = WebSocketDoor(self._rtsp)
        self._onvif.server.add_door(self._tunnels)
        self._onvif.server.add_door(self._websockets)
        self._video = WebVideo(
            reactor,
            clock,
            self._catalogue,
            self._gatekeeper,
            self._library,
            self._in_thread,
            self._snapshots.still,
            limits,
        )
        self._changing = DeferredLock()
        self._web = self._build_web()
        self._control = ControlServer(reactor, config.data, self._control_answers())
        self._doors: dict[str, OpenDoor] = {}

    # --- Start and stop ----------------------------------------------------------------------------------------------

    def start(self, cameras: AllCameras) -> dict[str, object]:
        """Opens every door and begins to pull the cameras. Returns the ready line's values. Raises DoorError."""
        for line in (*warnings(self._config), *problems_of(self._store, cameras)):
            self._log.warning("configuration", note=line)
        self._certificates.show(self._config, self._certificates.read(self._config))
        for door in self._wanted_doors(self._config).values():
            self._doors[door.name] = open_door(self._reactor, door)
        self._rtsp.start()
        self._control.listen()
        self._apply_cameras(cameras)
        self._devices.open(self._config, cameras.cameras)
        self._onvif.start()
        self._web.start()
        self._resources.start()
        # What is there now stays for good, the compiled schemas above all: half a million objects that every full
        # collection would look at again, holding the reactor for a tenth of a second.
        gc.collect()
        gc.freeze()
        self._certificates.start()
        self._watchdog.start()
        return self.ready()

    async def stop(self) -> None:
        """Takes leave: of the network first, then of viewers and cameras; what is queued is written."""
        self._watchdog.stop()
        self._certificates.stop()
        self._resources.stop()
        await self._control.close()
        await self._onvif.stop()
        for door in self._doors.values():
            await door.close()
        await self._devices.close()
        self._tunnels.close()
        self._web.close()
        await self._rtsp.close()
        # Before the cameras go: what they sent last is recorded.
        self._recording.begin_stop()
        await self._fleet.stop()
        self._pool.close()
        await self._in_thread(self._resources.join)
        if not await self._in_thread(self._recording.join):
            self._log.warning("a storage does not answer; what is not written is recovered at the next start")

    def ready(self) -> dict[str, object]:
        """What the ready line says: the doors that are open."""

        def url(scheme: str, name: str, path: str = "") -> dict[str, object]:
            door = self._doors.get(name)
            if door is None:
                return {}
            return {name: f"{scheme}://{_reachable(door.door.addresses)}:{door.door.port}{path}"}

        return {
            **url("http", "onvif", "/onvif/device_service"),
            **url("https", "onvif_tls", "/onvif/device_service"),
            **url("rtsp", "rtsp"),
            **url("rtsps", "rtsps"),
            **url("http", "http"),
            **url("https", "https"),
            "pid": os.getpid(),
        }

    # --- Changes while running ---------------------------------------------------------------------------------------

    async def reload(self) -> None:
        """Reads the file and the database again. A broken file raises and changes nothing."""
        await self._in_turn(self._reload)

    async def _reload(self) -> None:
        path = self._config_path
        config = await self._in_thread(lambda: load(path)) if path else self._config
        changes = diff(self._config, config)
        cameras = await self._in_thread(lambda: self._store.all_cameras(config))
        certificate = await self._in_thread(lambda: self._certificates.read(config))
        if self._certificates.current is None:
            self._certificates.show(config, certificate)  # before a TLS door opens for the first time
        # What may fail comes first, so that a file is taken over whole or not at all.
        await self._rebind(config, changes.doors_changed)
        try:
            await self._in_thread(lambda: self._store.users.reload(config.users))
        except BaseException:
            await self._rebind(self._config, changes.doors_changed)
            raise
        self._config = config
        self._certificates.show(config, certificate)
        self._onvif.tell(config)
        for line in (*warnings(config), *problems_of(self._store, cameras)):
            self._log.warning("configuration", note=line)
        if later := [key for key in (*changes.needs_restart, *changes.settings) if key not in LIVE_KEYS]:
            self._log.warning("these keys take effect at the next start", keys=later)
        self._apply_cameras(cameras)
        await self._devices.apply(config, cameras.cameras)
        self._rights_changed()
        self._log.info("configuration reloaded", cameras=len(cameras.cameras), users=len(self._store.users.list()))

    async def _rebind(self, config: Config, changed: tuple[str, ...]) -> None:
        """Doors that changed are opened anew; when one of them cannot be, all go back to where they were."""
        wanted = self._wanted_doors(config)
        before = await self._close_doors(changed)
        try:
            for name in changed:
                if name in wanted:
                    self._doors[name] = open_door(self._reactor, wanted[name])
        except DoorError:
            await self._close_doors(changed)
            for opened in before:
                self._doors[opened.door.name] = open_door(self._reactor, opened.door)
            raise

    async def _close_doors(self, names: tuple[str, ...]) -> list[OpenDoor]:
        """Those of them that were open."""
        closed = [self._doors.pop(name) for name in names if name in self._doors]
        for door in closed:
            await door.close()
        return closed

    async def _users_changed(self) -> dict[str, object]:
        await self._in_turn(self._reread_users)
        return {}

    async def _reread_users(self) -> None:
        await self._in_thread(self._store.users.reload)
        self._rights_changed()

    def _change_users(self, work: Callable[[], T]) -> "Deferred[T]":
        """What the API asks for; every door knows of it when it is answered."""

        async def change() -> T:
            done: T = await self._in_thread(work)
            self._rights_changed()
            return done

        return self._in_turn(change)

    async def _cameras_changed(self) -> dict[str, object]:
        await self._in_turn(self._reread_cameras)
        return {}

    async def _reread_cameras(self) -> None:
        cameras = await self._in_thread(lambda: self._store.all_cameras(self._config))
        self._apply_cameras(cameras)
        await self._devices.apply(self._config, cameras.cameras)

    async def _trust_changed(self) -> dict[str, object]:
        await self._in_thread(self._store.trust.load)
        self._fleet.trust_changed()
        return {}

    async def _certificates_changed(self) -> dict[str, object]:
        await self._in_turn(self._reread_certificate)
        return {}

    async def _reread_certificate(self) -> None:
        self._certificates.show(self._config, await self._in_thread(lambda: self._certificates.read(self._config)))

    async def _reloaded(self) -> dict[str, object]:
        await self.reload()
        return {}

    def _apply_cameras(self, cameras: AllCameras) -> None:
        self._cameras = cameras.cameras
        self._fleet.apply(map(camera_settings, cameras.cameras))
        self._recording.apply(self._config, cameras.cameras)

    def _rights_changed(self) -> None:
        self._rtsp.recheck()
        self._resources.rights_changed()
        self._onvif.rights_changed()
        self._web.rights_changed()

    def _control_answers(self) -> Mapping[str, Callable[[], dict[str, object] | Deferred[dict[str, object]]]]:
        return {
            "cameras": lambda: {
                "cameras": describe_cameras(self._catalogue, self._recording.states(), self._store.trust.by_camera())
            },
            "recordings": lambda: self._in_thread(lambda: {"recordings": self._recording.list()}),
            "users-changed": lambda: Deferred.fromCoroutine(self._users_changed()),
            "trust-changed": lambda: Deferred.fromCoroutine(self._trust_changed()),
            "certificates-changed": lambda: Deferred.fromCoroutine(self._certificates_changed()),
            "cameras-changed": lambda: Deferred.fromCoroutine(self._cameras_changed()),
            "reload": lambda: Deferred.fromCoroutine(self._reloaded()),
        }

    def _in_turn(self, change: Callable[[], Coroutine[Any, Any, T]]) -> "Deferred[T]":
        """One change at a time: two reloads at once would find each other's doors half open."""
        return self._changing.run(lambda: Deferred.fromCoroutine(change()))

    def _in_thread(self, work: Callable[[], Any]) -> "Deferred[Any]":
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def _post(self, topic: Topic, data: Mapping[str, int | str]) -> None:
        """An event of the device itself."""
        if self._store.events is not None:
            self._store.events.post(topic, "", data, self._clock.utc_ns())

    # --- Parts -------------------------------------------------------------------------------------------------------

    def _make_hub(self, name: str) -> Hub:
        def on_failure(subscriber: object, error: Exception) -> None:
            who = type(subscriber).__name__
            self._log.error("a subscriber of a stream failed", stream=name, subscriber=who, error=repr(error))

        return Hub(name, self._clock, on_failure=on_failure)

    def _build_rtsp(self, limits: Limits) -> RtspServer:
        users = self._store.users
        accounts = Accounts(
            users.principal,
            users.secret_of,
            self._lockout,
            vouched=self._vouchers.user_at if self._vouchers else lambda address, now: None,
            digest=settings_of(self._config.clients).digest,
        )
        packet_bytes, multicast = self._config.rtsp.packet_bytes, self._config.multicast
        recorded = None
        if self._library is not None:
            recorded = RecordedStreams(
                self._reactor,
                self._clock,
                self._catalogue,
                self._gatekeeper,
                self._library,
                self._in_thread,
                secrets.token_bytes,
                packet_bytes,
            )
        return RtspServer(
            self._reactor,
            self._clock,
            self._catalogue,
            self._gatekeeper,
            accounts,
            self._store.audit,
            secrets.token_bytes,
            hosts=self._config.bind_of("rtsp"),
            limits=RtspLimits(
                connections=limits.rtsp_connections,
                connections_per_address=limits.rtsp_connections_per_address,
                sessions=limits.rtsp_sessions,
                sessions_per_user=limits.rtsp_sessions_per_user,
                replays=limits.rtsp_replays,
                session_timeout_s=limits.rtsp_session_timeout_ns // NS_PER_S,
                first_request_timeout_s=limits.first_request_timeout_ns // NS_PER_S,
                request_timeout_s=limits.request_timeout_ns // NS_PER_S,
                idle_timeout_s=limits.idle_timeout_ns // NS_PER_S,
                packet_bytes=packet_bytes,
            ),
            recorded=recorded,
            groups=self._groups,
            ways_out=WaysOut(self._reactor, Marks(multicast.ttl, multicast.dscp)) if multicast.enabled else None,
        )

    def _build_web(self) -> Web:
        users = WebUsers(
            self._reactor,
            self._clock,
            self._config,
            self._store,
            self._lockout,
            self._in_thread,
            self._change_users,
        )
        page = MetricsPage(
            [
                numbers.of_build,
                numbers.of_streams(self._catalogue),
                numbers.of_ingest(self._fleet),
                numbers.of_rtsp(self._rtsp),
                numbers.of_talk(self._catalogue),
                numbers.of_tunnels(self._tunnels, self._websockets),
                numbers.of_video(self._video),
                numbers.of_recording(self._recording),
                numbers.of_searches(self._onvif.search),
                numbers.of_tls(self._certificates, self._tls.counts),
                numbers.of_web_users(users),
                numbers.of_process(self._watchdog, self._pool, self._store.audit),
            ]
        )
        self._resources = Resources(
            Parts(
                self._reactor,
                self._clock,
                self._store,
                self._catalogue,
                self._gatekeeper,
                self._recording,
                self._snapshots,
                self._in_thread,
                lambda: self._config,
                lambda: self._cameras,
                self._watchdog,
                self._certificates,
                lambda: self._doors,
                lambda: (self._rtsp.statistics.viewers + self._video.viewers, self._rtsp.statistics.replays),
                self._cameras_changed,
                self._certificates_changed,
            )
        )

        def of_files() -> bool:
            """Whether the certificate is the operator's own: ours no browser trusts by itself, and it may be lost."""
            current = self._certificates.current
            return current is not None and not current.ours

        return Web(
            self._reactor,
            self._clock,
            self._config,
            page.render,
            users,
            self._resources,
            of_files,
            self._video,
        )

    async def _still(self, camera_id: str) -> bytes | None:
        """The picture of a camera's main stream; None while there is none."""
        camera = self._catalogue.camera(camera_id)
        stream = camera.stream("") if camera else None
        return await self._snapshots.still(stream.hub) if stream else None

    def _wanted_doors(self, config: Config) -> dict[str, Door]:
        in_clear = {"onvif": self._onvif.factory, "rtsp": self._rtsp, "http": self._web.door.factory}
        over_tls = {"onvif_tls": self._onvif.factory, "rtsps": self._rtsp, "https": self._web.door.factory}
        factories = in_clear | {name: self._tls.behind(factory) for name, factory in over_tls.items()}
        return {
            name: Door(name, config.port_of(name), config.bind_of(name), factory)
            for name, factory in factories.items()
            if config.port_of(name)
        }


def camera_settings(camera: CameraConfig) -> CameraSettings:
    """A camera of the configuration as it should run."""
    return CameraSettings(
        camera.id,
        camera.name,
        tuple(
            StreamSettings(
                camera.id,
                stream.name,
                stream.url.with_credentials,
                stream.transport,
                camera.driver,
                camera.tls_ca.certificates if camera.tls_ca is not None else (),
                # Many cameras have one loudspeaker for all streams, and refuse the second who asks for it.
                talk=camera.talk and stream is camera.streams[0],
            )
            for stream in camera.streams
        ),
    )


def _reachable(addresses: tuple[str, ...]) -> str:
    """An address that a program on this host can call: the wildcard is not one."""
    first = addresses[0]
    if first in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1" if first == "0.0.0.0" else "[::1]"  # noqa: S104 - the same
    return f"[{first}]" if ":" in first else first
