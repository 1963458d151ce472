"""Whole conversations as clients hold them, byte for byte on the client's side, and recorders' habits one by one.

The texts are what the clients' source code makes them send (FFmpeg, live555, GStreamer, go2rtc); what recorders without
public source send is told by issue threads of other servers. Where a client can be run, tests/interop does so.
"""

import re

import pytest

from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_server_events import PlayRequested, PlayStarted, SessionEnded
from bridge.wire.digest import Algorithm, DigestCredentials, parse_challenges, response
from tests.dialogue.rtsp_server_setting import ROOT, Setting

DOOR = f"{ROOT}/live/door"
PORCH = f"{ROOT}/live/porch"

FFMPEG = """
200 OPTIONS {door} RTSP/1.0|CSeq: 1|User-Agent: Lavf61.7.100
401 DESCRIBE {door} RTSP/1.0|Accept: application/sdp|CSeq: 2|User-Agent: Lavf61.7.100
200 DESCRIBE {door} RTSP/1.0|Accept: application/sdp|CSeq: 3|User-Agent: Lavf61.7.100|{digest}
200 SETUP {door}/trackID=0 RTSP/1.0|Transport: {tcp};interleaved=0-1|CSeq: 4|{digest}
200 SETUP {door}/trackID=1 RTSP/1.0|Transport: {tcp};interleaved=2-3|CSeq: 5|{session}|{digest}
200 PLAY {door}/ RTSP/1.0|Range: npt=0.000-|CSeq: 6|{session}|{digest}
200 GET_PARAMETER {door}/ RTSP/1.0|CSeq: 7|{session}|{digest}
200 TEARDOWN {door}/ RTSP/1.0|CSeq: 8|{session}|{digest}
"""
LIVE555 = """
200 OPTIONS {door} RTSP/1.0|CSeq: 2|User-Agent: LibVLC/3.0.20 (LIVE555 Streaming Media v2016.11.28)
401 DESCRIBE {door} RTSP/1.0|CSeq: 3|User-Agent: LibVLC/3.0.20|Accept: application/sdp
200 DESCRIBE {door} RTSP/1.0|CSeq: 4|{plain digest}|User-Agent: LibVLC/3.0.20|Accept: application/sdp
200 SETUP {door}/trackID=0 RTSP/1.0|CSeq: 5|{plain digest}|Transport: {udp};client_port=51372-51373
200 SETUP {door}/trackID=1 RTSP/1.0|CSeq: 6|{plain digest}|Transport: {udp};client_port=51374-51375|{session}
200 PLAY {door}/ RTSP/1.0|CSeq: 7|{plain digest}|{session}|Range: npt=0.000-
200 GET_PARAMETER {door}/ RTSP/1.0|CSeq: 8|{plain digest}|{session}
200 TEARDOWN {door}/ RTSP/1.0|CSeq: 9|{plain digest}|{session}
"""
GSTREAMER = """
200 OPTIONS {door} RTSP/1.0|CSeq: 1|User-Agent: GStreamer/1.22.0|Date: Fri, 27 Nov 2026 23:00:00 GMT
401 DESCRIBE {door} RTSP/1.0|CSeq: 2|User-Agent: GStreamer/1.22.0|Accept: application/sdp
200 DESCRIBE {door} RTSP/1.0|CSeq: 3|User-Agent: GStreamer/1.22.0|Accept: application/sdp|{digest}
200 SETUP {door}/trackID=0 RTSP/1.0|CSeq: 4|Transport: RTP/AVP/UDP;unicast;client_port=40002-40003,{tcp}|{digest}
200 SETUP {door}/trackID=1 RTSP/1.0|CSeq: 5|Transport: RTP/AVP/UDP;unicast;client_port=40004-40005|{session}|{digest}
200 PLAY {door} RTSP/1.0|CSeq: 6|{session}|Range: npt=0-|{digest}
200 OPTIONS {door} RTSP/1.0|CSeq: 7|{session}|{digest}
200 PAUSE {door} RTSP/1.0|CSeq: 8|{session}|{digest}
200 PLAY {door} RTSP/1.0|CSeq: 9|{session}|{digest}
200 TEARDOWN {door} RTSP/1.0|CSeq: 10|{session}|{digest}
"""
GO2RTC = """
200 OPTIONS {door} RTSP/1.0|Cseq: 1|User-Agent: go2rtc/1.9.4
401 DESCRIBE {door} RTSP/1.0|Accept: application/sdp|Cseq: 2|Require: www.onvif.org/ver20/backchannel
551 DESCRIBE {door} RTSP/1.0|Accept: application/sdp|Cseq: 3|Require: www.onvif.org/ver20/backchannel|{plain digest}
200 DESCRIBE {door} RTSP/1.0|Accept: application/sdp|Cseq: 4|{plain digest}
200 SETUP {door}/trackID=0 RTSP/1.0|Cseq: 5|Transport: {tcp};interleaved=0-1|{plain digest}
200 SETUP {door}/trackID=1 RTSP/1.0|Cseq: 6|{session}|Transport: {tcp};interleaved=2-3|{plain digest}
200 PLAY {door} RTSP/1.0|Cseq: 7|{session}|{plain digest}
200 OPTIONS {door} RTSP/1.0|Cseq: 8|{session}|{plain digest}
200 TEARDOWN {door} RTSP/1.0|Cseq: 9|{session}|{plain digest}
"""
GO2RTC_TALKS = """
200 OPTIONS {porch} RTSP/1.0|Cseq: 1|User-Agent: go2rtc/1.9.4
401 DESCRIBE {porch} RTSP/1.0|Accept: application/sdp|Cseq: 2|Require: www.onvif.org/ver20/backchannel
200 DESCRIBE {porch} RTSP/1.0|Accept: application/sdp|Cseq: 3|Require: www.onvif.org/ver20/backchannel|{plain digest}
200 SETUP {porch}/trackID=0 RTSP/1.0|Cseq: 4|Transport: {tcp};interleaved=0-1|{plain digest}
200 SETUP {porch}/trackID=1 RTSP/1.0|Cseq: 5|{session}|Transport: {tcp};interleaved=2-3|{plain digest}
200 SETUP {porch}/trackID=100 RTSP/1.0|Cseq: 6|{session}|Transport: {tcp};interleaved=4-5|{plain digest}
200 PLAY {porch} RTSP/1.0|Cseq: 7|{session}|{plain digest}
200 OPTIONS {porch} RTSP/1.0|Cseq: 8|{session}|{plain digest}
200 TEARDOWN {porch} RTSP/1.0|Cseq: 9|{session}|{plain digest}
"""
UNIFI_PROTECT = """
401 DESCRIBE {door} RTSP/1.0|CSeq: 1|Accept: application/sdp
200 DESCRIBE {door} RTSP/1.0|CSeq: 2|Accept: application/sdp|{plain digest}
200 SETUP {door}/trackID=0 RTSP/1.0|CSeq: 3|Transport: {tcp};interleaved=0-1|{plain digest}
200 PLAY {door} RTSP/1.0|CSeq: 4|{session}
200 GET_PARAMETER {door} RTSP/1.0|CSeq: 5|Session: 0
200 GET_PARAMETER {door} RTSP/1.0|CSeq: 6
200 TEARDOWN {door} RTSP/1.0|CSeq: 7|{session}
"""
RECORDER = """
401 DESCRIBE {door}/ RTSP/1.0|cseq: 100|user-agent: NKPlayer-1.00.00.081112|accept: application/sdp
200 DESCRIBE {door}/ RTSP/1.0|cseq: 101|user-agent: NKPlayer-1.00.00.081112|accept: application/sdp|{plain digest}
200 SETUP {door}/trackID=1 RTSP/1.0|cseq: 102|transport: {tcp};interleaved=2-3|{plain digest}
200 SETUP {door}/trackID=0 RTSP/1.0|cseq: 103|session: {id};timeout=60|transport: {tcp};interleaved=0-1|{plain digest}
200 PLAY {door}/ RTSP/1.0|cseq: 104|session: {id}|range: npt=0.000000-|{plain digest}
200 GET_PARAMETER {door}/ RTSP/1.0|cseq: 105|session: {id}|content-length: 0|{plain digest}
200 SET_PARAMETER {door}/ RTSP/1.0|cseq: 106|session: {id}|{plain digest}
200 TEARDOWN {door}/ RTSP/1.0|cseq: 107|session: {id}|{plain digest}
"""

