"""The names of events, topics and operations: those who post them and those who keep them agree here.

In ONVIF's words where it has some: Core, Event handling; Recording Control, Events. Topics under `onb:` are our own.
"""

import enum


class Topic(enum.StrEnum):
    """What happens to recordings, their cameras and the device itself. source: what the event is about."""

    SIGNAL_LOSS = "tns1:VideoSource/SignalLoss"
    """source: camera id; State true: its stream is gone."""
    JOB_STATE = "tns1:RecordingConfig/JobState"
    """source: recording token; State Active, Idle or Error."""
    RECORDING_STATE = "tns1:RecordingHistory/Recording/State"
    """source: recording token; IsRecording."""
    TRACK_STATE = "tns1:RecordingHistory/Track/State"
    """source: recording token; Track, IsDataPresent."""
    TRACK_DATA_DELETED = "tns1:RecordingConfig/DeleteTrackData"
    """source: recording token; StartTime, EndTime of what retention took."""
    STORAGE_FAILURE = "tns1:Device/HardwareFailure/StorageFailure"
    """source: storage name; Failed true: nothing can be written there; Reason: a sentence."""
    FOOTAGE_LOST = "onb:Recording/FootageLost"
    """source: recording token; Units that the disk was too slow for, since recording began."""
    CERTIFICATE_EXPIRES = "onb:Certificate/Expires"
    """source: ""; that of the TLS doors; Days: 30, 7, 1 or 0, within which it expires, or has; Expires: when."""
    CLOCK_SET = "onb:Clock/Set"
    """source: ""; the host's clock was set forward by ForwardSeconds; for an hour age deletes nothing."""


class Operation(enum.StrEnum):
    """PropertyOperation of a tt:Message: of a state, its first value, a new one, its end."""

    NONE = ""
    """For what has no state: it happens and is over."""
    INITIALIZED = "Initialized"
    CHANGED = "Changed"
    DELETED = "Deleted"
