"""An ONVIF door in memory: a clock that stands, two users, a few handlers, requests without a port."""

import base64
import datetime as dt
import hashlib
from collections.abc import Coroutine, Mapping
from typing import Any

from lxml import etree

from bridge.base.time import ManualClock, format_utc
from bridge.dialogue.digest import DigestAuthenticator, DigestClient
from bridge.dialogue.wsse import TokenChecker
from bridge.net.addresses import PublicAddress
from bridge.services.onvif.call import Call, handlers_of, static_answer
from bridge.services.onvif.faces import Face, Faces, Identity
from bridge.services.onvif.login import Login
from bridge.services.onvif.policy import AccessClass, OperationPolicy
from bridge.services.onvif.schemas import SERVICES
from bridge.services.onvif.service import OnvifService, Post, Reply
from bridge.system.access import Principal, Role
from bridge.system.lockout import Lockout
from bridge.wire.soap.faults import SOAP_12, SoapFault, invalid_value
from bridge.wire.wsse import UsernameToken, format_username_token, password_digest
from tests.onvif_schemas import all_services

SECRETS = {"viewer": "geheim", "boss": "topsecret", "web": "only"}
TT = 'xmlns:tt="http://www.onvif.org/ver10/schema"'
TRT = f'xmlns="http://www.onvif.org/ver10/media/wsdl" {TT}'
TDS = f'xmlns="http://www.onvif.org/ver10/device/wsdl" {TT}'
GET_PROFILES = f"<GetProfiles {TRT}/>"
GET_TIME = f"<GetSystemDateAndTime {TDS}/>"
GET_USERS = f"<GetUsers {TDS}/>"

IDENTITY = Identity("maker", "model", "1", "serial", "hardware", "urn:uuid:6f9c6a0e-31a6-4e0b-9c7c-0f4a6b1d2e3f")


class Accounts:
    def __init__(self) -> None:
        self.principals = {
            "viewer": Principal.with_role("viewer", Role.VIEWER),
            "boss": Principal.with_role("boss", Role.ADMINISTRATOR),
            "web": Principal.with_role("web", Role.VIEWER, doors=["web"]),
        }

    def secret_of(self, name: str) -> str | None:
        return SECRETS.get(name)

    def principal(self, name: str) -> Principal | None:
        return self.principals.get(name)


class Schemas:
    """The schemas of all tests, with the one call that compiles made free."""

    def __init__(self) -> None:
        self._schemas, self._operations = all_services()

    def add(self, service: str, wsdl: str) -> Any:
        return self._operations[service]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._schemas, name)


