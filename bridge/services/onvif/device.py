"""Handlers of the device service (`tds`): who we are, which services there are, the host's network, time and users.

Follows ONVIF Core. Everything is told and nothing can be set: the host's settings belong to its operating system.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from bridge.base.time import NS_PER_S
from bridge.services.onvif.answers import Render
from bridge.services.onvif.call import Answer, Call, Request, static_answer
from bridge.services.onvif.host import HostFacts, Interface
from bridge.services.onvif.schemas import SERVICES
from bridge.system.access import Principal, Role
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.faults import SoapFault, invalid_value, not_supported
from bridge.wire.soap.schema import PREFIXES

_CORE_VERSION = {"Major": 26, "Minor": 6}  # of the schemas that we answer by

_USER_LEVELS = {Role.ADMINISTRATOR: "Administrator", Role.OPERATOR: "Operator", Role.VIEWER: "User"}


@dataclass(slots=True)
class Ports:
    """The doors' ports on this host as of now; 0: closed."""

    http: int = 580
    https: int = 0
    rtsp: int = 554


@dataclass(frozen=True, slots=True)
class ServedService:
    """A service that clients may find.

    name:              key of SERVICES
    version:           of its specification
    capabilities:      what its GetServiceCapabilities tells
    capabilities_type: local name of their type in the service's schema
    category:          its element in the older GetCapabilities; "Extension/DeviceIO" for those below; "" for none
    summary:           what stands there beside the XAddr
    """

    name: str
    version: tuple[int, int]
    capabilities: Callable[[Call], Answer]
    capabilities_type: str = "Capabilities"
    category: str = ""
    summary: Callable[[Call], Mapping[str, object]] = lambda _call: {}


