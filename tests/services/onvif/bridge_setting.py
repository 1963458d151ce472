"""A bridge for tests of the ONVIF handlers: fixture cameras, users, and the whole service without a port."""

import functools
import ipaddress
import json
from fractions import Fraction
from types import SimpleNamespace

from lxml import etree
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.base.media import Codec, Track
from bridge.base.time import ManualClock
from bridge.media.hub import Hub
from bridge.net.addresses import PublicAddress
from bridge.services.onvif.call import Call
from bridge.services.onvif.device import Ports
from bridge.services.onvif.faces import Face, Faces, Identity
from bridge.services.onvif.host import HostFacts, Interface
from bridge.services.onvif.ignored import handlers_for, ignoring
from bridge.services.onvif.policy import read_policies
from bridge.services.onvif.profiles import Profiles
from bridge.services.onvif.recorded import Recorded
from bridge.services.onvif.schemas import SERVICES, loader, schema_folder
from bridge.services.onvif.served import SERVED, Past, serve
from bridge.services.onvif.service import OnvifService, Post
from bridge.services.onvif.slices import SLICE_NS, Slices
from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.system.multicast_groups import MulticastGroups
from bridge.wire.scopes import device_scopes
from bridge.wire.soap.schema import Schemas
from tests.services.onvif.past_setting import FakeLibrary, Numbers, Pool, Timers, retention_of, state_of

SOAP = "http://www.w3.org/2003/05/soap-envelope"
TT = "{http://www.onvif.org/ver10/schema}"

ADMIN = Principal.with_role("admin", Role.ADMINISTRATOR)
OPERATOR = Principal.with_role("operator", Role.OPERATOR)
VIEWER = Principal.with_role("viewer", Role.VIEWER)
GATE_ONLY = Principal.with_role("gate-only", Role.OPERATOR, ["gate"])
YARD_ONLY = Principal.with_role("yard-only", Role.OPERATOR, ["yard"])
DEAF = Principal("deaf", Role.OPERATOR, (Grant(("*",), frozenset({Action.LIVE})),))
SILENT = Principal("silent", Role.OPERATOR, (Grant(("*",), frozenset({Action.PLAYBACK})),))
NOBODY = Principal("nobody", Role.OPERATOR, ())

USERS = (ADMIN, OPERATOR, VIEWER, GATE_ONLY, YARD_ONLY, DEAF, SILENT, NOBODY)

SPS_HIGH = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0")
SPS_BASELINE = bytes.fromhex("6742c01ed900a0b7")
SPS_H265 = bytes.fromhex("420101016000000300b0000003000003005da00280802d165ba4932e08")

H264_MAIN = Track(
    Codec.H264, 90_000, parameter_sets=(SPS_HIGH, b"\x68\xee"), width=1920, height=1080, frame_rate=Fraction(25)
)
H264_SUB = Track(
    Codec.H264, 90_000, parameter_sets=(SPS_BASELINE, b"\x68\xce"), width=640, height=360, frame_rate=Fraction(15)
)
H264_MIDDLE = Track(Codec.H264, 90_000, parameter_sets=(SPS_BASELINE,), width=1280, height=720)
H265_MAIN = Track(Codec.H265, 90_000, parameter_sets=(b"\x40\x01", SPS_H265, b"\x44\x01"), width=3840, height=2160)
JPEG_MAIN = Track(Codec.JPEG, 90_000, width=2592, height=1944, frame_rate=Fraction(12))
AAC = Track(Codec.AAC, 16_000, channels=1, config=bytes.fromhex("1408"))
PCMU = Track(Codec.PCMU, 8_000)
OPUS = Track(Codec.OPUS, 48_000)
G726 = Track(Codec.G726, 8_000, config=b"G726-24")
METADATA = Track(Codec.ONVIF_METADATA, 90_000)
LATM = Track(Codec.AAC_LATM, 16_000, config=bytes.fromhex("400028103fc0"))

FACTS = HostFacts(
    hostname="onb-host",
    interfaces=(
        Interface(
            "eth0",
            "02:42:ac:11:00:02",
            1500,
            True,
            (
                ipaddress.IPv4Interface("192.0.2.5/24"),
                ipaddress.IPv6Interface("2001:db8::5/64"),
                ipaddress.IPv6Interface("fe80::5/64"),
            ),
        ),
    ),
    search_domains=("example.net",),
    name_servers=("192.0.2.53", "2001:db8::53"),
    gateways=("192.0.2.1", "fe80::1"),
    time_servers=("192.0.2.123", "ntp.example.net"),
    posix_tz="CET-1CEST,M3.5.0,M10.5.0/3",
)

