"""A camera in memory: bytes in, bytes out, no ports. It is well-behaved unless told otherwise per method."""

import struct

from bridge.dialogue.digest import DigestAuthenticator
from bridge.wire.rtsp.headers import LowerTransport, parse_transports
from bridge.wire.rtsp.message import Headers, Reader, Response

URL = "rtsp://cam.example/live"

SPS = bytes.fromhex("6742c01ed903c568400000030040000000c03c58b920")
PPS = bytes.fromhex("68cb8cb2")
VIDEO = (
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n"
)
AUDIO = "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:trackID=1\r\n"
MPEG4 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\na=control:trackID=0\r\n"
SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=cam\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"


class FakeCamera:
    """
    answers:  method -> a list of what to do with its next requests, then again as usual: a status, a Response, None (no
              answer at all), or a callable that takes the request and gives one of these
    password: of the user `admin`; "" asks for none
    """

    def __init__(
        self, sdp=SESSION + VIDEO + AUDIO, *, public="DESCRIBE, SETUP, PLAY, GET_PARAMETER", password="", **answers
    ):
        self.sdp = sdp
        self.public = public
        self.answers = {method.upper(): list(value) for method, value in answers.items()}
        self.requests = []
        self.reports = []
        self.content_base = URL + "/"
        self.session = "12345678;timeout=60"
        self.now = 0
        self._password = password
        self._login = DigestAuthenticator("cam", b"s" * 16)
        self._reader = Reader(self._take, lambda channel, data: self.reports.append((channel, bytes(data))))
        self._out = b""
        self._next_port = 6970

    @property
    def methods(self):
        return [request.method for request in self.requests]

    def receive(self, data):
        """What the client sent -> what the camera answers."""
        self._reader.feed(data)
        out, self._out = self._out, b""
        return out

    def _take(self, request):
        self.requests.append(request)
        planned = self.answers.get(request.method)
        response = planned.pop(0) if planned else self._usual(request)
        if callable(response):
            response = response(request)
        if isinstance(response, int):
            response = Response(response)
        if isinstance(response, bytes):
            self._out += response
        elif response is not None:
            if "CSeq" not in response.headers:
                response.headers.add("CSeq", request.headers.get("CSeq"))
            self._out += response.encode()

    def _usual(self, request):
        if self._password and request.method != "OPTIONS":
            authorization = request.headers.get("Authorization")
            verdict = authorization and self._login.check(
                authorization, request.method, {"admin": self._password}.get, self.now
            )
            if not verdict or not verdict.ok:
                stale = bool(verdict) and verdict.outcome.name == "STALE"
                challenges = self._login.challenges(self.now, b"n" * 8, stale)
                return Response(401, "", Headers([("WWW-Authenticate", text) for text in challenges]))
        match request.method:
            case "OPTIONS":
                return Response(200, "OK", Headers([("Public", self.public)] if self.public else []))
            case "DESCRIBE":
                headers = Headers([("Content-Type", "application/sdp")])
                if self.content_base:
                    headers.add("Content-Base", self.content_base)
                return Response(200, "OK", headers, self.sdp.encode())
            case "SETUP":
                return self.set_up(request)
            case _:
                return Response(200, "OK", Headers([("Session", self.session)] if self.session else []))

    def set_up(self, request, transport=None):
        asked = request.headers.get("Transport")
        if transport is None:
            transport = asked
            if parse_transports(asked)[0].multicast:
                transport += f";destination=239.5.5.5;port={self._next_port}-{self._next_port + 1};ttl=2"
                self._next_port += 2
            elif parse_transports(asked)[0].lower is LowerTransport.UDP:
                transport += f";server_port={self._next_port}-{self._next_port + 1}"
                self._next_port += 2
        headers = Headers([("Transport", transport)] if transport else [])
        if self.session:
            headers.add("Session", self.session)
        return Response(200, "OK", headers)


def rtp(sequence, payload, *, timestamp=0, marker=True, payload_type=96, ssrc=7):
    return struct.pack("!BBHII", 0x80, payload_type | marker << 7, sequence, timestamp, ssrc) + payload


def picture(sequence, timestamp):
    """A key frame in one packet."""
    return rtp(sequence, b"\x65" + bytes(20), timestamp=timestamp)


def frame(channel, packet):
    return struct.pack("!BBH", 0x24, channel, len(packet)) + packet
