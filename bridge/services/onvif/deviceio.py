"""Handlers of the device I/O service (`tmd`): the tokens of what goes in and out. Nothing goes out yet.

Follows the ONVIF Device IO Service Specification. Milestone's driver reads the sources here for Profile T.
"""

from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.profiles import Profiles
from bridge.wire.soap.faults import SoapFault, invalid_value


class DeviceIo:
    """The device I/O service over `profiles`."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def capabilities(self, call: Call) -> Answer:
        """`tmd:Capabilities`: of the whole device, since anybody may ask."""
        video, audio = self._profiles.count(call.face.camera)
        return {
            "VideoSources": video,
            "VideoOutputs": 0,
            "AudioSources": audio,
            "AudioOutputs": 0,
            "RelayOutputs": 0,
            "SerialPorts": 0,
            "DigitalInputs": 0,
            "DigitalInputOptions": False,
        }

    def summary(self, call: Call) -> Answer:
        """`tt:DeviceIOCapabilities` of the older tds GetCapabilities."""
        video, audio = self._profiles.count(call.face.camera)
        return {"VideoSources": video, "VideoOutputs": 0, "AudioSources": audio, "AudioOutputs": 0, "RelayOutputs": 0}

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.10"""
        return {"Capabilities": self.capabilities(call)}

    async def GetVideoSources(self, call: Call, _request: Request) -> Answer:
        """A camera is a source."""
        return {"Token": [camera.source.token for camera in await self._profiles.cameras(call.principal)]}

    async def GetAudioSources(self, call: Call, _request: Request) -> Answer:
        """A camera with audio is one, too."""
        cameras = await self._profiles.cameras(call.principal)
        return {"Token": [camera.source.token for camera in cameras if camera.source.audio]}

    def GetAudioOutputs(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"Token": []}

    def GetVideoOutputs(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"VideoOutputs": []}

    def GetSerialPorts(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"SerialPort": []}

    def GetDigitalInputs(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"DigitalInputs": []}

    def GetRelayOutputs(self, _call: Call, _request: Request) -> Answer:
        """None."""
        return {"RelayOutputs": []}

    def GetRelayOutputOptions(self, _call: Call, request: Request) -> Answer:
        """None; asked about one, RelayToken."""
        if request.get("RelayOutputToken"):
            raise SoapFault(invalid_value("RelayToken"))
        return {"RelayOutputOptions": []}

    def SetRelayOutputState(self, _call: Call, _request: Request) -> Answer:
        """No token names an output."""
        raise SoapFault(invalid_value("RelayToken"))
