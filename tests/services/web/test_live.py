"""Live video over WebSocket: what is said when, who may, how many, and what ends it."""

import json
from dataclasses import replace

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from bridge.base.time import NS_PER_S
from bridge.services.web.live import LOOK_S, LiveSources, LiveViews
from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role
from bridge.system.catalogue import Camera as Listed
from bridge.system.catalogue import Catalogue, LiveStream, StreamState
from bridge.wire.mp4 import boxes
from tests.live_viewers import Camera
from tests.services.web.test_sockets import OPENING, frames
from tests.services.web.web_setting import Setting, parse

ANNA, VERA = "Authorization: Bearer anna", "Authorization: Bearer vera"


class Live(Setting):
    """A door with a camera "gate-1" of two streams, and one "yard"."""

    def __init__(self, *, viewers=10, per_user=10):
        self.camera = Camera(gop=10, audio=True)
        self.sub = Camera(gop=10)
        self.main = LiveStream("main", self.camera.hub, StreamState.UP)
        self.catalogue = Catalogue()
        self.listed = Listed("gate-1", "Gate", (self.main, LiveStream("sub", self.sub.hub, StreamState.UP)))
        self.catalogue.replace([self.listed, Listed("yard", "Yard", (self.main,))])
        self.sources = LiveSources()
        setting = Setting()
        self.views = LiveViews(
            setting.reactor,
            self.catalogue,
            Gatekeeper(),
            self.sources,
            viewers=viewers,
            viewers_per_user=per_user,
        )
        super().__init__(sockets=self.views.sockets())
        self.views._reactor = self.reactor

    def open(self, target, *headers):
        channel, transport = self.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: bridge.example:8081", *OPENING, *(headers or (ANNA,)), "", ""]
        channel.dataReceived("\r\n".join(lines).encode())
        return channel, transport

    def refused(self, target, *headers):
        _, transport = self.open(target, *headers)
        status, _, body = parse(transport.value())
        return status, json.loads(body)


def said(transport):
    """Text messages as values, binary ones as the kinds of their boxes."""
    found = []
    for _, data in frames(transport):
        if data.startswith(b"{"):
            found.append(json.loads(data))
        else:
            found.append([box.kind.decode() for box in boxes.read_boxes(data)] if len(data) > 2 else data)
    return found


def kinds(transport):
    return [one.get("type") if isinstance(one, dict) else one for one in said(transport)]


