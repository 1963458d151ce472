"""Installs Twisted's reactor: asyncio's loop, uvloop's implementation. Nobody else imports the reactor."""

import asyncio
import sys
from typing import Any

import uvloop


def install() -> Any:
    """The reactor; must run before anything else imports `twisted.internet.reactor`.

    asyncio's loop lets the second ingest driver (aiortsp) and WebRTC run beside Twisted; uvloop makes it as fast as
    Twisted's own epoll reactor (docs/design/architecture.md).
    """
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("a reactor is installed already")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)
    from twisted.internet import reactor  # noqa: TID251 - the one place

    return reactor
