"""What is recorded, for one principal: rights, tokens, tracks, and an index that cannot be used."""

import pytest

from bridge.services.onvif.recorded import MAX_KEPT, Seen
from bridge.store.backend import DatabaseUnusableError
from bridge.system.access import Principal, Role
from tests.services.onvif.bridge_setting import AAC, H264_MAIN, PCMU, Bridge, fixture_recordings, run


@pytest.fixture
def bridge():
    return Bridge()


def seen_of(token, *, audible=True, live=()):
    library = fixture_recordings()
    held = next(held for held in library.recordings() if held.token == token)
    return Seen(held, "Gate", audible, live)


def test_tokens():
    seen = seen_of("rec-gate.main")
    assert (seen.camera, seen.profile_token, seen.job_token) == ("gate", "gate.main", "job-gate.main")
    assert seen_of("rec-gate.main.00000004").job_token == ""


def test_tracks_keep_their_tokens_whoever_looks():
    assert [track.token for track in seen_of("rec-gate.main").tracks] == ["VIDEO001", "AUDIO001"]
    assert [track.token for track in seen_of("rec-gate.main", audible=False).tracks] == ["VIDEO001"]
    tracks = (PCMU, H264_MAIN, AAC)
    assert [track.token for track in seen_of("rec-gate.main").only(tracks)] == ["AUDIO001", "VIDEO001", "AUDIO002"]
    assert [track.token for track in seen_of("rec-gate.main", audible=False).only(tracks)] == ["VIDEO001"]


def test_tracks_of_the_stream_stand_in_for_those_of_an_empty_recording():
    assert seen_of("rec-roof.main").tracks == ()
    assert [track.track for track in seen_of("rec-roof.main", live=(H264_MAIN,)).tracks] == [H264_MAIN]


def test_without_an_index_there_is_a_fault_and_live_goes_on():
    bridge = Bridge(library=None)
    assert bridge.fault("recording", "GetRecordings") == "Receiver/Action"
    assert bridge.fault("search", "GetRecordingSummary") == "Receiver/Action"
    assert bridge.ask("media", "GetProfiles") is not None


def test_an_index_that_fails_is_told_once_and_works_again(bridge):
    bridge.library.error = DatabaseUnusableError("index.db is damaged")
    reply = bridge.post("recording", "GetRecordings")
    assert reply.status == 500
    assert "index.db" not in "".join(filter(None, reply.body.itertext()))
    bridge.library.error = None
    assert len(bridge.ask("recording", "GetRecordings")) == 5


def test_what_was_kept_for_many_is_bounded(bridge):
    recorded = bridge.served.search._recorded
    for number in range(MAX_KEPT + 3):
        principal = Principal.with_role(f"user-{number}", Role.VIEWER, ["gate"])
        assert len(run(recorded.all(principal), bridge.turns)) == 2
    assert len(recorded._seen) == 3
    recorded.forget()
    assert recorded._seen == {}


def test_a_list_serves_for_a_second(bridge):
    for _ in range(3):
        bridge.ask("recording", "GetRecordings")
    assert bridge.library.listed == 1
    bridge.timers.advance(1)
    bridge.ask("recording", "GetRecordings")
    assert bridge.library.listed == 2