IDENTITY = Identity(
    "The maker", "Open Network Bridge", "0.1.0", "SN-1", "onb", "urn:uuid:6f9c6a0e-31a6-4e0b-9c7c-0f4a6b1d2e3f"
)

FACE = Face(IDENTITY, device_scopes("Bridge", "onb"))


def stream(camera_id, name, *tracks, **measured):
    hub = Hub(f"{camera_id}/{name}", ManualClock())
    hub.tracks = tracks
    for field, value in measured.items():
        setattr(hub.statistics, field, value)
    return LiveStream(name, hub)


def fixture_cameras():
    """gate: H.264 and AAC, three streams; yard: H.265 with an H.264 sub stream; roof: H.265 alone; new: never seen."""
    return [
        Camera(
            "gate",
            "Gate <north> & south",
            (
                stream("gate", "main", H264_MAIN, AAC, bitrate_bps=4_100_000, frame_rate=24.98, gop_length=50),
                stream("gate", "sub", H264_SUB, AAC, bitrate_bps=500_000, frame_rate=15.0, gop_length=15),
                stream("gate", "middle", H264_MIDDLE),
            ),
        ),
        Camera("yard", "Yard", (stream("yard", "main", H265_MAIN), stream("yard", "sub", H264_SUB, PCMU))),
        Camera("roof", "Roof", (stream("roof", "main", H265_MAIN),)),
        Camera("new", "Never seen", (stream("new", "main"),)),
    ]


def old_cameras():
    """Motion JPEG, and what sounds there are: old has both names in ver10, loud has Opus, far has AAC in LATM."""
    return [
        Camera("old", "Old", (stream("old", "main", JPEG_MAIN, G726), stream("old", "sub", H264_SUB))),
        Camera("loud", "Loud", (stream("loud", "main", H264_MAIN, OPUS),)),
        Camera("far", "Far", (stream("far", "main", METADATA, JPEG_MAIN, LATM),)),
    ]


def fixture_recordings():
    """gate: two gaps, and growing; yard: two hours; roof: nothing yet; an old gate that was removed; a lost camera."""
    library = FakeLibrary()
    library.add("gate", "main", (H264_MAIN, AAC), (10, 8), (6, 5), (2, 0), growing=True)
    library.add("yard", "main", (H265_MAIN,), (9, 7))
    library.add("roof", "main", ())
    library.add("gate", "main", (H264_SUB,), (30, 20), ended=True)
    library.add("barn", "main", (H264_SUB, PCMU), (12, 11), ended=True)
    library.add("barn", "sub", (), ended=True)
    return library


@functools.cache
def schemas():
    """Compiled once for all tests; `OnvifService.register` compiles its own."""
    made = Schemas(loader("official"), loader("prepared"))
    made.add = functools.cache(made.add)
    return made


def rows():
    return json.loads((schema_folder() / "operations.json").read_bytes())


class AnybodyIn:
    """A log-in that believes the name in Authorization."""

    def by_envelope(self, target, authorization, envelope, peer):
        return next(user for user in USERS if user.name == authorization[0])

    def by_headers(self, method, target, authorization, peer):
        return self.by_envelope(target, authorization, None, peer)


class Turns:
    """The turns of a reactor, each when a test says so."""

    def __init__(self):
        self._calls = []

    def later(self, call):
        self._calls.append(call)

    def next(self):
        """One turn; whether anything was to be done."""
        calls, self._calls = self._calls, []
        for call in calls:
            call()
        return bool(calls)


