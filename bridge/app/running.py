"""A service from its start to its end: signals, the ready line, exit codes."""

import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.app.reactor import install
from bridge.app.service import Service
from bridge.app.store import open_store
from bridge.base.errors import BridgeError
from bridge.base.time import SystemClock
from bridge.system.config import Config

OPEN_FILES = 65_536
"""Wanted of the host: a viewer and a camera stream are a file each, and shells usually allow 1024."""

STOP_WITHIN_S = 5
"""A camera or a viewer that does not answer the farewell is not waited for longer."""


def serve(config: Config, config_path: Path | None) -> int:
    """Runs until SIGTERM or SIGINT; the exit code. Raises BridgeError when it cannot start."""
    return run(config, config_path, install())


def run(
    config: Config,
    config_path: Path | None,
    reactor: Any,
    *,
    also: Callable[[], None] = lambda: None,
    at_end: Callable[[], None] = lambda: None,
    more_ready: dict[str, object] | None = None,
) -> int:
    """The service on `reactor`.

    also, at_end: called when it has started, and when it ends (the simulated cameras)
    more_ready:   further values of the ready line
    """
    _allow_open_files()
    store = open_store(config)
    exit_codes: list[int] = []
    try:
        service = Service(reactor, SystemClock(), config, config_path, store)
        cameras = store.all_cameras(config)

        def start() -> None:
            ready = service.start(cameras)
            also()
            _say_ready(ready | (more_ready or {}))

        def stop(code: int = 0) -> None:
            if exit_codes:
                return
            exit_codes.append(code)
            at_end()
            late = reactor.callLater(STOP_WITHIN_S - 0.5, _end, reactor)
            stopping = Deferred.fromCoroutine(service.stop())
            stopping.addErrback(_log_failure, "the service did not stop cleanly")
            stopping.addBoth(lambda _: ended(late))

        def ended(late: Any) -> None:
            if late.active():
                late.cancel()
            _end(reactor)

        def started_wrong(failure: Failure) -> None:
            if isinstance(failure.value, BridgeError):
                failures.append(failure.value)
            else:
                _log_failure(failure, "the service failed to start")
            stop(1)

        failures: list[BaseException] = []
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(_now(start)).addErrback(started_wrong))
        _handle_signals(reactor, service, stop)
        reactor.run(installSignalHandlers=False)
        if failures:
            raise failures[0]
        return exit_codes[0] if exit_codes else 0
    finally:
        store.close()


def _allow_open_files() -> None:
    """As many as wanted, or as the host's hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _now(work: Callable[[], None]) -> None:
    work()


def _say_ready(values: dict[str, object]) -> None:
    """The one line on standard output that other programs wait for."""
    sys.stdout.write(f"ready {json.dumps(values)}\n")
    sys.stdout.flush()


def _handle_signals(reactor: Any, service: Service, stop: Callable[[], None]) -> None:
    def reload() -> None:
        # A broken configuration is refused whole; the one that runs stays.
        Deferred.fromCoroutine(service.reload()).addErrback(_refused_reload)

    for number, act in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, reload)):
        signal.signal(number, lambda *_, act=act: reactor.callFromThread(act))


def _refused_reload(failure: Failure) -> None:
    if isinstance(failure.value, BridgeError):
        for line in str(failure.value).splitlines():
            structlog.get_logger().error("configuration not reloaded, the running one stays", fault=line)
        return
    _log_failure(failure, "configuration not reloaded, the running one stays")


def _log_failure(failure: Failure, event: str) -> None:
    structlog.get_logger().error(event, error=failure.getErrorMessage(), trace=failure.getTraceback())


def _end(reactor: Any) -> None:
    if reactor.running:
        reactor.stop()
