"""Handlers of the recording service (`trc`): what is recorded, from where, and whether it is being recorded now.

Follows the ONVIF Recording Control Specification. Nothing can be set. A recording is all footage of a stream; the job
that records it is told as if somebody had made one. What ended has no job.
"""

import datetime as dt
from collections.abc import Callable

from bridge.base.media import Codec
from bridge.recorder.settings import RecordingState
from bridge.services.onvif.answers import TT, Render
from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.recorded import Recorded, RecordedTrack, Seen
from bridge.services.onvif.recording_parts import ENCODINGS, source, track_configuration
from bridge.services.onvif.slices import Slices
from bridge.wire.soap.faults import SoapFault, invalid_value

PROFILE_TYPE = "http://www.onvif.org/ver10/schema/Profile"
MAX_RECORDINGS = 4096

StateOf = Callable[[str, str], RecordingState | None]
"""Camera and stream -> how its recording is; None when nobody records it."""

RetentionOf = Callable[[str], int | None]
"""Camera -> for how many nanoseconds its footage is kept; None: as long as there is room."""

_STATES = {
    RecordingState.RECORDING: "Active",
    RecordingState.NO_SIGNAL: "Error",
    RecordingState.FAILED: "Error",
}
"""All others are Idle."""

_ERRORS = {
    RecordingState.NO_SIGNAL: "the camera delivers nothing",
    RecordingState.FAILED: "it cannot be written",
}