CLIENTS = {
    "FFmpeg": FFMPEG,
    "VLC (live555)": LIVE555,
    "GStreamer": GSTREAMER,
    "go2rtc, Frigate": GO2RTC,
    "go2rtc that talks": GO2RTC_TALKS,
    "UniFi Protect": UNIFI_PROTECT,
    "a recorder": RECORDER,
}


class Client:
    """Writes requests as texts, and answers the latest challenge as real clients do."""

    def __init__(self):
        self.talk = Setting().connect()
        self.challenges = []

    def fill(self, method, uri, text):
        def digest():
            answer = DigestClient("ann", "apple").authorize(self.challenges, method, uri, "0a4f113b")
            return f"Authorization: {answer}"

        made = text.replace("{session}", f"Session: {self.talk.session}")
        made = made.replace("{id}", self.talk.session or "")
        made = made.replace("{tcp}", "RTP/AVP/TCP;unicast").replace("{udp}", "RTP/AVP;unicast")
        if "{plain digest}" in made:
            made = made.replace("{plain digest}", f"Authorization: {without_qop(self.challenges, method, uri)}")
        return made.replace("{digest}", digest()) if "{digest}" in made else made

    def ask(self, line, body=""):
        """`METHOD uri RTSP/1.0|Header: value|…`; the reply."""
        line = line.replace("{door}", DOOR).replace("{porch}", PORCH)
        method, uri = line.split(" ")[:2]
        count = len(self.talk.replies)
        head = self.fill(method, uri, line).replace("|", "\r\n")
        self.talk.feed(f"{head}\r\n\r\n{body}".encode())
        assert len(self.talk.replies) == count + 1, self.talk.events
        reply = self.talk.replies[-1]
        self.challenges = reply.headers.all("WWW-Authenticate") or self.challenges
        if session := reply.headers.get("Session"):
            self.talk.session = session.partition(";")[0]
        return reply

    def play(self):
        """From the first request to the answer of PLAY."""
        for line in FFMPEG.strip().splitlines()[:6]:
            self.ask(line[4:])
        return self


