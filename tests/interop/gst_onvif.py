"""Plays a recording as GStreamer does in its ONVIF mode, on the system's Python; prints when each unit was captured.

usage: gst_onvif.py URL USER PASSWORD SECONDS       one line a unit: nanoseconds since 1900, as rtponvifparse has it
"""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 - after the version was asked for


def main(url, user, password, seconds):
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"rtspsrc location={url} user-id={user} user-pw={password} protocols=tcp onvif-mode=true"
        " onvif-rate-control=false ! application/x-rtp,media=video ! rtponvifparse ! fakesink name=sink sync=false"
    )
    seen = []

    def on_buffer(pad, info):
        # Packets that continue a unit have no time of their own.
        buffer = info.get_buffer()
        head = buffer.extract_dup(0, 1)
        if head[0] & 0x10:
            seen.append(buffer.pts)
        return Gst.PadProbeReturn.OK

    pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, on_buffer)
    pipeline.set_state(Gst.State.PLAYING)
    loop = GLib.MainLoop()
    GLib.timeout_add(int(float(seconds) * 1000), loop.quit)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    print("\n".join(map(str, seen)))


main(*sys.argv[1:])
