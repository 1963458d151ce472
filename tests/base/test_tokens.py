"""Ids of cameras and streams."""

import uuid

import pytest

from bridge.base.media import Medium
from bridge.base.tokens import is_camera_id, is_stream_name, recording_token, track_tokens


@pytest.mark.parametrize("text", ["front-door", "a", "0", "x" * 32])
def test_camera_ids(text: str) -> None:
    assert is_camera_id(text)


@pytest.mark.parametrize("text", ["", "x" * 33, "Front", "a b", "a/b", "ä", "a\n", "..", "٣"])
def test_what_is_no_camera_id(text: str) -> None:
    assert not is_camera_id(text)


def test_stream_names() -> None:
    assert is_stream_name("main")
    assert is_stream_name("x" * 16)
    assert not is_stream_name("x" * 17)
    assert not is_stream_name("Sub")


def test_recording_tokens() -> None:
    assert recording_token("gate", "main") == "rec-gate.main"
    ended = uuid.UUID("12345678-0000-4000-8000-000000000000")
    assert recording_token("gate", "main", ended) == "rec-gate.main.12345678"


def test_track_tokens() -> None:
    media = [Medium.VIDEO, Medium.AUDIO, Medium.VIDEO, Medium.METADATA]
    assert track_tokens(media) == ["VIDEO001", "AUDIO001", "VIDEO002", "META001"]