class SlowGatekeeper(Gatekeeper):
    """Each question takes half a slice, so two of a camera take one."""

    def __init__(self, clock):
        self._clock = clock

    def may(self, *question):
        self._clock.advance(SLICE_NS // 2)
        return super().may(*question)


class Bridge:
    """The ONVIF door over a catalogue."""

    def __init__(self, cameras=None, *, render_ns=0, slow_gatekeeper=False, library=True, ignore=False, multicast=""):
        """render_ns: what it takes to render anything; time stands unless this or the gatekeeper moves it.

        library:   one of another kind, or None for an index that cannot be used
        ignore:    what would change a camera is answered as done
        multicast: the range of groups; "": there is no multicast
        """
        self.catalogue = Catalogue()
        self.catalogue.replace(fixture_cameras() if cameras is None else cameras)
        self.clock, self.turns = ManualClock(), Turns()
        slices = Slices(self.clock, self.turns.later)
        gatekeeper = SlowGatekeeper(self.clock) if slow_gatekeeper else Gatekeeper()
        self.groups = MulticastGroups(self.catalogue, multicast, 4) if multicast else None
        self.profiles = Profiles(self.catalogue, gatekeeper, slices, self.groups)
        self.faces = Faces(FACE)
        self.policies = read_policies((schema_folder() / "operations.json").read_bytes())
        policies = ignoring(self.policies) if ignore else self.policies
        self.audited = []
        self.service = OnvifService(
            schemas(), policies, AnybodyIn(), PublicAddress(554), self.faces, self._note, self.clock, bytes
        )

        def render(*arguments):
            self.clock.advance(render_ns)
            return self.service.render(*arguments)

        self.library = fixture_recordings() if library is True else library
        self.pool, self.timers = Pool(), Timers(self.clock)
        recorded = Recorded(self.library, self.catalogue, gatekeeper, slices, self.pool, self.clock)
        self.served = serve(
            self.profiles,
            slices,
            Past(recorded, state_of, retention_of, self.clock, self.timers.later, Numbers()),
            Ports(580, 0, 554),
            host=lambda _now: FACTS,
            users=lambda: USERS,
            render=render,
        )
        for name in SERVED:
            more = handlers_for(name) if ignore else {}
            self.service.register(name, {**self.served.handlers[name], **more})

    def _note(self, *row):
        self.audited.append(row)

    def answering(self, service, operation, arguments="", *, user=ADMIN, host="192.0.2.5:580", namespace="", port=580):
        """The service at work on a request whose arguments stand as XML; prefixes: the default one, and `tt`."""
        namespace = namespace or SERVICES[service].namespace
        body = (
            f'<s:Envelope xmlns:s="{SOAP}"><s:Body>'
            f'<{operation} xmlns="{namespace}" xmlns:tt="http://www.onvif.org/ver10/schema">{arguments}</{operation}>'
            "</s:Body></s:Envelope>"
        )
        path = SERVICES[service].path
        post = Post(path, body.encode(), (user.name,), host, "http", ("198.51.100.7", 4711), ("192.0.2.5", port))
        return self.service.answer(post)

    def post(self, service, operation, arguments="", **more):
        """The reply; it must be valid."""
        reply = run(self.answering(service, operation, arguments, **more), self.turns)
        envelope = etree.fromstring(reply.body)
        assert schemas().is_valid(envelope), schemas().errors()
        return SimpleNamespace(status=reply.status, root=envelope, body=envelope.find(f"{{{SOAP}}}Body")[0])

    def ask(self, service, operation, arguments="", **more):
        """The answer's element; it must be one."""
        reply = self.post(service, operation, arguments, **more)
        assert reply.status == 200, etree.tostring(reply.body)
        return reply.body

    def fault(self, service, operation, arguments="", **more):
        """The fault as `Sender/InvalidArgVal/NoProfile`."""
        reply = self.post(service, operation, arguments, **more)
        names = [value.text.partition(":")[2] for value in reply.body.iter(f"{{{SOAP}}}Value")]
        assert names, etree.tostring(reply.body)
        assert reply.status == (400 if names[0] == "Sender" else 500)
        return "/".join(names)


def run(coroutine, turns=None):
    """What a coroutine returns that waits for `turns` of the reactor, and for nothing else."""
    found = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    while not found:
        assert turns is not None, "it waits"
        assert turns.next(), "it waits for something else"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


def call(principal=ADMIN, *, host="192.0.2.5", local="192.0.2.5", face=FACE):
    return Call(principal, host, "http", 580, 554, "198.51.100.7:4711", local, ManualClock().utc_ns(), face)


def texts(element, name):
    """The texts of all descendants of that local name."""
    return [found.text for found in element.iter() if etree.QName(found).localname == name]


def tokens(element, name):
    """The tokens of all children of that local name."""
    return [found.get("token") for found in element if etree.QName(found).localname == name]
