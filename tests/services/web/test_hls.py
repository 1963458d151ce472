"""HLS over HTTP: blocking reloads, announced parts, rights, idle streams, and finished playlists of footage."""

import json
import re

import pytest
from twisted.internet.defer import succeed

from bridge.base.time import NS_PER_S, format_utc
from bridge.services.web.footage import FootageDoor
from bridge.services.web.hls import IDLE_S, WAIT_S, HlsDoor
from bridge.store.index import MediaIndex, open_index
from bridge.system.access import Gatekeeper
from tests.recorder.test_footage import Recorded, packets
from tests.services.web.test_footage import unchunked
from tests.services.web.test_live import Live, gone
from tests.services.web.web_setting import Setting, parse

ANNA, VERA = "Authorization: Bearer anna", "Authorization: Bearer vera"


class Hls(Setting):
    def __init__(self, library=None):
        self.live = Live()
        setting = Setting()
        footage = FootageDoor(setting.reactor, Gatekeeper(), library, lambda work: succeed(work()), at_once=4)
        self.hls = HlsDoor(setting.reactor, self.live.catalogue, Gatekeeper(), self.live.views, footage)
        super().__init__(self.hls.routes())
        self.reactor = setting.reactor

    def begin(self, target, *headers):
        channel, transport = self.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: bridge.example", *(headers or (ANNA,)), "", ""]
        channel.dataReceived("\r\n".join(lines).encode())
        return channel, transport

    def get(self, target, *headers):
        status, found, body = parse(self.begin(target, *headers)[1].value())
        return status, unchunked(body) if found.get("transfer-encoding") == "chunked" else body

    def frames(self, count, camera=None):
        for _ in range(count):
            self.live.camera.next(1)


MAIN = "/hls/gate-1/main/"


def test_a_playlist_is_waited_for_and_so_is_what_it_announces():
    hls = Hls()
    _, first = hls.begin(MAIN + "index.m3u8")
    assert first.value() == b""
    hls.frames(14)
    assert first.value() == b""  # players that know no parts need a whole segment
    hls.frames(43)
    status, headers, text = parse(first.value())
    assert (status, headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert b'#EXT-X-PART:DURATION=0.48,URI="part-0-0.mp4",INDEPENDENT=YES' in text
    assert hls.get(MAIN + "init-1.mp4")[1][4:8] == b"ftyp"
    assert hls.get(MAIN + "part-0-0.mp4")[1][4:8] == b"moof"
    _, part = hls.begin(MAIN + "part-1-0.mp4")
    _, reload = hls.begin(MAIN + "index.m3u8?_HLS_msn=1&_HLS_part=0")
    _, whole = hls.begin(MAIN + "index.m3u8?_HLS_msn=1")
    assert part.value() == reload.value() == whole.value() == b""
    hls.frames(13)
    assert parse(part.value())[0] == 200
    assert b"part-1-0.mp4" in parse(reload.value())[2]
    assert whole.value() == b""
    hls.frames(50)
    assert b"segment-1.mp4" in parse(whole.value())[2]
    assert hls.get(MAIN + "segment-1.mp4")[0] == 200


@pytest.mark.parametrize(
    "query", ["_HLS_msn=99", "_HLS_part=1", "from=1000", "from=2000&until=1000", "from=0&until=99999999999"]
)
def test_what_cannot_be_asked(query):
    hls = Hls()
    hls.begin(MAIN + "index.m3u8")
    hls.frames(60)
    status, body = hls.get(f"{MAIN}index.m3u8?{query}")
    assert (status, json.loads(body)["type"]) == (400, "/api/v1/problems#input")


def test_what_one_may_not_see_and_what_is_not_there():
    hls = Hls()
    hls.frames(30)
    assert hls.get("/hls/yard/main/index.m3u8", VERA)[0] == 404
    assert hls.get(MAIN + "index.m3u8", "X-None: 1")[0] == 401
    for name in ("init-9.mp4", "segment-9.mp4", "part-0-0.ts", "..", "footage.mp4"):
        assert hls.get(MAIN + name)[0] == 404
    assert hls.get(f"{MAIN}index.m3u8?from=0&until=1000")[0] == 404


def test_a_stream_is_kept_while_somebody_asks():
    hls = Hls()
    hls.begin(MAIN + "index.m3u8")
    hls.frames(60)
    assert (hls.hls.open, hls.live.sources.streams) == (1, 1)
    hls.reactor.advance(IDLE_S - 1)
    hls.get(MAIN + "index.m3u8")
    hls.reactor.advance(1)
    assert hls.hls.open == 1
    hls.reactor.advance(IDLE_S)
    hls.reactor.advance(IDLE_S)
    assert (hls.hls.open, hls.live.sources.streams) == (0, 0)
    assert not hls.reactor.getDelayedCalls() or hls.hls._look is None


def test_a_camera_that_sends_nothing_and_clients_that_go():
    hls = Hls()
    channel, transport = hls.begin(MAIN + "index.m3u8")
    other, _ = hls.begin(MAIN + "index.m3u8")
    other.connectionLost(gone())
    hls.reactor.advance(WAIT_S)
    status, _, body = parse(transport.value())
    assert (status, json.loads(body)["type"]) == (503, "/api/v1/problems#no-picture")
    channel.connectionLost(gone())
    hls.live.catalogue.replace([])
    assert hls.hls.open == 0
    hls.hls.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hls")
    database = open_index(folder)
    yield Recorded(MediaIndex(database), folder, b_frames=0)
    database.close()


def test_a_finished_playlist_of_what_was_recorded(made):
    hls = Hls(made.library)
    base = "/hls/gate/main/"
    begin, until = format_utc(made.begin), format_utc(made.end + NS_PER_S)
    status, body = hls.get(f"{base}index.m3u8?from={begin}&until={until}")
    text = body.decode()
    assert status == 200
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1  # the gap
    (init,) = re.findall(r'#EXT-X-MAP:URI="(.*)"', text)
    uris = [line for line in text.splitlines() if not line.startswith("#")]
    durations = [float(one) for one in re.findall(r"#EXTINF:([\d.]+),", text)]
    target = int(re.search(r"TARGETDURATION:(\d+)", text)[1])
    assert all(round(one) <= target for one in durations)
    head = hls.get(base + init)[1]
    assert head[4:8] == b"ftyp"
    assert b"moof" not in head
    pieces = [hls.get(base + uri)[1] for uri in uris]
    assert all(piece[4:8] == b"moof" for piece in pieces)
    rows = packets(head + b"".join(pieces))["video"]
    assert len(rows) == len(made.of(0))
    times = [row[0] for row in rows]
    assert times == sorted(set(times))
