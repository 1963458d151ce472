"""Talks to a camera as GStreamer does, on the system's Python: rtspsrc with backchannel=onvif, watching meanwhile.

usage: gst_talk.py URL USER PASSWORD PROTOCOL PACKETS       prints one JSON line: what was offered, and how it went
The sound of packet n is 160 bytes of n, 20 ms of G.711.
"""

import json
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 - after the version was asked for


def main(url, user, password, protocol, packets):
    Gst.init(None)
    pipeline, source = Gst.Pipeline.new(), Gst.ElementFactory.make("rtspsrc")
    pipeline.add(source)
    settings = {"location": url, "user-id": user, "user-pw": password, "protocols": protocol, "backchannel": "onvif"}
    for name, value in settings.items():
        Gst.util_set_object_arg(source, name, value)
    loop, seen = GLib.MainLoop(), {"ways": [], "pushed": 0, "flows": [], "pictures": 0, "error": ""}

    def on_select(source, number, caps):
        structure = caps.get_structure(0)
        if structure.has_field("a-sendonly"):
            name, payload_type = structure.get_string("encoding-name"), structure.get_value("payload")
            seen["ways"].append([number, name, payload_type])
        return True

    def on_pad(source, pad):
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))
        pad.add_probe(Gst.PadProbeType.BUFFER, on_picture)

    def on_picture(pad, info):
        seen["pictures"] += 1
        if seen["pictures"] == 1:
            GLib.timeout_add(20, say)
        return Gst.PadProbeReturn.OK

    def say():
        if seen["pushed"] == int(packets) or not seen["ways"]:
            GLib.timeout_add(300, loop.quit)
            return False
        count = seen["pushed"]
        number, _, payload_type = seen["ways"][0]
        head = struct.pack("!BBHII", 0x80, payload_type, count, 160 * count, 0x5EED)
        sample = Gst.Sample.new(Gst.Buffer.new_wrapped(head + bytes([count % 256]) * 160), None, None, None)
        seen["flows"].append(int(source.emit("push-backchannel-sample", number, sample)))
        seen["pushed"] += 1
        return True

    def on_error(bus, message):
        seen["error"] = message.parse_error()[0].message
        loop.quit()

    source.connect("select-stream", on_select)
    source.connect("pad-added", on_pad)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", on_error)
    pipeline.set_state(Gst.State.PLAYING)
    GLib.timeout_add_seconds(30, loop.quit)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    print(json.dumps(seen))


main(*sys.argv[1:])
