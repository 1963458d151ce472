"""Video in a real browser, on a bare page of the test's: live and recorded, the clock in the picture read back.

Chromium plays what the door sends by Media Source Extensions; how late a shown picture is the picture itself tells.
"""

import base64
import itertools
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import av
import pytest

from bridge.base.time import NS_PER_S, format_utc, parse_utc
from bridge.sim.picture import CELLS
from tests.interop.conftest import EVENTUALLY_S, Service, eventually, onb_recordings

pytestmark = pytest.mark.interop

CHROMIUM = shutil.which("chromium")

SCRIPT = """
const video = document.createElement('video'), canvas = document.createElement('canvas');
video.muted = true;
document.body.replaceChildren(video, canvas);
const told = {texts: [], error: '', opened: 0, first: 0};
video.addEventListener('error', () => told.error = 'video: ' + video.error.message);
function feed(source) {
  const queue = [];
  let buffer = null;
  const next = () => { if (buffer && !buffer.updating && queue.length) buffer.appendBuffer(queue.shift()); };
  return {
    begin(mime) { buffer = source.addSourceBuffer(mime); buffer.addEventListener('updateend', next); return buffer; },
    push(data) { queue.push(data); next(); },
  };
}
async function open() {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
  return source;
}
async function live(path) {
  const source = await open(), feeding = feed(source);
  told.opened = performance.now();
  const socket = new WebSocket('ws://' + location.host + path);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = event => {
    if (typeof event.data !== 'string') { feeding.push(event.data); return; }
    const value = JSON.parse(event.data);
    told.texts.push(value);
    if (value.type === 'init' && told.texts.filter(one => one.type === 'init').length === 1) feeding.begin(value.mime);
  };
  socket.onclose = event => told.closed = event.code;
  video.requestVideoFrameCallback(() => told.first = performance.now() - told.opened);
  const timer = setInterval(() => {
    const ranges = video.buffered;
    if (!ranges.length) return;
    const end = ranges.end(ranges.length - 1);
    if (end - video.currentTime > 1) video.currentTime = end - 0.15;
    video.playbackRate = end - video.currentTime > 0.35 ? 1.1 : 1;
    if (video.paused) video.play();
  }, 50);
}
function shown() {
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const paint = canvas.getContext('2d', {willReadFrequently: true});
  paint.drawImage(video, 0, 0);
  const cell = Math.floor(video.videoWidth / CELLS), strip = Math.max(8, Math.floor(video.videoHeight / 60) * 2);
  const row = paint.getImageData(0, strip >> 1, video.videoWidth, 1).data;
  let bits = '';
  for (let i = 0; i < CELLS; i++) bits += row[4 * (i * cell + (cell >> 1)) + 1] > 125 ? '1' : '0';
  const good = bits.startsWith('10') && bits.endsWith('01');
  return {clock: good ? parseInt(bits.slice(2, -2), 2) : null, now: Date.now(), at: video.currentTime};
}
async function footage(path) {
  const source = await open(), began = performance.now();
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  const buffer = source.addSourceBuffer(answer.headers.get('X-Footage-Mime'));
  const day = Date.parse(answer.headers.get('X-Footage-From')) / 1000;
  buffer.timestampOffset = -Math.floor(day / 86400) * 86400;
  const data = await answer.arrayBuffer();
  await new Promise(done => { buffer.addEventListener('updateend', done, {once: true}); buffer.appendBuffer(data); });
  return {took: performance.now() - began, start: buffer.buffered.start(0), end: buffer.buffered.end(0),
          ranges: buffer.buffered.length, offset: buffer.timestampOffset, from: answer.headers.get('X-Footage-From'),
          until: answer.headers.get('X-Footage-Until')};
}
function seek(time) {
  const began = performance.now();
  return new Promise(done => {
    video.requestVideoFrameCallback((now, frame) =>
      done({took: performance.now() - began, media: frame.mediaTime, ...shown()}));
    video.currentTime = time;
  });
}
""".replace("CELLS", str(CELLS))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, demo: Service) -> Iterator[Any]:
    """A page of our own at the demo's address, logged in."""
    # Past the policy of our own page. One that is not the service's own gets no WebSocket of the loopback interface.
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(demo.ready["http"] + "/healthz")
    page.add_script_tag(content=SCRIPT)
    status = page.evaluate(
        """async who => (await fetch('/api/v1/session', {method: 'POST', body: JSON.stringify(who),
                          headers: {'Content-Type': 'application/json'}})).status""",
        {"user": demo.ready["user"], "password": demo.ready["password"]},
    )
    assert status < 300
    yield page
    context.close()


def told(page: Any) -> Any:
    return page.evaluate("told")


