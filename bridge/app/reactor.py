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

    _log_like_the_rest()
    return reactor


def _log_like_the_rest() -> None:
    """What Twisted has to say goes through our log, which masks secrets: above all failures that nobody caught.

    Without it they would go to standard error as they are, and the rest would be kept in memory for an observer.
    """
    from twisted.logger import STDLibLogObserver, globalLogBeginner

    globalLogBeginner.beginLoggingTo([STDLibLogObserver()], redirectStandardIO=False)
