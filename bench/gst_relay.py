"""GStreamer's RTSP server as a relay of one camera, for comparison: run with the system's Python.

python3 gst_relay.py CAMERA_URL PORT       serves rtsp://127.0.0.1:PORT/loop
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - after require_version

camera, port = sys.argv[1:3]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.set_backlog(1024)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f"( rtspsrc location={camera} protocols=tcp latency=0 ! rtph264depay ! rtph264pay name=pay0 pt=96 )")
factory.set_shared(True)
factory.set_latency(0)
server.get_mount_points().add_factory("/loop", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