@pytest.mark.parametrize(
    ("camera", "tracks"), [("entrance", ["h264", "aac"]), ("workshop", ["h264", "flac"])], ids=["AAC", "G.711"]
)
def test_live(page: Any, demo: Service, camera: str, tracks: list[str]) -> None:
    page.evaluate("path => live(path)", f"/live/{camera}/main")
    eventually(lambda: told(page)["first"], what="a picture")
    state = told(page)
    assert state["texts"][0]["tracks"] == tracks
    print("first_picture_ms", round(state["first"]))

    def behind() -> list[int]:
        found = []
        for _ in range(20):
            time.sleep(0.05)
            now = page.evaluate("shown()")
            if now["clock"] is not None:
                found.append(now["now"] - now["clock"])
        return found

    # A busy machine takes its time, and the player catches up: that it does is what is tested.
    late = eventually(lambda: [one for one in [behind()] if one and sorted(one)[len(one) // 2] < 1500], what="live")[0]
    print("picture_to_picture_ms", sorted(late)[len(late) // 2])
    assert min(late) > -50
    before = page.evaluate("video.currentTime")
    eventually(lambda: page.evaluate("video.currentTime") > before + 3, what="three seconds of playing")
    state = told(page)
    assert (state["error"], state.get("closed")) == ("", None)
    # What the clock says of the times is what the picture shows.
    clock = next(one for one in state["texts"] if one["type"] == "clock")
    page.evaluate("video.pause()")
    time.sleep(0.2)
    now = page.evaluate("shown()")
    assert abs(clock["utc_ms"] + (now["at"] - clock["media_s"]) * 1000 - now["clock"]) < 700


def test_what_chromium_cannot_decode_is_refused_with_what_it_can(page: Any) -> None:
    page.evaluate("path => live(path)", "/live/car-park/main?can=h264,aac,opus,flac")
    eventually(lambda: told(page).get("closed"), what="the end")
    (refused,) = told(page)["texts"]
    assert (refused["type"], refused["streams"]) == ("refused", ["sub"])


def recorded(service: Service, camera: str) -> Any:
    """The recording of a camera, once it has eight seconds."""
    (mine,) = [one for one in onb_recordings(service) if (one["camera"], one["stream"]) == (camera, "main")]
    return mine if parse_utc(mine["until"]) - parse_utc(mine["from"]) > 8 * NS_PER_S else None


@pytest.mark.parametrize("camera", ["entrance", "workshop"])
def test_a_piece_of_a_recording_plays_at_its_time(page: Any, demo: Service, camera: str) -> None:
    mine = eventually(lambda: recorded(demo, camera), what="eight seconds of footage")
    begin = parse_utc(mine["from"]) + 2 * NS_PER_S
    query = f"from={format_utc(begin)}&until={format_utc(begin + 4 * NS_PER_S)}"
    both = page.evaluate("path => footage(path)", f"/api/v1/footage/{camera}/main?{query}")
    assert both["end"] > both["start"]
    # What is buffered is what all tracks have, and the sound of a simulated camera lags on a busy machine.
    piece = page.evaluate("path => footage(path)", f"/api/v1/footage/{camera}/main?{query}&audio=0")
    assert piece["ranges"] == 1
    assert parse_utc(piece["from"]) <= begin
    assert abs(piece["end"] - piece["offset"] - (begin / NS_PER_S + 4)) < 1
    print("piece_ms", round(piece["took"]))
    for second in (3.5, 2.5, 3.0):
        wanted = begin / NS_PER_S + piece["offset"] + second
        found = page.evaluate("time => seek(time)", wanted)
        # currentTime is the day's second; what is shown then was filmed then, but for what encoding and sending take.
        utc_ms = (found["media"] - piece["offset"]) * 1000
        assert abs(found["media"] - wanted) < 0.2
        assert -100 < utc_ms - found["clock"] < 800
        print("seek_in_buffer_ms", round(found["took"]))
    key = page.evaluate("path => footage(path)", f"/api/v1/footage/{camera}/main?{query}&frames=key")
    assert key["end"] > key["start"]


def token(service: Service) -> str:
    """As a program logs in."""
    who = {"user": service.ready["user"], "password": service.ready["password"]}
    request = urllib.request.Request(
        service.ready["http"] + "/api/v1/session", json.dumps(who).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return str(json.loads(answer.read())["token"])


def watched(service: Service, path: str, pictures: int) -> tuple[list[float], set[str]]:
    """(times of pictures that FFmpeg decoded, what streams it found) of an HLS address."""
    options = {"headers": f"Authorization: Bearer {token(service)}\r\n", "extension_picky": "0"}
    with av.open(service.ready["http"] + path, options=options, timeout=EVENTUALLY_S) as container:
        kinds = {stream.codec_context.name for stream in container.streams}
        frames = container.decode(video=0)
        return [float(frame.time or 0) for frame in itertools.islice(frames, pictures)], kinds


def test_ffmpeg_plays_hls_live_and_recorded(demo: Service) -> None:
    times, kinds = watched(demo, "/hls/workshop/main/index.m3u8", 120)
    assert kinds == {"h264", "flac"}
    assert len(times) == 120
    assert times == sorted(times)
    eventually(lambda: recorded(demo, "workshop"), what="footage")
    until = parse_utc(recorded(demo, "workshop")["until"])
    query = f"from={format_utc(until - 6 * NS_PER_S)}&until={format_utc(until)}"
    times, kinds = watched(demo, f"/hls/workshop/main/index.m3u8?{query}", 1000)
    assert kinds == {"h264", "flac"}
    assert times[-1] - times[0] > 3
    assert times == sorted(times)


def test_pictures_of_now_for_what_plays_no_video(page: Any) -> None:
    data = page.evaluate(
        """async () => {
            const answer = await fetch('/mjpeg/entrance?fps=2'), reader = answer.body.getReader();
            let text = '';
            while (text.split('image/jpeg').length < 4) {
                const {value} = await reader.read();
                text += new TextDecoder('latin1').decode(value);
            }
            await reader.cancel();
            return [answer.headers.get('content-type'), btoa(text.slice(0, 400).replace(/[^\\x00-\\x7f]/g, '.'))];
        }"""
    )
    assert data[0].startswith("multipart/x-mixed-replace;boundary=")
    assert b"Content-Type: image/jpeg" in base64.b64decode(data[1])
