"""The services that are served now, built: what `app` registers at the ONVIF door.

Events and PTZ join here; what is not in this list is advertised nowhere.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bridge.base.time import Clock
from bridge.services.onvif.answers import Render
from bridge.services.onvif.call import Handler, handlers_of
from bridge.services.onvif.device import Device, Ports, ServedService
from bridge.services.onvif.deviceio import DeviceIo
from bridge.services.onvif.host import HostFacts
from bridge.services.onvif.media import Media
from bridge.services.onvif.media2 import Media2
from bridge.services.onvif.profiles import Profiles
from bridge.services.onvif.recorded import Recorded
from bridge.services.onvif.recording import RecordingControl, RetentionOf, StateOf
from bridge.services.onvif.replay import Replay
from bridge.services.onvif.search import CallLater, Search
from bridge.services.onvif.slices import Slices
from bridge.services.onvif.warming import Keep
from bridge.system.access import Principal

SERVED = ("device", "media", "media2", "deviceio", "recording", "search", "replay")
"""Names of the services below, in the order in which GetServices lists them."""


@dataclass(frozen=True, slots=True)
class Served:
    """handlers: by service and operation; keepers: what `Warming` calls for every profile; search: for its sessions."""

    handlers: Mapping[str, Mapping[str, Handler]]
    keepers: tuple[Keep, ...]
    search: Search


@dataclass(frozen=True, slots=True)
class Past:
    """What the services of the past are built over.

    state_of, retention_of: of the recorder and the configuration
    clock, later, random_bytes: for search sessions
    """

    recorded: Recorded
    state_of: StateOf
    retention_of: RetentionOf
    clock: Clock
    later: CallLater
    random_bytes: Callable[[int], bytes]


def serve(
    profiles: Profiles,
    slices: Slices,
    past: Past,
    ports: Ports,
    *,
    host: Callable[[int], HostFacts],
    users: Callable[[], Iterable[Principal]],
    render: Render,
    usernametoken: bool = True,
) -> Served:
    """The services.

    slices: the same as of `profiles`, and of what was recorded
    host:   now in nanoseconds -> facts (`Host.facts`)
    users:  every user, for GetUsers
    render: `Schemas.render`, with the services of SERVED added
    """
    media, media2 = Media(profiles, render, slices), Media2(profiles, render, slices)
    deviceio = DeviceIo(profiles)
    recorded = past.recorded
    recording = RecordingControl(recorded, render, slices, past.state_of, past.retention_of)
    search = Search(recorded, render, slices, past.clock, past.later, past.random_bytes)
    replay = Replay(recorded)
    others = (
        ServedService("media", (21, 6), media.capabilities, "Capabilities", "Media", media.summary),
        ServedService("media2", (26, 6), media2.capabilities, "Capabilities2"),
        ServedService(
            "deviceio", (21, 6), deviceio.capabilities, "Capabilities", "Extension/DeviceIO", deviceio.summary
        ),
        ServedService(
            "recording", (26, 6), recording.capabilities, "Capabilities", "Extension/Recording", recording.summary
        ),
        ServedService("search", (26, 6), search.capabilities, "Capabilities", "Extension/Search", search.summary),
        ServedService("replay", (21, 6), replay.capabilities, "Capabilities", "Extension/Replay"),
    )
    device = Device(ports, host=host, users=users, render=render, others=others, usernametoken=usernametoken)
    handlers = {
        "device": handlers_of(device),
        "media": handlers_of(media),
        "media2": handlers_of(media2),
        "deviceio": handlers_of(deviceio),
        "recording": handlers_of(recording),
        "search": handlers_of(search),
        "replay": handlers_of(replay),
    }
    return Served(handlers, (media.keep, media2.keep), search)