class RecordingControl:
    """The recording service over `recorded`. Lists of all recordings are made in slices."""

    def __init__(
        self, recorded: Recorded, render: Render, slices: Slices, state_of: StateOf, retention_of: RetentionOf
    ) -> None:
        self._recorded = recorded
        self._render, self._slices = render, slices
        self._state_of, self._retention_of = state_of, retention_of

    def capabilities(self, _call: Call) -> Answer:
        """`trc:Capabilities`: what is built."""
        return {
            "DynamicRecordings": False,
            "DynamicTracks": False,
            "Encoding": [ENCODINGS[codec] for codec in Codec if codec is not Codec.ONVIF_METADATA],
            "MaxRecordings": float(MAX_RECORDINGS),
            "MaxRecordingJobs": MAX_RECORDINGS,
            "Options": True,
            "MetadataRecording": True,
            "EventRecording": False,
            "ScheduledRecording": False,
        }

    def summary(self, _call: Call) -> Answer:
        """`tt:RecordingCapabilities` of the older tds GetCapabilities."""
        return {
            "ReceiverSource": False,
            "MediaProfileSource": True,
            "DynamicRecordings": False,
            "DynamicTracks": False,
            "MaxStringLength": 64,
        }

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.23"""
        return {"Capabilities": self.capabilities(call)}

    # --- Recordings and tracks ---------------------------------------------------------------------------------------

    async def GetRecordings(self, call: Call, _request: Request) -> Answer:
        """All that he may play back, and their tracks."""
        seen = await self._recorded.with_tracks(await self._recorded.all(call.principal))
        type_name = f"{TT}GetRecordingsResponseItem"
        texts = (self._render("recording", type_name, self._item(one)) for one in seen)
        return {"RecordingItem": await self._slices.gather(texts)}

    async def GetRecordingConfiguration(self, call: Call, request: Request) -> Answer:
        """NoRecording for an unknown one."""
        return {"RecordingConfiguration": self._configuration(await self._recording(call, request))}

    async def GetTrackConfiguration(self, call: Call, request: Request) -> Answer:
        """NoRecording, NoTrack."""
        seen = await self._with_tracks(await self._recording(call, request))
        track = next((track for track in seen.tracks if track.token == request["TrackToken"]), None)
        if track is None:
            raise SoapFault(invalid_value("NoTrack"))
        return {"TrackConfiguration": track_configuration(track)}

    async def GetRecordingOptions(self, call: Call, request: Request) -> Answer:
        """No spare jobs or tracks: nothing can be made."""
        seen = await self._recording(call, request)
        return {"Options": {"Job": {"CompatibleSources": [seen.profile_token]} if seen.job_token else {}, "Track": {}}}

    # --- Jobs --------------------------------------------------------------------------------------------------------

    async def GetRecordingJobs(self, call: Call, _request: Request) -> Answer:
        """One for each recording that goes on."""
        going_on = [one for one in await self._recorded.all(call.principal) if one.job_token]
        seen = await self._recorded.with_tracks(going_on)
        type_name = f"{TT}GetRecordingJobsResponseItem"
        texts = (
            self._render("recording", type_name, {"JobToken": one.job_token, "JobConfiguration": self._job(one)})
            for one in seen
        )
        return {"JobItem": await self._slices.gather(texts)}

    async def GetRecordingJobConfiguration(self, call: Call, request: Request) -> Answer:
        """NoRecordingJob for an unknown one."""
        return {"JobConfiguration": self._job(await self._recording_of_job(call, request))}

    async def GetRecordingJobState(self, call: Call, request: Request) -> Answer:
        """Of the one source and its tracks: all are as the recording is."""
        seen = await self._recording_of_job(call, request)
        state = self._state(seen)
        told = _STATES.get(state, "Idle") if state else "Idle"
        error = {"Error": _ERRORS[state]} if state in _ERRORS else {}
        tracks = [
            {"SourceTag": track.token, "Destination": track.token, **error, "State": told} for track in seen.tracks
        ]
        source_state = {"SourceToken": _source_token(seen), "State": told, "Tracks": {"Track": tracks}}
        return {"State": {"RecordingToken": seen.held.token, "State": told, "Sources": [source_state]}}

    # --- Parts -------------------------------------------------------------------------------------------------------

    def _item(self, seen: Seen) -> Answer:
        """`tt:GetRecordingsResponseItem`."""
        tracks = [{"TrackToken": track.token, "Configuration": track_configuration(track)} for track in seen.tracks]
        return {
            "RecordingToken": seen.held.token,
            "Configuration": self._configuration(seen),
            "Tracks": {"Track": tracks},
        }

    def _configuration(self, seen: Seen) -> Answer:
        """`tt:RecordingConfiguration`; a retention of 0 is none."""
        kept_ns = self._retention_of(seen.camera) if seen.job_token else None
        return {
            "Source": source(seen),
            "Content": "",
            "MaximumRetentionTime": dt.timedelta(microseconds=(kept_ns or 0) // 1000),
        }

    def _job(self, seen: Seen) -> Answer:
        """`tt:RecordingJobConfiguration`: active as soon as something is to be recorded; the state tells what comes."""
        state = self._state(seen)
        return {
            "RecordingToken": seen.held.token,
            "Mode": "Idle" if state in (None, RecordingState.OFF) else "Active",
            "Priority": 1,
            "Source": [{"SourceToken": _source_token(seen), "Tracks": [_job_track(track) for track in seen.tracks]}],
        }

    def _state(self, seen: Seen) -> RecordingState | None:
        return self._state_of(seen.held.row.camera, seen.held.row.stream)

    # --- Arguments ---------------------------------------------------------------------------------------------------

    async def _recording(self, call: Call, request: Request) -> Seen:
        seen = await self._recorded.find(call.principal, request["RecordingToken"])
        if seen is None:
            raise SoapFault(invalid_value("NoRecording"))
        return seen

    async def _recording_of_job(self, call: Call, request: Request) -> Seen:
        token = request["JobToken"]
        seen = await self._recorded.find(call.principal, f"rec-{token[4:]}") if token.startswith("job-") else None
        if seen is None or seen.job_token != token:
            raise SoapFault(invalid_value("NoRecordingJob"))
        return await self._with_tracks(seen)

    async def _with_tracks(self, seen: Seen) -> Seen:
        return (await self._recorded.with_tracks([seen]))[0]


def _source_token(seen: Seen) -> Answer:
    """`tt:SourceReference`: the profile that is recorded."""
    return {"Type": PROFILE_TYPE, "Token": seen.profile_token}


def _job_track(track: RecordedTrack) -> Answer:
    return {"SourceTag": track.token, "Destination": track.token}
