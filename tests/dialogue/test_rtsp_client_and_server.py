"""Our client talks to our server in memory, over links that cut the bytes anywhere."""

import random
from dataclasses import replace

import pytest

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_client import RtspClient
from bridge.dialogue.rtsp_client_events import DownReason, Ended, Failed, Lower, Playing, PortsWanted, Ready, Send
from bridge.dialogue.rtsp_group import CameraGroup
from bridge.dialogue.rtsp_presentation import MulticastRoute
from bridge.dialogue.rtsp_server_events import Send as ServerSend
from bridge.dialogue.rtsp_server_events import SessionEnded
from bridge.dialogue.rtsp_states import State
from bridge.wire.rtsp.message import CLIENT_LIMITS, Reader, Request
from bridge.wire.rtsp.url import RtspUrl
from tests.dialogue.rtsp_server_setting import TALK, Setting
from tests.fake_camera import frame


class Joined:
    """Both ends and the two directions between them; each is cut into random pieces."""

    def __init__(self, url, lower, seed=1, *, talk=False):
        self.setting = Setting()
        if lower is Lower.MULTICAST:
            self.setting.presentations["/live/door"].offered = [
                replace(track, group=MulticastRoute("239.192.0.1", (16384 + 2 * number, 16385 + 2 * number), 2))
                for number, track in enumerate(self.setting.presentations["/live/door"].offered)
            ]
        self.server = self.setting.connect()
        self.client = RtspClient(RtspUrl.parse(url), transport=lower, random_bytes=self.setting.random, talk=talk)
        self.events = []
        self.wires = {"up": bytearray(), "down": bytearray()}
        self.dice = random.Random(seed)
        self.readers = {
            "up": Reader(self.at_server, self.frame_at_server),
            "down": Reader(self.at_client, lambda c, p: None, CLIENT_LIMITS),
        }

    def at_server(self, message):
        if isinstance(message, Request):
            self.from_server(self.server.dialogue.receive(message, self.setting.now))

    def frame_at_server(self, channel, payload):
        self.from_server(self.server.dialogue.receive_frame(channel, payload, self.setting.now))

    def from_server(self, events):
        for event in events:
            if isinstance(event, ServerSend):
                self.wires["down"] += event.data
            else:
                self.server.events.append(event)
                self.server.perform = self.from_server
                self.server.answer(event)

    def at_client(self, message):
        self.from_client(self.client.on_message(message, self.setting.now))

    def from_client(self, events):
        for event in events:
            if isinstance(event, Send):
                self.wires["up"] += event.data
            else:
                self.events.append(event)
                if isinstance(event, PortsWanted):
                    ports = [(50000 + 2 * n, 50001 + 2 * n) for n in range(event.pairs)]
                    self.from_client(self.client.give_ports(ports, self.setting.now))

    def run(self):
        while pending := [name for name, wire in self.wires.items() if wire]:
            name = self.dice.choice(pending)
            count = self.dice.randint(1, 90)
            data, self.wires[name] = bytes(self.wires[name][:count]), self.wires[name][count:]
            self.readers[name].feed(data)

    def kinds(self):
        return [type(event) for event in self.events]


@pytest.mark.parametrize("lower", list(Lower))
@pytest.mark.parametrize("seed", range(5))
def test_the_whole_way(lower, seed):
    joined = Joined("rtsp://ann:apple@gate.example:8554/live/door", lower, seed)
    joined.from_client(joined.client.start(joined.setting.now))
    joined.run()
    assert Playing in joined.kinds()
    ready = next(event for event in joined.events if isinstance(event, Ready))
    assert len(ready.tracks) == 2
    assert ready.tracks[0].ssrc == 0x11
    groups = [CameraGroup("239.192.0.1", (16384, 16385)), CameraGroup("239.192.0.1", (16386, 16387))]
    assert [track.group for track in ready.tracks] == (groups if lower is Lower.MULTICAST else [None, None])
    (session,) = joined.setting.sessions
    assert (session.user, session.state) == ("ann", State.PLAYING)
    end = joined.setting.now + 300 * NS_PER_S
    while joined.setting.now < end:
        joined.client.media_arrived(joined.setting.now)
        joined.setting.now = min(joined.client.next_timeout() or end, joined.setting.now + NS_PER_S)
        joined.from_client(joined.client.on_timeout(joined.setting.now))
        joined.run()
        assert joined.setting.sessions.on_timeout(joined.setting.now) == []
    assert joined.server.closed() is None
    assert Failed not in joined.kinds()


def test_wrong_password():
    joined = Joined("rtsp://ann:pear@gate.example:8554/live/door", Lower.TCP)
    joined.from_client(joined.client.start(joined.setting.now))
    joined.run()
    failed = next(event for event in joined.events if isinstance(event, Failed))
    assert failed.reason is DownReason.AUTH
    assert len(joined.setting.sessions) == 0


def test_teardown():
    joined = Joined("rtsp://ann:apple@gate.example:8554/live/door", Lower.TCP)
    joined.from_client(joined.client.start(joined.setting.now))
    joined.run()
    joined.from_client(joined.client.teardown(joined.setting.now))
    joined.run()
    assert Ended in joined.kinds()
    assert any(isinstance(event, SessionEnded) for event in joined.server.events)


@pytest.mark.parametrize("camera", ["porch", "door"])
@pytest.mark.parametrize("lower", [Lower.TCP, Lower.UDP])
def test_talk(camera, lower):
    joined = Joined(f"rtsp://ann:apple@gate.example:8554/live/{camera}", lower, talk=True)
    joined.from_client(joined.client.start(joined.setting.now))
    joined.run()
    ready, playing = (next(event for event in joined.events if isinstance(event, kind)) for kind in (Ready, Playing))
    (session,) = joined.setting.sessions
    assert len(ready.tracks) == 2
    if camera == "door":
        assert (ready.loudspeaker, playing.talks, session.legs.keys()) == (None, False, {0, 1})
        return
    assert playing.talks
    assert (ready.loudspeaker.track, ready.loudspeaker.payload_type) == (TALK, 0)
    assert joined.setting.listener.taken == [session]
    if lower is Lower.TCP:
        joined.wires["up"] += frame(ready.loudspeaker.channels[0], b"hello")
        joined.run()
        assert joined.setting.listener.heard == [(session, b"hello")]
