"""The log: one line an event on standard error, as text or JSON, and no secret in it.

structlog's events and the standard library's (Twisted's observer, SQLAlchemy …) end in one formatter, so masking cannot
be walked around.
"""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from bridge.base.time import Clock, format_utc
from bridge.system.camera_url import HIDDEN, mask_urls

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
_SECRET_KEY = re.compile(r"password|passwd|secret|authorization|cookie|nonce|token$|^key$", re.IGNORECASE)
_DIGEST = re.compile(r'\b((?:c?nonce|response|opaque)\s*=\s*)("[^"]*"|[^\s,]+)', re.IGNORECASE)
_CREDENTIALS = re.compile(r"(authorization\s*[:=]\s*(?:basic|bearer)\s+)\S+", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"'=\\]+")
_DEPTH = 4

# Any: an event's values are whatever the caller logged.
Event = MutableMapping[str, Any]


def set_up(*, log_format: str, level: str, clock: Clock, stream: TextIO | None = None) -> None:
    """Sends all logs of the process to `stream` (standard error)."""

    def stamp(_logger: object, _method: str, event: Event) -> Event:
        event["time"] = format_utc(clock.utc_ns())
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        stamp,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                mask,
                render_json if log_format == "json" else render_text,
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for chatty in ("alembic", "sqlalchemy", "zeep", "asyncio", "twisted"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def mask(_logger: object, _method: str, event: Event) -> Event:
    """Hides secrets: values under telling keys, log-ins in addresses, what digest headers carry."""
    return {key: _masked(key, value, _DEPTH) for key, value in event.items()}


def mask_text(text: str) -> str:
    """The same for one text."""
    return _CREDENTIALS.sub(rf"\1{HIDDEN}", _DIGEST.sub(rf"\1{HIDDEN}", mask_urls(text)))


def _masked(key: str, value: Any, depth: int) -> Any:  # Any: see Event
    if _SECRET_KEY.search(key) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(name): _masked(str(name), one, depth - 1) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", one, depth - 1) for one in value]
    return mask_text(str(value))


def render_json(_logger: object, _method: str, event: Event) -> str:
    """One JSON object: time, level and event first."""
    first = {key: event[key] for key in ("time", "level", "event") if key in event}
    return json.dumps(first | dict(event), ensure_ascii=False, default=str)


def render_text(_logger: object, _method: str, event: Event) -> str:
    """`2026-11-21T09:00:00.000Z info    stream.up camera=front-door`; what holds spaces stands in quotes."""
    rest = {key: value for key, value in event.items() if key not in ("time", "level", "event", "logger")}
    head = f"{event.get('time', '')} {event.get('level', ''):<7} {_one_line(str(event.get('event', '')))}"
    return " ".join([head, *(f"{key}={_value(value)}" for key, value in rest.items())])


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if not isinstance(value, str):
        return _one_line(text)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else _one_line(json.dumps(text, ensure_ascii=False))


def _one_line(text: str) -> str:
    """A peer's bytes must not begin a line of their own or move the cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