def without_qop(challenges, method, uri):
    """RFC 2069: what many clients send although qop is offered."""
    (challenge,) = parse_challenges(challenges)
    answer = response(
        algorithm=Algorithm.MD5, user="ann", realm=challenge.realm, password="apple", method=method, uri=uri,
        nonce=challenge.nonce,
    )  # fmt: skip
    return DigestCredentials("ann", challenge.realm, challenge.nonce, uri, answer).format()


@pytest.mark.parametrize("name", CLIENTS)
def test_from_the_first_request_to_the_last(name):
    client = Client()
    for line in CLIENTS[name].strip().splitlines():
        status, request = line.split(" ", 1)
        reply = client.ask(request)
        assert reply.status == int(status), request
        number = re.search(r"\|cseq: (\d+)", request, re.IGNORECASE)
        assert number is not None
        assert reply.headers.get("CSeq") == number[1]
    kinds = [type(event) for event in client.talk.events]
    assert kinds.index(PlayRequested) < kinds.index(PlayStarted) < kinds.index(SessionEnded)


@pytest.mark.parametrize("channels", [("0-1", "2-3"), ("2-3", "0-1"), ("4-5", "0-1")])
def test_channels_stay_as_they_were_asked_for(channels):
    """Recorders number channels by their own tracks, and set the sound up first."""
    client = Client()
    for line in FFMPEG.strip().splitlines()[:3]:
        client.ask(line[4:])
    given = []
    for number, track, channel in ((4, 1, channels[0]), (5, 0, channels[1])):
        session = "|{session}" if client.talk.session else ""
        reply = client.ask(
            f"SETUP {{door}}/trackID={track} RTSP/1.0|CSeq: {number}{session}"
            f"|Transport: {{tcp}};interleaved={channel}|{{digest}}"
        )
        given.append(re.search(r"interleaved=(\d+-\d+)", reply.headers.get("Transport"))[1])
    assert given == list(channels)
    assert client.ask("PLAY {door} RTSP/1.0|CSeq: 6|{session}|{digest}").status == 200


