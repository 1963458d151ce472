"""Handlers of the replay service (`trp`): where a recording plays.

Follows the ONVIF Replay Control Specification. The playing itself is RTSP's.
"""

import datetime as dt

from bridge.services.onvif.answers import replay_url, websocket_uri
from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.recorded import Recorded
from bridge.wire.soap.faults import SoapFault, invalid_value

SESSION_TIMEOUT = dt.timedelta(seconds=60)


class Replay:
    """The replay service over `recorded`."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def capabilities(self, call: Call) -> Answer:
        """`trp:Capabilities`: what is built."""
        seconds = SESSION_TIMEOUT.seconds
        return {
            "ReversePlayback": True,
            "SessionTimeoutRange": [seconds, seconds],
            "RTP_RTSP_TCP": True,
            "RTSPWebSocketUri": websocket_uri(call),
        }

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.5"""
        return {"Capabilities": self.capabilities(call)}

    async def GetReplayUri(self, call: Call, request: Request) -> Answer:
        """The same URI for every call and over restarts; no multicast."""
        setup = request["StreamSetup"]
        stream, protocol = setup["Stream"], setup["Transport"]["Protocol"]
        if stream != "RTP-Unicast" or protocol not in ("UDP", "RTSP", "HTTP"):
            raise SoapFault(invalid_value("InvalidStreamSetup", f"{stream} over {protocol} is not served"))
        seen = await self._recorded.find(call.principal, request["RecordingToken"])
        if seen is None:
            raise SoapFault(invalid_value("NoRecording"))
        return {"Uri": replay_url(call, seen.held.token, udp=protocol == "UDP", tunnelled=protocol == "HTTP")}

    def GetReplayConfiguration(self, _call: Call, _request: Request) -> Answer:
        """That of RTSP sessions."""
        return {"Configuration": {"SessionTimeout": SESSION_TIMEOUT}}

    def SetReplayConfiguration(self, _call: Call, request: Request) -> Answer:
        """It stays as it is; whoever sets it to what it is, is told that it was."""
        if request["Configuration"]["SessionTimeout"] != SESSION_TIMEOUT:
            raise SoapFault(invalid_value("ConfigModify", f"the session timeout is {SESSION_TIMEOUT.seconds} s"))
        return {}
