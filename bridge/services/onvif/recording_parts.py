"""Parts of answers about recordings, as plain values for the encoder (`tt:` types), and as search filters see them."""

import datetime as dt
from collections.abc import Mapping

from bridge.base.media import Codec, Medium, Track
from bridge.services.onvif.call import Answer
from bridge.services.onvif.recorded import RecordedTrack, Seen
from bridge.wire.search_filter import Node

TRACK_TYPES = {Medium.VIDEO: "Video", Medium.AUDIO: "Audio", Medium.METADATA: "Metadata"}

# IANA media subtypes; PCMA is what IANA calls it, too.
ENCODINGS = {codec: codec.value for codec in Codec} | {Codec.AAC: "mpeg4-generic"}

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def moment(utc_ns: int) -> dt.datetime:
    """xs:dateTime; what is finer than a microsecond is cut off."""
    return _EPOCH + dt.timedelta(microseconds=utc_ns // 1000)


def utc_ns_of(said: dt.datetime) -> int:
    """The same back."""
    return (said - _EPOCH) // _MICROSECOND * 1000


def source(seen: Seen) -> Answer:
    """`tt:RecordingSourceInformation`. SourceId: the video source's token, by which clients find the camera of it."""
    return {
        "SourceId": seen.camera,
        "Name": seen.camera_name,
        "Location": "",
        "Description": f"stream {seen.held.row.stream}",
        "Address": "",
    }


def track_configuration(track: RecordedTrack) -> Answer:
    """`tt:TrackConfiguration`."""
    return {"TrackType": TRACK_TYPES[track.track.medium], "Description": ""}


def track_information(seen: Seen, track: RecordedTrack) -> Answer:
    """`tt:TrackInformation`; the recording holds something."""
    return {
        "TrackToken": track.token,
        **track_configuration(track),
        "DataFrom": moment(seen.held.from_ns or 0),
        "DataTo": moment(seen.held.until_ns or 0),
    }


def information(seen: Seen) -> Answer:
    """`tt:RecordingInformation`. Tracks without data are not listed, and their dates are those of the whole."""
    held = seen.held
    made: dict[str, object] = {"RecordingToken": held.token, "Source": source(seen), "Content": ""}
    if held.from_ns is None or held.until_ns is None:
        return made | {"RecordingStatus": "Initiated"}
    return made | {
        "EarliestRecording": moment(held.from_ns),
        "LatestRecording": moment(held.until_ns),
        "Track": [track_information(seen, track) for track in seen.tracks],
        "RecordingStatus": "Recording" if held.growing else "Stopped",
    }


def track_attributes(seen: Seen, track: RecordedTrack) -> Answer:
    """`tt:TrackAttributes`."""
    made: dict[str, object] = {"TrackInformation": track_information(seen, track)}
    if track.track.medium is Medium.VIDEO:
        made["VideoAttributes"] = _video_attributes(seen, track.track)
    elif track.track.medium is Medium.AUDIO:
        made["AudioAttributes"] = {
            "Encoding": ENCODINGS[track.track.codec],
            "Samplerate": track.track.clock_rate // 1000,
        }
    else:
        # The camera's documents pass as they are: what is in them is not looked at.
        made["MetadataAttributes"] = {
            "CanContainPTZ": True,
            "CanContainAnalytics": True,
            "CanContainNotifications": True,
        }
    return made


def _video_attributes(seen: Seen, track: Track) -> Answer:
    return {
        "Width": track.width,
        "Height": track.height,
        "Encoding": ENCODINGS[track.codec],
        "Framerate": float(track.frame_rate or seen.frame_rate),
    }


def node_of(name: str, value: object) -> Node:
    """A part of an answer as a search filter sees it: without attributes, which none of them has."""
    if isinstance(value, Mapping):
        children = tuple(
            node_of(key, one) for key, part in value.items() for one in (part if isinstance(part, list) else [part])
        )
        return Node(name, children=children)
    if isinstance(value, dt.datetime):
        return Node(name, value.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    return Node(name, str(value))
