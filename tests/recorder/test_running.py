import uuid
from types import SimpleNamespace

import pytest

from bridge.recorder.gate import Mode
from bridge.recorder.lane import RecordedStream
from bridge.recorder.running import RunningRecording
from bridge.recorder.settings import RecordingSettings, RecordingState
from bridge.recorder.storage import StorageStatus
from bridge.recorder.storage_state import StorageState

OK = StorageStatus(StorageState.OK)
STREAM = RecordedStream(1, uuid.UUID(int=1), "gate", "main", 0)


def running(*, open_gate=None, signal=True, mode=Mode.ALWAYS, stream=STREAM, losing=False):
    entry = RunningRecording(RecordingSettings("gate", "main", SimpleNamespace(running=signal), mode=mode), stream)
    if open_gate is not None:
        entry.gate = SimpleNamespace(open=open_gate, reason="as it is", held_bytes=7)
        entry.cutter = SimpleNamespace(held_bytes=5)
        entry.lane = SimpleNamespace(written_bytes=1, written_units=2, lost_units=3)
    entry.losing = losing
    return entry


@pytest.mark.parametrize(
    ("entry", "storage", "state", "reason"),
    [
        (running(mode=Mode.NEVER), None, RecordingState.OFF, "not to be recorded"),
        (running(), None, RecordingState.FAILED, "there is no storage default"),
        (running(), StorageStatus(StorageState.FULL, "it is full"), RecordingState.FAILED, "it is full"),
        (running(stream=None), OK, RecordingState.STARTING, "waits for the index"),
        (running(), StorageStatus(StorageState.OPENING), RecordingState.STARTING, "waits for its storage"),
        (running(open_gate=False), OK, RecordingState.WAITING, "as it is"),
        (running(open_gate=True, signal=False), OK, RecordingState.NO_SIGNAL, "the camera sends nothing"),
        (running(open_gate=True, losing=True), OK, RecordingState.FAILED, "the storage default does not keep up"),
        (
            running(open_gate=True, losing=True),
            StorageStatus(StorageState.SLOW, "it is slow"),
            RecordingState.FAILED,
            "it is slow",
        ),
        (running(open_gate=True), OK, RecordingState.RECORDING, "as it is"),
    ],
)
def test_how_a_recording_is(entry, storage, state, reason):
    status = entry.status(storage)
    assert (status.state, status.reason) == (state, reason)


def test_what_it_counts():
    status = running(open_gate=True).status(OK)
    assert (status.written_bytes, status.written_units, status.lost_units, status.held_bytes) == (1, 2, 3, 12)
    assert running().status(OK).held_bytes == 0