def test_a_viewer_begins_with_the_gop_at_once():
    live = Live()
    live.camera.next(3)
    _, transport = live.open("/live/gate-1")
    init, head, clock, *rest = said(transport)
    assert (init["type"], init["tracks"], init["left_out"]) == ("init", ["h264", "flac"], [])
    assert init["mime"] == 'video/mp4; codecs="avc1.640029,flac"'
    assert head == ["ftyp", "moov"]
    assert clock["type"] == "clock"
    assert abs(clock["utc_ms"] - live.camera.clock.utc_ns() // 10**6) < 100
    assert rest == [["moof", "mdat"]] * 6
    live.camera.next(1)
    assert said(transport)[3:] == [["moof", "mdat"]] * 8
    assert (live.views.open, live.sources.streams) == (1, 1)
    assert live.sources.made == 8


def test_what_is_asked_for_is_what_comes():
    live = Live()
    live.camera.next(3)
    live.sub.next(3)
    for target, tracks in (
        ("/live/gate-1/main?audio=0", ["h264"]),
        ("/live/gate-1/main?can=h264,vp9", ["h264"]),
        ("/live/gate-1/sub", ["h264"]),
        ("/live/gate-1/main?can=h264,flac", ["h264", "flac"]),
    ):
        assert said(live.open(target)[1])[0]["tracks"] == tracks
    assert live.sources.streams == 2


def test_who_can_decode_nothing_is_told_what_he_could():
    live = Live()
    live.camera.next(3)
    _, transport = live.open("/live/gate-1?can=h265,aac")
    (refused, *_) = said(transport)
    assert refused == {"type": "refused", "reason": refused["reason"], "streams": []}
    assert "H264" in refused["reason"]
    assert transport.closed
    assert live.sources.streams == 0


def test_what_one_may_not_see_is_not_there():
    live = Live()
    live.camera.next(3)
    for target, headers in (
        ("/live/yard", (VERA,)),
        ("/live/none", (ANNA,)),
        ("/live/gate-1/none", (ANNA,)),
    ):
        status, problem = live.refused(target, *headers)
        assert (status, problem["type"]) == (404, "/api/v1/problems#not-found")
    assert live.refused("/live/gate-1", "X-None: 1")[0] == 401
    assert live.refused("/live/gate-1?audio=perhaps")[0] == 422
    assert kinds(live.open("/live/gate-1", VERA)[1])[0] == "init"


@pytest.mark.parametrize("limits", [{"viewers": 2}, {"per_user": 2}])
def test_there_is_room_for_so_many(limits):
    live = Live(**limits)
    live.camera.next(1)
    (first, _), _ = live.open("/live/gate-1"), live.open("/live/gate-1")
    status, problem = live.refused("/live/gate-1")
    assert (status, problem["type"], live.views.refused) == (503, "/api/v1/problems#busy", 1)
    first.connectionLost(gone())
    assert kinds(live.open("/live/gate-1")[1])[0] == "init"
    assert (live.views.open, live.views.begun) == (2, 3)


def gone():
    return Failure(ConnectionDone())


def test_nothing_is_made_when_nobody_watches():
    live = Live()
    live.camera.next(3)
    channel, _ = live.open("/live/gate-1")
    channel.connectionLost(gone())
    live.camera.next(3)
    assert (live.views.open, live.sources.streams, live.sources.made) == (0, 0, 6)
    live.reactor.advance(LOOK_S)
    assert not live.reactor.getDelayedCalls() or live.views._look is None


def test_a_camera_that_is_away_is_told_and_goes_on_when_it_is_back():
    live = Live()
    live.camera.next(3)
    _, transport = live.open("/live/gate-1?audio=0")
    live.camera.run.end()
    live.main.state, live.main.reason = StreamState.DOWN, "refused: 192.0.2.10:554"
    live.reactor.advance(LOOK_S)
    live.reactor.advance(LOOK_S)
    assert said(transport)[-1] == {"type": "waiting", "reason": "refused: 192.0.2.10:554"}
    assert kinds(transport).count("waiting") == 1
    live.camera.clock.advance(3 * NS_PER_S)
    live.camera.connect()
    live.camera.next(1)
    assert said(transport)[-1] == ["moof", "mdat"]
    assert kinds(transport).count("init") == 1


def test_a_camera_that_was_never_there():
    live = Live()
    live.camera.run.end()
    live.main.reason = "DNS: no address for cam.example"
    _, transport = live.open("/live/gate-1")
    assert said(transport) == [{"type": "waiting", "reason": "DNS: no address for cam.example"}]


def test_ends_are_told():
    live = Live()
    live.camera.next(3)
    sight = {name: live.open(target)[1] for name, target in (("yard", "/live/yard"), ("gate", "/live/gate-1"))}
    live.catalogue.replace([live.listed])
    assert said(sight["yard"])[-2] == {"type": "end", "reason": "the camera was removed"}
    assert sight["yard"].closed
    live.catalogue.replace([Listed("gate-1", "Gate", (LiveStream("main", Camera().hub),))])
    assert said(sight["gate"])[-2] == {"type": "end", "reason": "the camera was set up anew"}
    live.catalogue.replace([live.listed])
    _, last = live.open("/live/gate-1")
    live.views.close()
    assert said(last)[-2] == {"type": "end", "reason": "the service stops"}


def test_rights_that_are_taken_end_it():
    live = Live()
    live.camera.next(3)
    _, anna = live.open("/live/gate-1", ANNA)
    _, vera = live.open("/live/gate-1", VERA)
    live.sockets.recheck()
    assert (anna.closed, vera.closed) == (False, False)
    deaf = Principal("vera", Role.VIEWER, (Grant(("gate-*",), frozenset({Action.LIVE})),))
    live.door.caller_now = lambda caller: replace(caller, principal=deaf) if caller.principal.name == "vera" else None
    live.sockets.recheck()
    assert said(vera)[-2]["type"] == said(anna)[-2]["type"] == "end"
    assert (anna.closed, vera.closed) == (True, True)
    assert live.views.allowed(deaf, "gate-1", audio=False)
