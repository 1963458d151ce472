"""Parts of answers that both media services share, as the plain values that the encoder takes (`tt:` types)."""

from collections.abc import Callable, Iterable

from bridge.base.media import Medium
from bridge.net.addresses import bracketed
from bridge.services.onvif.call import Answer, Call
from bridge.services.onvif.profiles import Profile, Source
from bridge.wire.rtsp.tunnel import WEBSOCKET_PATH
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.faults import SoapFault, invalid_value

TT = "{http://www.onvif.org/ver10/schema}"

Render = Callable[[str, str, Answer], Rendered]
"""`Schemas.render`: service, `{namespace}type` and value -> text that stands for the value in an answer."""

MAX_URI = 128  # octets; tt:MediaUri as the Media Service Specification limits it

QUALITY = 1  # nothing is encoded here, so there is one quality

NO_MULTICAST: Answer = {
    "Address": {"Type": "IPv4", "IPv4Address": "0.0.0.0"},  # noqa: S104 - told, not bound: "no multicast"
    "Port": 0,
    "TTL": 0,
    "AutoStart": False,
}

NO_MULTICAST_SETTINGS = invalid_value("InvalidMulticastSettings", "the range of [multicast] has no group left for it")

NO_METADATA_OPTIONS: Answer = {
    "PTZStatusFilterOptions": {"PanTiltStatusSupported": False, "ZoomStatusSupported": False},
}


# Room for none; the schema demands a type and a position all the same.
NO_OSD_OPTIONS: Answer = {
    "MaximumNumberOfOSDs": {"Total": 0},
    "Type": ["Text"],
    "PositionOption": ["UpperLeft"],
}


def video_source_configuration(source: Source) -> Answer:
    """`tt:VideoSourceConfiguration`."""
    return {
        "token": source.token,
        "Name": source.name,
        "UseCount": source.use_count,
        "SourceToken": source.token,
        "Bounds": {"x": 0, "y": 0, "width": source.width, "height": source.height},
    }


def audio_source_configuration(source: Source) -> Answer:
    """`tt:AudioSourceConfiguration`."""
    return {"token": source.token, "Name": source.name, "UseCount": source.audio_use_count, "SourceToken": source.token}


def video_source(source: Source) -> Answer:
    """`tt:VideoSource`."""
    return {
        "token": source.token,
        "Framerate": float(source.frame_rate),
        "Resolution": resolution(source.width, source.height),
    }


OF_SOURCES: dict[str, Callable[[Source], Answer]] = {
    "VideoSource": video_source,
    "VideoSourceConfiguration": video_source_configuration,
    "AudioSourceConfiguration": audio_source_configuration,
}
"""What lists of all sources are made of: types of `tt:`."""


def source_text(source: Source, type_name: str, render: Render) -> Rendered:
    """One of OF_SOURCES as kept text."""
    make = OF_SOURCES[type_name]
    text: Rendered = source.part(type_name, lambda s: render("media", f"{TT}{type_name}", make(s)))
    return text


def resolution(width: int, height: int) -> Answer:
    """`tt:VideoResolution`."""
    return {"Width": width, "Height": height}


def int_range(values: Iterable[int]) -> Answer:
    """`tt:IntRange` from the least to the greatest of `values`, of which there is at least one."""
    values = list(values)
    return {"Min": min(values), "Max": max(values)}


def bounds_range(sources: list[Source]) -> Answer:
    """`tt:IntRectangleRange`: the whole picture of each source."""
    return {
        "XRange": int_range([0]),
        "YRange": int_range([0]),
        "WidthRange": int_range(source.width for source in sources),
        "HeightRange": int_range(source.height for source in sources),
    }


def multicast_configuration(profile: Profile, medium: Medium) -> Answer:
    """`tt:MulticastConfiguration` of the encoder of that medium. It flows while somebody asks for it, not by itself."""
    if profile.group is None:
        return NO_MULTICAST
    return {
        "Address": {"Type": "IPv4", "IPv4Address": profile.group.host},
        "Port": profile.group.ports(medium)[0],
        "TTL": profile.group.ttl,
        "AutoStart": False,
    }


def multicast_url(call: Call, profile: Profile) -> str:
    """Where the profile plays with its groups in the SDP. Raises SoapFault when it has none."""
    if not profile.multicast_path:
        raise SoapFault(NO_MULTICAST_SETTINGS)
    return _media_url(call, profile.multicast_path, udp=True, tunnelled=False)


def stream_url(call: Call, profile: Profile, *, udp: bool = False, tunnelled: bool = False) -> str:
    """Where the profile plays, under the host that the client knows us by; at most MAX_URI octets. SoapFault: nowhere.

    udp:       RTP is to come over UDP
    tunnelled: through HTTP, which is on the port that the client called (ONVIF Media2 5.2.1, Streaming 5.1.1.4)
    """
    return _media_url(call, profile.path, udp, tunnelled)


def replay_url(call: Call, recording_token: str, *, udp: bool = False, tunnelled: bool = False) -> str:
    """Where the recording plays; the same."""
    return _media_url(call, f"/recordings/{recording_token}", udp, tunnelled)


def websocket_uri(call: Call) -> str:
    """Where RTSP is over WebSocket: on the port that the client called, and without a host (Streaming 5.1.1.5)."""
    return f"{'wss' if call.scheme == 'https' else 'ws'}:{WEBSOCKET_PATH}"


def _media_url(call: Call, path: str, udp: bool, tunnelled: bool) -> str:
    if tunnelled:
        return _short(call, lambda host: call.http_url(path, host=host))
    if not call.rtsp_url(path, udp=udp):
        over = "UDP" if udp else "RTSP"
        raise SoapFault(invalid_value("InvalidStreamSetup", f"{over} is not served: its door is closed"))
    return _short(call, lambda host: call.rtsp_url(path, host=host, udp=udp))


def snapshot_url(call: Call, profile: Profile) -> str:
    """Where the still picture of the profile's camera is."""
    path = f"/snapshot/{profile.source.token}.jpg"
    return _short(call, lambda host: call.http_url(path, host=host))


def _short(call: Call, url: Callable[[str], str]) -> str:
    """A host name can be 253 octets long: then our address on this connection stands in for it.

    url: host, or "" for the one that the client knows us by -> the URL
    """
    made = url("")
    return made if len(made.encode()) <= MAX_URI else url(bracketed(call.local_address))
