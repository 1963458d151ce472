from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.base.events import Topic
from bridge.base.time import NS_PER_S
from bridge.recorder.news import News
from bridge.recorder.running import RunningRecording, RunningStorage
from bridge.recorder.settings import RecordingSettings, StorageSettings
from bridge.recorder.storage import StorageStatus
from bridge.recorder.storage_state import StorageState


@pytest.fixture
def told():
    return []


@pytest.fixture
def news(told):
    return News(lambda topic, source, operation, data, utc_ns: told.append((topic, source, data)))


@pytest.fixture
def entry():
    return RunningRecording(RecordingSettings("gate", "main", None))


def test_a_storage_fails_once_and_is_back_once(news, told):
    storage = RunningStorage(StorageSettings("cctv", Path("/cctv")), None, None)
    states = ["OPENING", "OK", "SLOW", "FULL", "FULL", "MISSING", "OPENING", "OK", "OK"]
    for state in states:
        news.storage(storage, StorageStatus(StorageState[state], state.lower()), 5)
    assert told == [
        (Topic.STORAGE_FAILURE, "cctv", {"Failed": True, "Reason": "full"}),
        (Topic.STORAGE_FAILURE, "cctv", {"Failed": False, "Reason": "ok"}),
    ]


def test_losses_are_told_at_their_first_and_when_something_is_written_again(news, told, entry):
    counts = [(0, 10), (0, 20), (5, 20), (9, 20), (9, 20), (9, 30), (9, 40)]
    losing = []
    for lost, written in counts:
        news.losses(entry, SimpleNamespace(lost_units=lost, written_units=written), 5)
        losing.append(entry.losing)
    assert losing == [False, False, True, True, True, False, False]
    assert told == [
        (Topic.FOOTAGE_LOST, "rec-gate.main", {"Units": 5}),
        (Topic.FOOTAGE_LOST, "rec-gate.main", {"Units": 9}),
    ]


def test_a_recording_begins_and_ends(news, told, entry):
    for recording in (False, True, True, False, False):
        news.recording(entry, recording, 5)
    assert [(topic, data["IsRecording"]) for topic, _, data in told] == [
        (Topic.RECORDING_STATE, True),
        (Topic.RECORDING_STATE, False),
    ]


def test_a_clock_that_was_set_forward(news, told):
    news.clock(0, 5)
    news.clock(700 * NS_PER_S + 1, 5)
    assert told == [(Topic.CLOCK_SET, "", {"ForwardSeconds": 700})]
