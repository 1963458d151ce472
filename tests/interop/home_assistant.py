"""onvif-zeep-async, asked in the order in which Home Assistant asks it; prints what it was told as one JSON line.

usage: home_assistant.py HOST PORT USER      the password comes on standard input
It runs in the environment of requirements/onvif-zeep-async.txt and imports nothing of the project.
"""

import asyncio
import json
import sys

from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.exceptions import Fault


async def refused(awaitable):
    """The words of a refusal; None when there was none."""
    try:
        await awaitable
    except (ONVIFError, Fault) as error:
        return str(error)
    return None


async def ask(host, port, user, password):
    camera = ONVIFCamera(host, port, user, password)
    told = {}
    await camera.update_xaddrs()
    told["services"] = dict(camera.xaddrs)
    told["capabilities"] = sorted(name for name, value in (await camera.get_capabilities()).items() if value)
    device = await camera.create_devicemgmt_service()
    now = await device.GetSystemDateAndTime()
    told["time"] = {"type": now.DateTimeType, "zone": now.TimeZone.TZ if now.TimeZone else None}
    information = await device.GetDeviceInformation()
    told["information"] = {name: information[name] for name in ("Manufacturer", "Model", "SerialNumber")}
    told["macs"] = [interface.Info.HwAddress for interface in await device.GetNetworkInterfaces() if interface.Enabled]
    media = await camera.create_media_service()
    told["media"] = {"SnapshotUri": bool((await media.GetServiceCapabilities()).SnapshotUri)}
    told["profiles"] = []
    for profile in await media.GetProfiles():
        encoder = profile.VideoEncoderConfiguration
        if not encoder or encoder.Encoding != "H264":
            continue
        request = media.create_type("GetStreamUri")
        request.ProfileToken = profile.token
        request.StreamSetup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        told["profiles"].append(
            {
                "token": profile.token,
                "name": profile.Name,
                "source": profile.VideoSourceConfiguration.SourceToken,
                "size": [encoder.Resolution.Width, encoder.Resolution.Height],
                "stream": (await media.GetStreamUri(request)).Uri,
                "snapshot": await camera.get_snapshot_uri(profile.token),
            }
        )
    first = told["profiles"][0]["token"]
    for _ in range(50):  # 503 until the first key frame
        picture = await camera.get_snapshot(first)
        if picture:
            break
        await asyncio.sleep(0.2)
    told["picture"] = (picture or b"")[:2].hex()
    # What a gateway does not have: Home Assistant goes on when it is told so in these words.
    told["ptz"] = await refused(camera.create_ptz_service())
    told["imaging"] = await refused(camera.create_imaging_service())
    told["set time"] = await refused(device.SetSystemDateAndTime({"DateTimeType": "Manual", "DaylightSavings": False}))
    await camera.close()
    return told


arguments = sys.argv[1:]
print(json.dumps(asyncio.run(ask(arguments[0], int(arguments[1]), arguments[2], sys.stdin.readline().rstrip("\n")))))
