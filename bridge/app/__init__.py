"""Builds every object, starts and stops them.

reactor.py   installs Twisted's reactor
store.py     what is kept in `data/`
doors.py     binds the TCP doors
fleet.py     the cameras that run
onvif.py     builds the ONVIF side
service.py   the whole service
numbers.py   what the metrics page shows
demo.py      the service with simulated cameras
running.py   a service from its start to its end: signals, the ready line, exit codes
"""

from bridge.app.demo import demo
from bridge.app.running import serve

__all__ = ["demo", "serve"]
