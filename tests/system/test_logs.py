import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import ManualClock
from bridge.system import logs


@pytest.fixture
def log():
    """Sets the logs up, and puts everything back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def start(log_format: str, log_level: str = "info") -> io.StringIO:
        logs.set_up(log_format=log_format, level=log_level, clock=ManualClock(), stream=stream)
        return stream

    yield start
    logging.captureWarnings(False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text(log):
    stream = log("text")
    structlog.get_logger("x").info("stream.up", camera="gate", reason="it is up", count=3, more={"a": [1]})
    structlog.get_logger("x").debug("not shown")
    assert stream.getvalue() == (
        '2027-01-15T08:00:00.000Z info    stream.up camera=gate reason="it is up" count=3 more={"a": [1]}\n'
    )


def test_json(log):
    stream = log("json", "debug")
    structlog.get_logger("x").debug("stream.up", camera="gate")
    assert json.loads(stream.getvalue()) == {
        "time": "2027-01-15T08:00:00.000Z",
        "level": "debug",
        "event": "stream.up",
        "logger": "x",
        "camera": "gate",
    }


@pytest.mark.parametrize("log_format", logs.FORMATS)
def test_the_standard_library_and_tracebacks_are_one_line_each(log, log_format):
    stream = log(log_format)
    logging.getLogger("twisted").warning("connecting to %s\nfailed", "rtsp://admin:hunter2@h/x")
    try:
        raise ValueError("rtsp://admin:hunter2@h/y")
    except ValueError:
        structlog.get_logger("x").exception("camera.broken")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "rtsp://***@h/x" in lines[0]
    assert "ValueError: rtsp://***@h/y" in lines[1]
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("log_format", logs.FORMATS)
@given(tail=st.text())
def test_secrets_do_not_show(log_format, tail):
    render = logs.render_json if log_format == "json" else logs.render_text
    secret = f"hunter2{tail}"
    word = "hunter2" + "".join(character for character in tail if character.isalnum() or character in "@:/#?=&%$")
    event = {
        "event": f"cannot open rtsp://admin:{word}@h/x",
        "password": secret,
        "camera_password": secret,
        "Authorization": secret,
        "detail": {"nonce": secret, "deep": [{"token": secret}]},
        "header": 'Digest username="a", nonce="hunter2", response="hunter2", cnonce=hunter2',
        "other": "Authorization: Basic hunter2==",
        "url": f"rtsp://h/x?user=a&password=hunter2{tail.split()[0] if tail.isalnum() else ''}",
    }
    line = render(None, "", logs.mask(None, "", event))
    assert "hunter2" not in line
    assert line.isprintable() or log_format == "json"
    assert "\n" not in line


def test_other_values_stay():
    event = {
        "event": "login",
        "password": "",
        "token": None,
        "user": "op",
        "tokens": 3,
        "path": ("a", 1),
        "set": object,
    }
    masked = logs.mask(None, "", event)
    assert masked == event | {"path": ["a", 1], "set": "<class 'object'>"}
