"""Builds the ONVIF side: SOAP services, snapshots and WS-Discovery, over the catalogue."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address
from typing import Any

from bridge import __version__
from bridge.app.recording import Recording
from bridge.app.store import Store
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.digest import DigestAuthenticator
from bridge.dialogue.discovery import DiscoverableDevice
from bridge.dialogue.wsse import TokenChecker
from bridge.net.addresses import Place, PublicAddress, bracketed
from bridge.net.http import HttpLimits
from bridge.services.discovery.responder import DiscoveryResponder
from bridge.services.onvif.device import Ports
from bridge.services.onvif.faces import Face, Faces, Identity
from bridge.services.onvif.host import Host, HostFacts
from bridge.services.onvif.ignored import handlers_for, ignoring
from bridge.services.onvif.login import Login
from bridge.services.onvif.policy import read_policies
from bridge.services.onvif.profiles import Profiles
from bridge.services.onvif.recorded import InPool, Recorded
from bridge.services.onvif.schemas import SERVICES, loader, schema_folder
from bridge.services.onvif.search import Search
from bridge.services.onvif.served import SERVED, Past, serve
from bridge.services.onvif.server import OnvifServer
from bridge.services.onvif.service import OnvifService
from bridge.services.onvif.slices import Slices
from bridge.services.onvif.snapshot import PREFIX, SnapshotPage
from bridge.services.onvif.warming import Warming
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config
from bridge.system.lockout import Lockout
from bridge.system.multicast_groups import MulticastGroups
from bridge.system.presets import settings_of
from bridge.wire.scopes import device_scopes
from bridge.wire.soap.schema import Schemas

PRODUCT = "Open Network Bridge"
HARDWARE = "Software"

PER_DEVICE = 4
"""More connections of one client: a recorder that has a hundred virtual devices keeps a few to each of them."""


class OnvifDoor:
    """The HTTP server of port 580 and the discovery of it."""

    def __init__(
        self,
        server: OnvifServer,
        service: OnvifService,
        faces: Faces,
        ports: Ports,
        warming: Warming,
        search: Search,
        discovery: DiscoveryResponder | None,
        clock: Clock,
    ) -> None:
        self._server, self._service, self._faces, self._ports = server, service, faces, ports
        self._warming, self._search, self._discovery = warming, search, discovery
        self._instance_id = clock.utc_ns() // NS_PER_S
        self._shown: dict[Place, tuple[Face, DiscoverableDevice]] = {}
        if discovery is not None and (ports.http or ports.https):
            discovery.add(self._discoverable(faces.own))

    @property
    def server(self) -> OnvifServer:
        """For its counters, and for other doors on its port."""
        return self._server

    @property
    def search(self) -> Search:
        """For its counters."""
        return self._search

    @property
    def factory(self) -> Any:
        """What makes a protocol for each connection."""
        return self._server.factory

    def start(self) -> None:
        """Says Hello, and begins to render what will be asked for."""
        self._warming.start()
        if self._discovery is not None:
            self._discovery.start()

    def tell(self, config: Config) -> None:
        """From now on answers carry the addresses and ports of `config`."""
        self._service.public = _public(config)
        ports = config.ports
        self._ports.http, self._ports.https, self._ports.rtsp = ports.onvif, ports.onvif_tls, ports.rtsp
        self._service.forget_answers()

    def show(self, cameras: Iterable[CameraConfig]) -> None:
        """From now on these cameras are virtual devices; who is connected to one that goes or changes is hung up on."""
        wanted = {
            (bracketed(camera.device_address or ""), camera.device_port): self._face(camera) for camera in cameras
        }
        gone = {place: device for place, (face, device) in self._shown.items() if wanted.get(place) != face}
        self._faces.replace(wanted)
        self._service.forget_answers()
        for place, device in gone.items():
            del self._shown[place]
            self._server.hang_up(place)
            if self._discovery is not None:
                self._discovery.remove(device)
        for place, face in wanted.items():
            if place not in self._shown:
                device = self._discoverable(face)
                self._shown[place] = face, device
                if self._discovery is not None:
                    self._discovery.add(device)

    def _face(self, camera: CameraConfig) -> Face:
        identity = self._faces.own.identity.of_camera(camera.id)
        scopes = device_scopes(camera.name, identity.hardware, mac=_plain(identity.mac), serial=identity.serial)
        return Face(identity, scopes, camera.id, camera.device_address or "", camera.device_port)

    def _discoverable(self, face: Face) -> DiscoverableDevice:
        def xaddrs(local: str) -> tuple[str, ...]:
            public, ports, path = face.public(self._service.public), self._ports, SERVICES["device"].path
            host = bracketed(public.host or face.address or local)
            doors = [("http", ports.http, public.onvif_port), ("https", ports.https, public.onvif_tls_port)]
            if face.port:
                doors = [("http", face.port, 0)]
            return tuple(f"{scheme}://{host}:{outer or port}{path}" for scheme, port, outer in doors if port)

        endpoint = face.identity.endpoint
        return DiscoverableDevice(endpoint, face.scopes, self._instance_id, secrets.token_bytes, xaddrs)

    def rights_changed(self) -> None:
        """What was made under the old ones is not handed out any more."""
        self._service.forget_answers()
        self._search.forget()

    async def stop(self) -> None:
        """Says Bye, hangs up."""
        self._warming.stop()
        self._search.close()
        if self._discovery is not None:
            await self._discovery.stop()
        self._server.hang_up()


def build_onvif(
    reactor: Any,
    clock: Clock,
    config: Config,
    store: Store,
    catalogue: Catalogue,
    gatekeeper: Gatekeeper,
    digest: DigestAuthenticator,
    lockout: Lockout,
    recording: Recording,
    still: Callable[[str], Awaitable[bytes | None]],
    in_pool: InPool,
    groups: MulticastGroups | None,
    proven: Callable[[str, str, MonotonicNs], object],
) -> OnvifDoor:
    """Compiles the schemas (about half a second) and wires the services."""
    host = Host()
    facts = host.facts(clock.monotonic_ns())
    identity = Identity(PRODUCT, PRODUCT, __version__, store.identity.serial, HARDWARE, store.identity.device_uuid.urn)
    scopes = device_scopes(PRODUCT, HARDWARE, mac=_mac(facts), serial=store.identity.serial)
    tokens = TokenChecker() if config.security.usernametoken else None
    login = Login(digest, tokens, store.users, lockout, store.audit, clock, secrets.token_bytes, proven)
    schemas = Schemas(loader("official"), loader("prepared"))
    faces = Faces(Face(identity, scopes))
    policies = read_policies((schema_folder() / "operations.json").read_bytes())
    ignore = settings_of(config.clients).ignore_configuring
    service = OnvifService(
        schemas,
        ignoring(policies) if ignore else policies,
        login,
        _public(config),
        faces,
        store.audit,
        clock,
        secrets.token_bytes,
    )
    ports = Ports(config.ports.onvif, config.ports.onvif_tls, config.ports.rtsp)
    slices = Slices(clock, lambda call: reactor.callLater(0, call))
    profiles = Profiles(catalogue, gatekeeper, slices, groups)
    recorded = Recorded(recording.library, catalogue, gatekeeper, slices, in_pool, clock)
    past = Past(recorded, recording.state_of, recording.retention_of, clock, reactor.callLater, secrets.token_bytes)
    served = serve(
        profiles,
        slices,
        past,
        ports,
        host=host.facts,
        users=lambda: [user.principal for user in store.users.list()],
        render=schemas.render,
        usernametoken=config.security.usernametoken,
    )
    for name in SERVED:
        service.register(name, {**served.handlers[name], **(handlers_for(name) if ignore else {})})
    devices = sum(1 for camera in config.cameras if camera.device_port)
    limits = HttpLimits(
        body_bytes=config.limits.http_body_bytes,
        first_request_s=config.limits.first_request_timeout_ns // NS_PER_S,
        request_s=config.limits.request_timeout_ns // NS_PER_S,
        idle_s=config.limits.idle_timeout_ns // NS_PER_S,
        connections=config.limits.http_connections,
        connections_per_address=config.limits.http_connections_per_address + PER_DEVICE * devices,
    )
    server = OnvifServer(reactor, service, login, clock, limits)
    server.add_resource(PREFIX, SnapshotPage(catalogue, gatekeeper, still).answer)
    discovery = None
    if config.discovery.enabled and (config.ports.onvif or config.ports.onvif_tls or devices):
        discovery = DiscoveryResponder(
            reactor, clock, _addresses(config.bind_of("discovery"), facts), secrets.randbelow
        )
    warming = Warming(reactor, clock, profiles, served.keepers)
    return OnvifDoor(server, service, faces, ports, warming, served.search, discovery, clock)


def _public(config: Config) -> PublicAddress:
    return PublicAddress(
        rtsp_port=config.ports.rtsp and (config.public.rtsp or config.ports.rtsp),
        rtsps_port=config.ports.rtsps and (config.public.rtsps or config.ports.rtsps),
        host=config.public.host,
        onvif_port=config.public.onvif,
        onvif_tls_port=config.public.onvif_tls,
    )


def _addresses(bound: tuple[str, ...], facts: HostFacts) -> tuple[str, ...]:
    """The IPv4 addresses to be found on: those that are bound; for the wildcard those of every interface that is up."""
    if "0.0.0.0" not in bound:  # noqa: S104 - compared, not bound
        return tuple(address for address in bound if ":" not in address)
    return tuple(
        str(each.ip)
        for interface in facts.interfaces
        if interface.up
        for each in interface.addresses
        if isinstance(each.ip, IPv4Address)
    )


def _mac(facts: HostFacts) -> str:
    """The hardware address that clients take for the device's identity: the last interface's."""
    return _plain(facts.interfaces[-1].mac) if facts.interfaces else ""


def _plain(mac: str) -> str:
    """As it stands in a scope."""
    return mac.replace(":", "").upper()
