"""Settings for clients that contradict each other, and named sets of them: `[clients]`.

Only what one client needs and another one chokes on is a setting; all else is served so that every known client is
content. docs/clients.md says which client needs which value, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.system.config import Clients
from bridge.wire.digest import Algorithm


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    digest:             algorithms that HTTP and RTSP Digest offer, in order
    rtsp_after_onvif:   an RTSP client without credentials is the user who logged in from its address by ONVIF just now
    ignore_configuring: requests to change encoders are answered as done, and change nothing
    """

    digest: tuple[Algorithm, ...] = (Algorithm.MD5,)
    rtsp_after_onvif: bool = False
    ignore_configuring: bool = False


PRESETS: Mapping[str, ClientSettings] = {
    "standard": ClientSettings(),
    "sha-256": ClientSettings(digest=(Algorithm.SHA_256, Algorithm.MD5)),
    "scrypted": ClientSettings(ignore_configuring=True),
    "unifi-protect": ClientSettings(rtsp_after_onvif=True),
}

_ALGORITHMS = {"md5": Algorithm.MD5, "sha-256": Algorithm.SHA_256}


def settings_of(clients: Clients) -> ClientSettings:
    """The preset, and over it what the file says itself."""
    preset = PRESETS[clients.preset]
    return ClientSettings(
        preset.digest if clients.digest is None else tuple(_ALGORITHMS[name] for name in clients.digest),
        preset.rtsp_after_onvif if clients.rtsp_login is None else clients.rtsp_login == "after-onvif",
        preset.ignore_configuring if clients.configuring is None else clients.configuring == "ignore",
    )
