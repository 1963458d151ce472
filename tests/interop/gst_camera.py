"""GStreamer's RTSP server as cameras, run by the system's python3 (not the project's): prints one JSON line when ready.

usage: gst_camera.py [USER PASSWORD [CERTIFICATE KEY PORT]]      with both: Digest authentication; with all: over TLS
Paths: /h264aac /h265 /h264pcmu /h264 /jpeg /jpeg422 /jpeglatm /jpeglarge /jpegopus /jpegg726
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - versions first

PICTURE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
H264 = f"{PICTURE} ! x264enc tune=zerolatency key-int-max=25 speed-preset=ultrafast ! rtph264pay name=pay0 pt=96"
SOUND = "audiotestsrc is-live=true samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1"
# RFC 2435 has 4:2:0 and 4:2:2 only.
JPEG = f"{PICTURE},format=I420 ! jpegenc ! rtpjpegpay name=pay0 pt=26"

MEDIA = {
    "/h264": f"( {H264} )",
    "/h264aac": f"( {H264} {SOUND} ! avenc_aac ! rtpmp4gpay name=pay1 pt=97 )",
    "/h264pcmu": f"( {H264} {SOUND} ! mulawenc ! rtppcmupay name=pay1 pt=0 )",
    "/h265": f"( {PICTURE} ! x265enc tune=zerolatency key-int-max=25 speed-preset=ultrafast ! h265parse "
    "! rtph265pay name=pay0 pt=96 )",
    "/jpeg": f"( {JPEG} )",
    # Wider than RFC 2435 can tell: the size stands in SDP.
    "/jpeglarge": f"( {JPEG.replace('width=320,height=240', 'width=2048,height=128')} )",
    "/jpeg422": f"( {JPEG.replace('I420', 'Y42B')} )",
    "/jpeglatm": f"( {JPEG} {SOUND} ! avenc_aac ! rtpmp4apay name=pay1 pt=97 )",
    "/jpegopus": f"( {JPEG} {SOUND} ! opusenc ! rtpopuspay name=pay1 pt=97 )",
    # With force-aal2, as it is by default, the name is that of the other order of bits.
    "/jpegg726": f"( {JPEG} {SOUND} ! avenc_g726 bitrate=32000 ! rtpg726pay name=pay1 pt=98 force-aal2=false )",
}

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[5] if len(sys.argv) == 6 else "0")
if len(sys.argv) >= 3:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(sys.argv[1], sys.argv[2], token)
    if len(sys.argv) == 6:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(sys.argv[3], sys.argv[4]))
    server.set_auth(auth)
for path, launch in MEDIA.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(True)
    factory.set_latency(0)
    if len(sys.argv) >= 3:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
print(json.dumps({"port": server.get_bound_port()}), flush=True)
GLib.MainLoop().run()