@pytest.mark.parametrize(
    "url",
    ["{door}/trackID=0", "{door}//trackID=0", "{door}/trackID=0/", "trackID=0", "/live/door/trackID=0",
     "rtsp://192.0.2.1/live/door/trackID=0"],
)  # fmt: skip
def test_tracks_by_absolute_and_relative_addresses(url):
    client = Client()
    for line in FFMPEG.strip().splitlines()[:3]:
        client.ask(line[4:])
    setup = f"SETUP {url} RTSP/1.0|CSeq: 4|Transport: {{tcp}};interleaved=0-1|{{digest}}"
    assert client.ask(setup).status == 200
    assert client.ask("PLAY {door} RTSP/1.0|CSeq: 5|{session}|{digest}").status == 200


@pytest.mark.parametrize(
    ("line", "body", "status"),
    [
        ("OPTIONS {door} RTSP/1.0|CSeq: 9|{session}", "", 200),
        ("OPTIONS * RTSP/1.0|CSeq: 9", "", 200),
        ("OPTIONS {door} RTSP/1.0|CSeq: 9|Session: 12345678", "", 200),
        ("GET_PARAMETER {door} RTSP/1.0|CSeq: 9|{session}", "", 200),
        ("GET_PARAMETER {door} RTSP/1.0|CSeq: 9|Session: 12345678", "", 200),
        ("GET_PARAMETER {door}/trackID=0 RTSP/1.0|CSeq: 9|{session}", "", 200),
        ("GET_PARAMETER {door} RTSP/1.0|CSeq: 9|{session}|Content-Length: 2", "\r\n", 200),
        ("GET_PARAMETER {door} RTSP/1.0|CSeq: 9|{session}|Content-Length: 8", "position", 451),
        ("SET_PARAMETER {door} RTSP/1.0|CSeq: 9|{session}|Content-Length: 4", "ping", 200),
        (
            "SET_PARAMETER {door} RTSP/1.0|CSeq: 9|{session}|Content-Type: text/parameters|Content-Length: 7",
            "ping: x",
            451,
        ),
    ],
)
def test_keepalives(line, body, status):
    client = Client().play()
    assert client.ask(line, body).status == status
    # Whatever it was answered, the session goes on.
    assert client.ask("PLAY {door} RTSP/1.0|CSeq: 10|{session}").status == 200


@pytest.mark.parametrize("url", ["{door}", "{door}/", "{door}//", "/live/door", "{door}?transportmode=unicast"])
@pytest.mark.parametrize("range_", ["", "|Range: npt=0.000-", "|Range: npt=now-"])
def test_play_of_the_aggregate(url, range_):
    client = Client().play()
    assert client.ask(f"PLAY {url} RTSP/1.0|CSeq: 9|{{session}}{range_}|{{digest}}").status == 200


@pytest.mark.parametrize(
    "agent", ["", " ", "x" * 512, 'Lavf/"58"; (Linux, ARM)', "Rtsp Client/2.0\xb2", "HiWatch: NVR"]
)
def test_the_name_of_a_client_changes_nothing(agent):
    assert Client().ask(f"OPTIONS {{door}} RTSP/1.0|CSeq: 1|User-Agent: {agent}").status == 200
