"""GStreamer's recorder, splitmuxsink, for comparison: run with the system's Python.

python3 gst_record.py record|feed SOURCE FOLDER CAMERAS SEGMENT_S FRAGMENT_MS

Each camera is a pipeline. SOURCE: an MP4 file, read in real time, which must be long enough; or RTSP URLs with commas
between them, pulled in turn over TCP. `feed` throws the access units away: what is not the recorder's cost.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 - after require_version

kind, sources, folder, cameras, segment_s, fragment_ms = sys.argv[1:]
Gst.init(None)
loop = GLib.MainLoop()


def fail(_bus: Gst.Bus, message: Gst.Message) -> None:
    print(message.parse_error(), file=sys.stderr)
    loop.quit()


pipelines = []


def add() -> bool:
    """One more; they begin spread over a GOP."""
    source = sources.split(",")[len(pipelines) % (sources.count(",") + 1)]
    if source.startswith("rtsp:"):
        source = f"rtspsrc location={source} protocols=tcp latency=0 ! rtph264depay ! h264parse"
    else:
        source = f"filesrc location={source} ! qtdemux ! h264parse ! identity sync=true"
    sink = "fakesink sync=false"
    if kind == "record":
        sink = (
            f'splitmuxsink muxer="mp4mux fragment-duration={fragment_ms}" max-size-time={int(segment_s) * Gst.SECOND}'
            f" location={folder}/{len(pipelines)}-%05d.mp4"
        )
    pipeline = Gst.parse_launch(f"{source} ! {sink}")
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", fail)
    pipeline.set_state(Gst.State.PLAYING)
    pipelines.append(pipeline)
    if len(pipelines) == int(cameras):
        print("ready", flush=True)
        return False
    return True


GLib.timeout_add(2000 // int(cameras), add)
loop.run()
sys.exit(1)
