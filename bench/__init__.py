"""`make bench`: what the bridge costs, as ratios against a floor and a peer in the same run.

    loop.py      the video that every sender of a run sends: encoded once, packetised once
    camera.py    a synthetic RTSP camera that sends the loop (`python -m bench.camera`)
    floor.c      a C program that only sends the same bytes: what no server can beat
    sink.c       receives many sessions and measures them
    viewers.py   opens sessions (RTSP, digest) and hands their sockets to the sink
    service.py   `onb serve` with the cameras of a measurement
    gst_relay.py GStreamer's RTSP server as a peer
    gst_record.py    GStreamer's splitmuxsink as a peer
    record_floor.c   a C program that only hashes and writes: what no recorder can beat
    measure.py   processes, their CPU time, medians
    fanout.py first_picture.py behind.py ingest.py profiles.py recording.py
        media_database.py retention.py    the measurements
    clock_camera.py  a camera of long GOPs whose picture shows the time, for behind.py
    pull.py      the process that pulls cameras, for ingest.py
    record.py    the process that records, for recording.py; footage.py: what it records, and segments made at once
    stored.py    recordings made at once, for media_database.py and retention.py
    watched.py   the service with many cameras recorded and watched, for recording.py
    report.py    targets and tables of docs/benchmarks.md
    __main__.py  runs the measurements, keeps the figures as JSON, rewrites the document
    fanout_loop.py   the fan-out loop alone, for who works on it

Machines are noisy and differ: only ratios of one run mean anything.
"""