class Device:
    """The device service."""

    def __init__(
        self,
        ports: Ports,
        *,
        host: Callable[[int], HostFacts],
        users: Callable[[], Iterable[Principal]],
        render: Render,
        others: Sequence[ServedService] = (),
        usernametoken: bool = True,
    ) -> None:
        """others: every service but this one, in the order in which they are listed."""
        self._ports = ports
        self._host = host
        self._users = users
        self._render = render
        self._usernametoken = usernametoken
        own = ServedService(
            "device", (26, 6), self.capabilities, "DeviceServiceCapabilities", "Device", self._device_summary
        )
        self._services = (own, *others)

    def capabilities(self, _call: Call) -> Answer:
        """`tds:DeviceServiceCapabilities`. The last attributes of System say honestly that nothing can be set."""
        return {
            "Network": {
                "IPFilter": False,
                "ZeroConfiguration": False,
                "IPVersion6": True,
                "DynDNS": False,
                "Dot11Configuration": False,
                "Dot1XConfigurations": 0,
                "HostnameFromDHCP": False,
                "NTP": 0,
                "DHCPv6": False,
            },
            "Security": {
                "TLS1.0": False,
                "TLS1.1": False,
                "TLS1.2": self._ports.https != 0,
                "OnboardKeyGeneration": False,
                "AccessPolicyConfig": False,
                "DefaultAccessPolicy": True,
                "Dot1X": False,
                "RemoteUserHandling": False,
                "X.509Token": False,
                "SAMLToken": False,
                "KerberosToken": False,
                "UsernameToken": self._usernametoken,
                "HttpDigest": True,
                "RELToken": False,
            },
            "System": {
                "DiscoveryResolve": True,
                "DiscoveryBye": True,
                "RemoteDiscovery": False,
                "SystemBackup": False,
                "SystemLogging": False,
                "HttpFirmwareUpgrade": False,
                "HttpSystemBackup": False,
                "HttpSystemLogging": False,
                "HttpSupportInformation": False,
                "StorageConfiguration": False,
                "NetworkConfigNotSupported": True,
                "UserConfigNotSupported": True,
            },
        }

    # --- Services ----------------------------------------------------------------------------------------------------

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """8.1.2"""
        return {"Capabilities": self.capabilities(call)}

    def GetServices(self, call: Call, request: Request) -> Answer:
        """Every service that is served now, under the host that the client called us by."""
        return {"Service": [self._service(call, each, request["IncludeCapability"]) for each in self._services]}

    def GetCapabilities(self, call: Call, request: Request) -> Answer:
        """The older list, by category; none named is All. A known one that is not served is NoSuchService."""
        wanted = set(request.get("Category") or ["All"])
        served = {each.category: each for each in self._services if each.category}
        if "All" not in wanted and not wanted <= served.keys():
            raise SoapFault(not_supported("NoSuchService"))
        found: dict[str, object] = {}
        extension: dict[str, object] = {}
        for category, each in served.items():
            summary = {"XAddr": call.base_url(each.name), **each.summary(call)}
            if category.startswith("Extension/"):
                extension[category.partition("/")[2]] = summary
            elif "All" in wanted or category in wanted:
                found[category] = summary
        if extension and "All" in wanted:
            found["Extension"] = extension
        return {"Capabilities": found}

    @static_answer
    def GetWsdlUrl(self, _call: Call, _request: Request) -> Answer:
        """Deprecated, still tested."""
        return {"WsdlUrl": "https://www.onvif.org/profiles/specifications/"}

    # --- Identity ----------------------------------------------------------------------------------------------------

    def GetDeviceInformation(self, call: Call, _request: Request) -> Answer:
        """None of them empty."""
        identity = call.face.identity
        return {
            "Manufacturer": identity.manufacturer,
            "Model": identity.model,
            "FirmwareVersion": identity.firmware,
            "SerialNumber": identity.serial,
            "HardwareId": identity.hardware,
        }

    @static_answer
    def GetEndpointReference(self, call: Call, _request: Request) -> Answer:
        """The same as in WS-Discovery."""
        return {"GUID": call.face.identity.endpoint}

    def GetScopes(self, call: Call, _request: Request) -> Answer:
        """All fixed."""
        return {"Scopes": [{"ScopeDef": "Fixed", "ScopeItem": scope} for scope in call.face.scopes]}

    def GetDiscoveryMode(self, _call: Call, _request: Request) -> Answer:
        """We can be found."""
        return {"DiscoveryMode": "Discoverable"}

    def GetUsers(self, _call: Call, _request: Request) -> Answer:
        """Names and levels; a password never leaves us."""
        return {"User": [{"Username": user.name, "UserLevel": _USER_LEVELS[user.role]} for user in self._users()]}

    # --- Time --------------------------------------------------------------------------------------------------------

    def GetSystemDateAndTime(self, call: Call, _request: Request) -> Answer:
        """True, because clients sign with it. NTP, because Home Assistant sets a clock that is said to be manual."""
        seconds = call.utc_ns // NS_PER_S
        facts = self._facts(call)
        local, daylight_saving = facts.local_time(seconds)
        return {
            "SystemDateAndTime": {
                "DateTimeType": "NTP",
                "DaylightSavings": daylight_saving,
                "TimeZone": {"TZ": facts.posix_tz},
                "UTCDateTime": _date_and_time(dt.datetime.fromtimestamp(seconds, dt.UTC)),
                "LocalDateTime": _date_and_time(local),
            }
        }

    def GetNTP(self, call: Call, _request: Request) -> Answer:
        """The host's servers, where they are known."""
        servers = [_network_host(server) for server in self._facts(call).time_servers]
        return {"NTPInformation": {"FromDHCP": False, "NTPManual": servers}}

    # --- Network -----------------------------------------------------------------------------------------------------

    def GetHostname(self, call: Call, _request: Request) -> Answer:
        """The host's; a virtual device has its camera's id, for recorders that take it for the device's name."""
        name = call.face.camera or self._facts(call).hostname
        return {"HostnameInformation": {"FromDHCP": False, "Name": name}}

    def GetDNS(self, call: Call, _request: Request) -> Answer:
        """The host's resolver."""
        facts = self._facts(call)
        return {
            "DNSInformation": {
                "FromDHCP": False,
                "SearchDomain": list(facts.search_domains),
                "DNSManual": [_address(server) for server in facts.name_servers],
            }
        }

    def GetNetworkInterfaces(self, call: Call, _request: Request) -> Answer:
        """The schema wants one at least: where none can be read, one with the address of this connection.

        A virtual device has that one too: clients take the hardware address for the device's identity.
        """
        facts = () if call.face.camera else self._facts(call).interfaces
        interfaces = facts or (_assumed_interface(call),)
        return {"NetworkInterfaces": [_interface(interface) for interface in interfaces]}

    def GetNetworkProtocols(self, call: Call, _request: Request) -> Answer:
        """The ports on this host, not those of a port forward in front of it.

        RTSPS has no name here: the schema knows HTTP, HTTPS and RTSP (tt:NetworkProtocolType).
        """
        http, https = (call.face.port, 0) if call.face.port else (self._ports.http, self._ports.https)
        ports = {"HTTP": http, "HTTPS": https, "RTSP": self._ports.rtsp}
        return {"NetworkProtocols": [{"Name": name, "Enabled": True, "Port": [p]} for name, p in ports.items() if p]}

    def GetNetworkDefaultGateway(self, call: Call, _request: Request) -> Answer:
        """Of both address families."""
        gateways = self._facts(call).gateways
        return {
            "NetworkGateway": {
                "IPv4Address": [address for address in gateways if ":" not in address],
                "IPv6Address": [address for address in gateways if ":" in address],
            }
        }

    # --- Outputs: none -----------------------------------------------------------------------------------------------

    def GetRelayOutputs(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"RelayOutputs": []}

    def SetRelayOutputState(self, _call: Call, _request: Request) -> Answer:
        """No token names an output."""
        raise SoapFault(invalid_value("RelayToken"))

    # --- Parts -------------------------------------------------------------------------------------------------------

    def _facts(self, call: Call) -> HostFacts:
        return self._host(call.utc_ns)

    def _service(self, call: Call, service: ServedService, include_capability: bool) -> Answer:
        """`tds:Service`."""
        namespace = SERVICES[service.name].namespace
        major, minor = service.version
        found = {
            "Namespace": namespace,
            "XAddr": call.base_url(service.name),
            "Version": {"Major": major, "Minor": minor},
        }
        if include_capability:
            type_name = f"{{{namespace}}}{service.capabilities_type}"
            content = self._render(service.name, type_name, service.capabilities(call))
            prefix = PREFIXES[namespace]
            # The envelope of an answer declares the prefixes of its own service only.
            text = f'<{prefix}:Capabilities xmlns:{prefix}="{namespace}"{content}</{prefix}:Capabilities>'
            found["Capabilities"] = {"_value_1": Rendered(text)}
        return found

    def _device_summary(self, _call: Call) -> Mapping[str, object]:
        """`tt:DeviceCapabilities` of the older list."""
        return {
            "Network": {
                "IPFilter": False,
                "ZeroConfiguration": False,
                "IPVersion6": True,
                "DynDNS": False,
            },
            "System": {
                "DiscoveryResolve": True,
                "DiscoveryBye": True,
                "RemoteDiscovery": False,
                "SystemBackup": False,
                "SystemLogging": False,
                "FirmwareUpgrade": False,
                "SupportedVersions": [_CORE_VERSION],
            },
            "IO": {"InputConnectors": 0, "RelayOutputs": 0},
            "Security": {
                "TLS1.1": False,
                "TLS1.2": self._ports.https != 0,
                "OnboardKeyGeneration": False,
                "AccessPolicyConfig": False,
                "X.509Token": False,
                "SAMLToken": False,
                "KerberosToken": False,
                "RELToken": False,
            },
        }


