"""The services that are served now, built: what `app` registers at the ONVIF door.

Events, PTZ, recording, search and replay join here; what is not in this list is advertised nowhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.services.onvif.answers import Render
from bridge.services.onvif.call import Handler, handlers_of
from bridge.services.onvif.device import Device, Identity, Ports, ServedService
from bridge.services.onvif.deviceio import DeviceIo
from bridge.services.onvif.host import HostFacts
from bridge.services.onvif.media import Media
from bridge.services.onvif.media2 import Media2
from bridge.services.onvif.profiles import Profiles
from bridge.services.onvif.slices import Slices
from bridge.services.onvif.warming import Keep
from bridge.system.access import Principal

SERVED = ("device", "media", "media2", "deviceio")
"""Names of the services below, in the order in which GetServices lists them."""


@dataclass(frozen=True, slots=True)
class Served:
    """handlers: by service and operation; keepers: what `Warming` calls for every profile."""

    handlers: Mapping[str, Mapping[str, Handler]]
    keepers: tuple[Keep, ...]


def serve(
    profiles: Profiles,
    slices: Slices,
    identity: Identity,
    ports: Ports,
    scopes: Sequence[str],
    *,
    host: Callable[[int], HostFacts],
    users: Callable[[], Iterable[Principal]],
    render: Render,
    usernametoken: bool = True,
) -> Served:
    """The services.

    slices: the same as of `profiles`
    scopes: of WS-Discovery, the same as there
    host:   now in nanoseconds -> facts (`Host.facts`)
    users:  every user, for GetUsers
    render: `Schemas.render`, with the services of SERVED added
    """
    media, media2 = Media(profiles, render, slices), Media2(profiles, render, slices)
    deviceio = DeviceIo(profiles)
    others = (
        ServedService("media", (21, 6), media.capabilities, "Capabilities", "Media", media.summary),
        ServedService("media2", (26, 6), media2.capabilities, "Capabilities2"),
        ServedService(
            "deviceio", (21, 6), deviceio.capabilities, "Capabilities", "Extension/DeviceIO", deviceio.summary
        ),
    )
    device = Device(
        identity, ports, scopes, host=host, users=users, render=render, others=others, usernametoken=usernametoken
    )
    handlers = {
        "device": handlers_of(device),
        "media": handlers_of(media),
        "media2": handlers_of(media2),
        "deviceio": handlers_of(deviceio),
    }
    return Served(handlers, (media.keep, media2.keep))
