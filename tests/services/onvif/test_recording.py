"""Recording control: recordings, tracks and jobs as a principal may see them."""

import pytest

from bridge.recorder.settings import RecordingState
from tests.services.onvif import past_setting
from tests.services.onvif.bridge_setting import ADMIN, DEAF, GATE_ONLY, NOBODY, SILENT, YARD_ONLY, Bridge, texts

NO_RECORDING = "Sender/InvalidArgVal/NoRecording"
OLD_GATE = "rec-gate.main.00000004"


@pytest.fixture
def bridge():
    return Bridge()


def recording(token):
    return f"<RecordingToken>{token}</RecordingToken>"


def job(token):
    return f"<JobToken>{token}</JobToken>"


@pytest.mark.parametrize(
    ("user", "tokens"),
    [
        (ADMIN, ["rec-gate.main", "rec-yard.main", "rec-roof.main", OLD_GATE, "rec-barn.main.00000005"]),
        (GATE_ONLY, ["rec-gate.main", OLD_GATE]),
        (YARD_ONLY, ["rec-yard.main"]),
        (DEAF, []),  # he may see live, and nothing else
        (NOBODY, []),
    ],
)
def test_everybody_sees_his_own(bridge, user, tokens):
    answer = bridge.ask("recording", "GetRecordings", user=user)
    # An ended recording without footage is gone.
    assert texts(answer, "RecordingToken") == tokens


def test_a_recording(bridge):
    first, second, third, _, fifth = bridge.ask("recording", "GetRecordings")
    assert texts(first, "SourceId") == ["gate"]
    assert texts(first, "Name") == ["Gate <north> & south"]
    assert texts(first, "Description") == ["stream main", None, None]
    assert texts(first, "MaximumRetentionTime") == ["PT604800S"]
    assert texts(first, "TrackToken") == ["VIDEO001", "AUDIO001"]
    assert texts(first, "TrackType") == ["Video", "Audio"]
    assert texts(second, "MaximumRetentionTime") == ["PT0S"]
    # Nothing is recorded of it yet: the tracks are those of its stream.
    assert texts(third, "TrackToken") == ["VIDEO001"]
    # Its camera is gone, and nobody deletes by its configuration.
    assert texts(fifth, "Name") == ["barn"]


def test_its_configuration_alone(bridge):
    answer = bridge.ask("recording", "GetRecordingConfiguration", recording("rec-gate.main"))
    assert texts(answer, "SourceId") == ["gate"]
    track = bridge.ask(
        "recording", "GetTrackConfiguration", recording("rec-gate.main") + "<TrackToken>AUDIO001</TrackToken>"
    )
    assert texts(track, "TrackType") == ["Audio"]
    options = bridge.ask("recording", "GetRecordingOptions", recording("rec-gate.main"))
    assert [dict(each.attrib) for each in options[0]] == [{"CompatibleSources": "gate.main"}, {}]
    options = bridge.ask("recording", "GetRecordingOptions", recording(OLD_GATE))
    assert [dict(each.attrib) for each in options[0]] == [{}, {}]


@pytest.mark.parametrize("operation", ["GetRecordingConfiguration", "GetRecordingOptions"])
def test_unknown_recordings(bridge, operation):
    for token, user in [
        ("rec-gate.other", ADMIN),
        ("", ADMIN),
        ("rec-barn.sub.00000006", ADMIN),
        ("rec-gate.main", YARD_ONLY),
    ]:
        assert bridge.fault("recording", operation, recording(token), user=user) == NO_RECORDING
    assert bridge.fault("recording", operation, recording("r" * 65)) == "Sender/InvalidArgVal"


def test_unknown_tracks(bridge):
    def fault(recording_token, track):
        arguments = recording(recording_token) + f"<TrackToken>{track}</TrackToken>"
        return bridge.fault("recording", "GetTrackConfiguration", arguments)

    assert fault("rec-x.main", "VIDEO001") == NO_RECORDING
    assert fault("rec-gate.main", "VIDEO002") == "Sender/InvalidArgVal/NoTrack"
    assert fault("rec-yard.main", "AUDIO001") == "Sender/InvalidArgVal/NoTrack"


def test_jobs_are_of_what_goes_on(bridge):
    answer = bridge.ask("recording", "GetRecordingJobs")
    assert texts(answer, "JobToken") == ["job-gate.main", "job-yard.main", "job-roof.main"]
    assert texts(answer, "RecordingToken") == ["rec-gate.main", "rec-yard.main", "rec-roof.main"]
    assert texts(answer, "Mode") == ["Active", "Active", "Idle"]
    assert texts(answer, "Token") == ["gate.main", "yard.main", "roof.main"]
    sources = answer.findall(".//{*}SourceToken")
    assert {each.get("Type") for each in sources} == {"http://www.onvif.org/ver10/schema/Profile"}
    assert texts(answer[0], "Destination") == ["VIDEO001", "AUDIO001"]
    own = bridge.ask("recording", "GetRecordingJobConfiguration", job("job-yard.main"))
    assert texts(own, "RecordingToken") == ["rec-yard.main"]


@pytest.mark.parametrize(
    ("state", "mode", "told", "error"),
    [
        (RecordingState.RECORDING, "Active", "Active", []),
        (RecordingState.STARTING, "Active", "Idle", []),
        (RecordingState.WAITING, "Active", "Idle", []),
        (RecordingState.NO_SIGNAL, "Active", "Error", ["the camera delivers nothing"]),
        (RecordingState.FAILED, "Active", "Error", ["it cannot be written"]),
        (RecordingState.OFF, "Idle", "Idle", []),
        (None, "Idle", "Idle", []),
    ],
)
def test_how_a_job_is(bridge, monkeypatch, state, mode, told, error):
    monkeypatch.setitem(past_setting.STATES, ("yard", "main"), state)
    answer = bridge.ask("recording", "GetRecordingJobState", job("job-yard.main"))
    assert texts(answer, "State") == [None, told, told, told]
    assert texts(answer, "Error") == error
    answer = bridge.ask("recording", "GetRecordingJobConfiguration", job("job-yard.main"))
    assert texts(answer, "Mode") == [mode]


@pytest.mark.parametrize("operation", ["GetRecordingJobConfiguration", "GetRecordingJobState"])
@pytest.mark.parametrize("token", ["job-gate.other", "rec-gate.main", "job-gate.main.00000004", "", "job-"])
def test_unknown_jobs(bridge, operation, token):
    assert bridge.fault("recording", operation, job(token)) == "Sender/InvalidArgVal/NoRecordingJob"


def test_what_he_may_not_hear_is_not_there(bridge):
    answer = bridge.ask("recording", "GetRecordings", user=SILENT)
    assert texts(answer[0], "TrackToken") == ["VIDEO001"]
    answer = bridge.ask("search", "GetRecordingInformation", recording("rec-gate.main"), user=SILENT)
    assert texts(answer, "TrackToken") == ["VIDEO001"]


def test_capabilities(bridge):
    (answer,) = bridge.ask("recording", "GetServiceCapabilities")
    assert answer.get("DynamicRecordings") == answer.get("DynamicTracks") == "false"
    assert answer.get("Options") == "true"
    assert answer.get("Encoding") == "H264 H265 JPEG mpeg4-generic MP4A-LATM opus G726 PCMU PCMA"
