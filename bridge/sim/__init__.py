"""Simulated cameras: what `onb demo` shows and the interop tests pull.

    font.py      a 5 x 7 bitmap font of our own
    scenes.py    which cameras there are
    picture.py   draws a picture with a running clock that people and programs can read
    worker.py    the process that encodes one camera (`python -m bridge.sim.worker`)
    records.py   what the worker writes to its standard output
    loudspeaker.py  what a camera was told, for tests
    cameras.py   starts the workers and fills hubs with what they encode

The cameras are served by the bridge's own RTSP server (a second instance of it, built in `app`), and pulled by the
bridge's own ingest: a demo takes the whole way that a real camera's video takes.
"""