def _assumed_interface(call: Call) -> Interface:
    try:
        addresses: tuple[IPv4Interface | IPv6Interface, ...] = (ip_interface(call.local_address.partition("%")[0]),)
    except ValueError:
        addresses = ()
    return Interface("eth0", call.face.identity.mac, 1500, True, addresses)


def _date_and_time(moment: dt.datetime) -> Answer:
    """`tt:DateTime`."""
    return {
        "Time": {"Hour": moment.hour, "Minute": moment.minute, "Second": moment.second},
        "Date": {"Year": moment.year, "Month": moment.month, "Day": moment.day},
    }


def _address(text: str) -> Answer:
    """`tt:IPAddress`."""
    version = ip_address(text).version
    return {"Type": f"IPv{version}", f"IPv{version}Address": text}


def _network_host(text: str) -> Answer:
    """`tt:NetworkHost`."""
    try:
        return _address(text)
    except ValueError:
        return {"Type": "DNS", "DNSname": text}


def _interface(interface: Interface) -> Answer:
    """`tt:NetworkInterface`."""
    made: dict[str, object] = {
        "token": interface.name,
        "Enabled": interface.up,
        "Info": {"Name": interface.name, "HwAddress": interface.mac, "MTU": interface.mtu},
    }
    if ipv4 := [a for a in interface.addresses if isinstance(a, IPv4Interface)]:
        manual = [_prefixed(address) for address in ipv4]
        made["IPv4"] = {"Enabled": True, "Config": {"Manual": manual, "DHCP": False}}
    if ipv6 := [a for a in interface.addresses if isinstance(a, IPv6Interface)]:
        config: dict[str, object] = {"DHCP": "Off"}
        for key, link_local in (("Manual", False), ("LinkLocal", True)):
            if some := [_prefixed(address) for address in ipv6 if address.is_link_local is link_local]:
                config[key] = some
        made["IPv6"] = {"Enabled": True, "Config": config}
    return made


def _prefixed(address: IPv4Interface | IPv6Interface) -> Answer:
    """`tt:PrefixedIPv4Address` or `tt:PrefixedIPv6Address`."""
    return {"Address": str(address.ip), "PrefixLength": address.network.prefixlen}