class Handlers:
    """Answers to a few operations; keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call, Mapping[str, Any]]] = []
        self.raises: Exception | None = None

    def _seen(self, name: str, call: Call, request: Mapping[str, Any]) -> None:
        self.calls.append((name, call, request))
        if self.raises is not None:
            raise self.raises

    def GetProfiles(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._seen("GetProfiles", call, request)
        return {"Profiles": [{"token": "a.main", "Name": "a"}]}

    def GetProfile(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._seen("GetProfile", call, request)
        raise SoapFault(invalid_value("NoProfile"))

    async def GetStreamUri(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._seen("GetStreamUri", call, request)
        uri = call.rtsp_url(f"/live/{request['ProfileToken']}")
        return {
            "MediaUri": {
                "Uri": uri,
                "InvalidAfterConnect": False,
                "InvalidAfterReboot": False,
                "Timeout": dt.timedelta(0),
            }
        }

    def SetSynchronizationPoint(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._seen("SetSynchronizationPoint", call, request)
        return {}


class DeviceHandlers:
    def __init__(self) -> None:
        self.made = 0

    def GetSystemDateAndTime(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"SystemDateAndTime": {"DateTimeType": "NTP", "DaylightSavings": False}}

    @static_answer
    def GetWsdlUrl(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.made += 1
        return {"WsdlUrl": call.base_url("device")}

    def GetUsers(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"User": [{"Username": "viewer", "UserLevel": "User"}]}

    def GetDeviceInformation(self, call: Call, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"Manufacturer": "a"}  # a defect: three more are required


def _policy(
    service: str, name: str, access: str, *, served: bool = True, acts: bool = False, subcode: str = ""
) -> OperationPolicy:
    return OperationPolicy(
        service, name, AccessClass(access), served, acts, subcode, f"{{{SERVICES[service].namespace}}}{name}"
    )


POLICIES = {
    (policy.service, policy.operation): policy
    for policy in (
        _policy("media", "GetProfiles", "READ_MEDIA"),
        _policy("media", "GetProfile", "READ_MEDIA"),
        _policy("media", "GetStreamUri", "READ_MEDIA"),
        _policy("media", "SetSynchronizationPoint", "ACTUATE", acts=True),
        _policy("media", "CreateProfile", "ACTUATE", served=False),
        _policy("media", "GetAudioOutputs", "READ_MEDIA", served=False, subcode="AudioOutputNotSupported"),
        _policy("device", "GetSystemDateAndTime", "PRE_AUTH"),
        _policy("device", "GetWsdlUrl", "PRE_AUTH"),
        _policy("device", "GetUsers", "READ_SYSTEM_SECRET"),
        _policy("device", "GetDeviceInformation", "READ_SYSTEM"),
        _policy("ptz", "GetNodes", "READ_MEDIA"),
    )
}


class Door:
    """The service and everything around it."""

    def __init__(self, *, usernametoken: bool = True, public: PublicAddress | None = None) -> None:
        self.clock = ManualClock(monotonic_ns=10**12)
        self.audit: list[tuple[str, str, str, str, str]] = []
        self.lockout = Lockout(3, 10**9)
        self.media, self.device = Handlers(), DeviceHandlers()
        self._random = 0
        self._nonce = 0
        self.login = Login(
            DigestAuthenticator("onb", b"s" * 32),
            TokenChecker() if usernametoken else None,
            Accounts(),
            self.lockout,
            self._note,
            self.clock,
            self.random_bytes,
        )
        schemas: Any = Schemas()
        self.faces = Faces(Face(IDENTITY, ()))
        self.service = OnvifService(
            schemas,
            POLICIES,
            self.login,
            public or PublicAddress(554),
            self.faces,
            self._note,
            self.clock,
            self.random_bytes,
        )
        self.service.register("media", handlers_of(self.media))
        self.service.register("device", handlers_of(self.device))

    def _note(self, principal: str, action: str, about: str, outcome: str, peer: str, utc_ns: int) -> None:
        self.audit.append((principal, action, about, outcome, peer))

    def random_bytes(self, count: int) -> bytes:
        self._random += 1
        return hashlib.sha256(self._random.to_bytes(8, "big")).digest()[:count]

    def token(self, user: str = "viewer", password: str = "", *, nonce: bytes = b"", skew_s: int = 0) -> str:
        """A wsse:Security block, a new one each time."""
        self._nonce += 1
        nonce = nonce or self._nonce.to_bytes(16, "big")
        created = format_utc(self.clock.utc_ns() + skew_s * 10**9)
        digest = password_digest(nonce, created, password or SECRETS.get(user, ""))
        return format_username_token(UsernameToken(user, digest, nonce, created))

    def digest(self, user: str = "viewer", password: str = "", target: str = "/onvif/media_service") -> str:
        """An Authorization header that answers a fresh challenge."""
        client = DigestClient(user, password or SECRETS.get(user, ""))
        found = client.authorize(self.login.challenge().challenges, "POST", target, "cnonce-of-client")
        assert found is not None
        return found

    def post(self, body: str | bytes, header: str = "", *, path: str = "/onvif/media_service", **more: Any) -> Reply:
        """Sends one operation, or a whole body given as bytes."""
        data = body if isinstance(body, bytes) else soap(body, header)
        more.setdefault("host", "192.0.2.7:580")
        more.setdefault("peer", ("192.0.2.1", 40000))
        more.setdefault("local", ("192.0.2.9", 580))
        if isinstance(more.get("authorization"), str):
            more["authorization"] = (more["authorization"],)
        return run(self.service.answer(Post(path, data, **more)))


def soap(body: str, header: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="{SOAP_12}">{head}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def run(coroutine: Coroutine[Any, Any, Reply]) -> Reply:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries Any
    raise AssertionError("it waits")


def fault_of(reply: Reply) -> str:
    """`Sender/InvalidArgVal/NoProfile`."""
    root = etree.fromstring(reply.body)
    values = [(element.text or "").partition(":")[2] for element in root.iter(f"{{{SOAP_12}}}Value")]
    assert values, reply.body
    return "/".join(values)


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{SECRETS[user]}".encode()).decode()
