"""GStreamer's ONVIF RTSP server as a camera with a loudspeaker, on the system's Python.

Prints one JSON line when ready, then one for each piece of G.711 that its loudspeaker is given. Path: /door
"""

import json

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions first

PICTURE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
H264 = f"{PICTURE} ! x264enc tune=zerolatency key-int-max=25 speed-preset=ultrafast ! rtph264pay name=pay0 pt=96"


def on_handoff(element, buffer, pad):
    print(json.dumps({"played": buffer.extract_dup(0, buffer.get_size()).hex()}), flush=True)


def on_configure(factory, media):
    media.get_element().get_by_name_recurse_up("loudspeaker").connect("handoff", on_handoff)


Gst.init(None)
server = GstRtspServer.RTSPOnvifServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPOnvifMediaFactory()
factory.set_launch(f"( {H264} )")
factory.set_backchannel_launch(
    '( capsfilter caps="application/x-rtp,media=audio,payload=0,clock-rate=8000,encoding-name=PCMU"'
    " name=depay_backchannel ! rtppcmudepay ! fakesink name=loudspeaker signal-handoffs=true sync=false async=false )"
)
factory.set_shared(True)
factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia)
factory.connect("media-configure", on_configure)
server.get_mount_points().add_factory("/door", factory)
server.attach(None)
print(json.dumps({"port": server.get_bound_port()}), flush=True)
GLib.MainLoop().run()
