"""Parts of answers about recordings, and how search filters see them."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import parse_utc
from bridge.services.onvif.recorded import RecordedTrack, Seen
from bridge.services.onvif.recording_parts import information, moment, node_of, track_attributes, utc_ns_of
from bridge.wire.search_filter import parse_filter
from tests.services.onvif.bridge_setting import fixture_recordings


def seen_of(token):
    return Seen(next(held for held in fixture_recordings().recordings() if held.token == token), "Gate", True)


@given(st.integers(-(2**63), 2**63 - 1))
def test_moments_are_cut_to_microseconds(utc_ns):
    assert utc_ns_of(moment(utc_ns)) == utc_ns // 1000 * 1000


def test_moment():
    assert moment(parse_utc("2026-11-21T09:00:00.123456789Z")).isoformat() == "2026-11-21T09:00:00.123456+00:00"


def test_a_filter_sees_all_that_is_told():
    node = node_of("RecordingInformation", information(seen_of("rec-gate.main")))
    for text in (
        'boolean(/RecordingInformation[RecordingToken = "rec-gate.main"])',
        'boolean(//Source[SourceId = "gate" and Name = "Gate"])',
        'boolean(//Track[TrackToken = "AUDIO001" and TrackType = "Audio"])',
        'boolean(//Track[DataTo = "2027-01-15T08:00:00Z"])',
        'boolean(//RecordingInformation[EarliestRecording <= "2027-01-14T22:00:00.000Z"])',
    ):
        assert parse_filter(text).matches(node), text


def test_metadata_may_hold_whatever_cameras_send():
    track = RecordedTrack("META001", Track(Codec.ONVIF_METADATA, 90_000))
    assert track_attributes(seen_of("rec-gate.main"), track)["MetadataAttributes"] == {
        "CanContainPTZ": True,
        "CanContainAnalytics": True,
        "CanContainNotifications": True,
    }
