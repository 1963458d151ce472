"""Builds the ONVIF side: SOAP services, snapshots and WS-Discovery, over the catalogue."""

import secrets
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from typing import Any

from bridge import __version__
from bridge.app.recording import Recording
from bridge.app.store import Store
from bridge.base.time import NS_PER_S, Clock
from bridge.dialogue.digest import DigestAuthenticator
from bridge.dialogue.discovery import DiscoverableDevice
from bridge.dialogue.wsse import TokenChecker
from bridge.services.discovery.responder import DiscoveryResponder
from bridge.services.onvif.addresses import PublicAddress, bracketed
from bridge.services.onvif.admission import HttpLimits
from bridge.services.onvif.device import Identity, Ports
from bridge.services.onvif.host import Host, HostFacts
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
from bridge.system.config import Config
from bridge.system.lockout import Lockout
from bridge.wire.scopes import device_scopes
from bridge.wire.soap.schema import Schemas

PRODUCT = "Open Network Bridge"
HARDWARE = "Software"


class OnvifDoor:
    """The HTTP server of port 580 and the discovery of it."""

    def __init__(
        self,
        server: OnvifServer,
        service: OnvifService,
        ports: Ports,
        warming: Warming,
        search: Search,
        discovery: DiscoveryResponder | None,
    ) -> None:
        self._server, self._service, self._ports = server, service, ports
        self._warming, self._search, self._discovery = warming, search, discovery

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
) -> OnvifDoor:
    """Compiles the schemas (about half a second) and wires the services."""
    host = Host()
    facts = host.facts(clock.monotonic_ns())
    identity = Identity(PRODUCT, PRODUCT, __version__, store.identity.serial, HARDWARE, store.identity.device_uuid.urn)
    scopes = device_scopes(PRODUCT, HARDWARE, mac=_mac(facts), serial=store.identity.serial)
    tokens = TokenChecker() if config.security.usernametoken else None
    login = Login(digest, tokens, store.users, lockout, store.audit, clock, secrets.token_bytes)
    schemas = Schemas(loader("official"), loader("prepared"))
    service = OnvifService(
        schemas,
        read_policies((schema_folder() / "operations.json").read_bytes()),
        login,
        _public(config),
        store.audit,
        clock,
        secrets.token_bytes,
    )
    ports = Ports(config.ports.onvif, config.ports.onvif_tls, config.ports.rtsp)
    slices = Slices(clock, lambda call: reactor.callLater(0, call))
    profiles = Profiles(catalogue, gatekeeper, slices)
    recorded = Recorded(recording.library, catalogue, gatekeeper, slices, in_pool, clock)
    past = Past(recorded, recording.state_of, recording.retention_of, clock, reactor.callLater, secrets.token_bytes)
    served = serve(
        profiles,
        slices,
        past,
        identity,
        ports,
        scopes,
        host=host.facts,
        users=lambda: [user.principal for user in store.users.list()],
        render=schemas.render,
        usernametoken=config.security.usernametoken,
    )
    for name in SERVED:
        service.register(name, served.handlers[name])
    limits = HttpLimits(
        body_bytes=config.limits.http_body_bytes,
        first_request_s=config.limits.first_request_timeout_ns // NS_PER_S,
        request_s=config.limits.request_timeout_ns // NS_PER_S,
        idle_s=config.limits.idle_timeout_ns // NS_PER_S,
        connections=config.limits.http_connections,
        connections_per_address=config.limits.http_connections_per_address,
    )
    server = OnvifServer(reactor, service, login, clock, limits)
    server.add_resource(PREFIX, SnapshotPage(catalogue, gatekeeper, still).answer)
    device = DiscoverableDevice(identity.endpoint, scopes, clock.utc_ns() // NS_PER_S, secrets.token_bytes)

    def xaddrs(address: str) -> tuple[str, ...]:
        public, path = service.public, SERVICES["device"].path
        host = bracketed(public.host or address)
        doors = (
            ("http", ports.http, public.onvif_port),
            ("https", ports.https, public.onvif_tls_port),
        )
        return tuple(f"{scheme}://{host}:{outer or port}{path}" for scheme, port, outer in doors if port)

    discovery = None
    if config.discovery.enabled and (config.ports.onvif or config.ports.onvif_tls):
        addresses = _addresses(config.bind_of("discovery"), facts)
        discovery = DiscoveryResponder(reactor, clock, device, addresses, xaddrs, secrets.randbelow)
    warming = Warming(reactor, clock, profiles, served.keepers)
    return OnvifDoor(server, service, ports, warming, served.search, discovery)


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
    return facts.interfaces[-1].mac.replace(":", "").upper() if facts.interfaces else ""
