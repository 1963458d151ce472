"""`python outside_client.py DEVICE_URL USER PASSWORD CAMERA`: a client that believes every address that it is told.

From the device service to a live and a recorded picture; prints what it was told and saw as JSON.
"""

import json
import sys
from typing import Any
from urllib.parse import quote

import av
import requests
from lxml import etree
from requests.auth import HTTPDigestAuth

SOAP = "http://www.w3.org/2003/05/soap-envelope"
DEVICE, MEDIA, REPLAY = (f"http://www.onvif.org/ver10/{name}/wsdl" for name in ("device", "media", "replay"))
SETUP = (
    "<p:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></p:StreamSetup>"
)
PICTURES = 3


def main(device: str, user: str, password: str, camera: str) -> dict[str, Any]:
    """Believes."""

    def ask(url: str, namespace: str, operation: str, arguments: str = "") -> Any:
        body = (
            f'<s:Envelope xmlns:s="{SOAP}"><s:Body><p:{operation} xmlns:p="{namespace}"'
            f' xmlns:tt="http://www.onvif.org/ver10/schema">{arguments}</p:{operation}></s:Body></s:Envelope>'
        )
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        reply = requests.post(url, body.encode(), headers=headers, auth=HTTPDigestAuth(user, password), timeout=20)
        reply.raise_for_status()
        return etree.fromstring(reply.content)

    def pictures(url: str) -> int:
        signed = url.replace("rtsp://", f"rtsp://{quote(user)}:{quote(password)}@")
        with av.open(signed, options={"rtsp_transport": "tcp"}, timeout=20) as container:
            for number, _ in enumerate(container.decode(video=0), 1):
                if number == PICTURES:
                    return number
        return 0

    services = {
        one.findtext("{*}Namespace"): one.findtext("{*}XAddr")
        for one in ask(device, DEVICE, "GetServices", "<p:IncludeCapability>false</p:IncludeCapability>").iter(
            "{*}Service"
        )
    }
    token = f"<p:ProfileToken>{camera}.main</p:ProfileToken>"
    live = ask(services[MEDIA], MEDIA, "GetStreamUri", SETUP + token).findtext(".//{*}Uri")
    token = f"<p:RecordingToken>rec-{camera}.main</p:RecordingToken>"
    recorded = ask(services[REPLAY], REPLAY, "GetReplayUri", SETUP + token).findtext(".//{*}Uri")
    return {
        "services": sorted(services.values()),
        "live": live,
        "recorded": recorded,
        "live_pictures": pictures(live),
        "recorded_pictures": pictures(recorded),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
