"""Live fragments: what PyAV reads of what a browser gets is what the camera sent; joins, new tracks, slow readers."""

import io
import itertools

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.hub import Hub
from bridge.media.live_fragments import NAMES, LiveFragments, UnplayableError, chosen
from bridge.wire import payload
from tests.live_viewers import AUDIO, Camera, FakeWriter
from tests.wire import encoded

EVERYTHING = frozenset(NAMES.values())


class Browser:
    """Who watches; keeps what a player would be fed, by beginning."""

    def __init__(self, clock, stream, *, can=EVERYTHING, audio=True, room=1 << 40):
        self.clocks, self.mimes, self.told, self.unplayable = [], [], [], ""
        self.writer = FakeWriter(clock, room)
        self.inits = []
        self.viewer = stream.watch(self.writer, self, can, audio=audio)

    def on_beginning(self, beginning):
        self.mimes.append(beginning.mime)
        self.told.append(beginning)
        self.inits.append(beginning.init)
        self.writer.write(beginning.init)

    def on_clock(self, time_ns, utc_ns):
        self.clocks.append((time_ns, utc_ns))

    def on_unplayable(self, reason):
        self.unplayable = reason

    @property
    def files(self):
        """One for each beginning."""
        wire = bytes(self.writer.wire)
        places = []
        at = 0
        for init in self.inits:
            at = wire.index(init, at)
            places.append(at)
            at += len(init)
        return [wire[start:end] for start, end in zip(places, [*places[1:], len(wire)], strict=True)]


def packets(file):
    """{kind of stream: [(pts, dts, bytes, key)]} as FFmpeg reads it."""
    found = {}
    with av.open(io.BytesIO(file)) as container:
        for packet in container.demux():
            if packet.size:
                rows = found.setdefault(packet.stream.type, [])
                rows.append((packet.pts, packet.dts, bytes(packet), packet.is_keyframe))
    return found


def in_file(parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Film:
    """A hub that gets real pictures, and sound, by a clock that stands still else."""

    def __init__(self, pictures, codec, sound=None, rate=8000, frames=()):
        self.clock = ManualClock()
        self.hub = Hub("gate/main", self.clock)
        self.pictures = pictures
        self.track = payload.complete_track(Track(codec, 90_000), pictures[0].parts)
        self.sound, self.rate, self.frames = sound, rate, frames
        self.run = self.hub.begin_run((self.track, sound) if sound else (self.track,))
        self.at = 0

    def play(self, count):
        for _ in range(count):
            picture = self.pictures[self.at]
            self.clock.advance(NS_PER_S // 25)
            now = self.clock.monotonic_ns()
            self.run.push(0, 100_000 + picture.pts * 3600, picture.parts, picture.key, False, now)
            if self.sound and self.at < len(self.frames):
                step = self.rate // 25
                self.run.push(1, 5_000 + self.at * step, (self.frames[self.at],), True, False, now)
            self.at += 1


@pytest.mark.parametrize(
    ("encoder", "codec", "b_frames"),
    [("libx264", Codec.H264, 0), ("libx265", Codec.H265, 0), ("libx264", Codec.H264, 2)],
    ids=["H.264", "H.265", "B-frames"],
)
@given(st.integers(0, 20), st.integers(1, 4))
@settings(max_examples=8, deadline=None)
def test_what_comes_out_is_what_went_in(encoder, codec, b_frames, joined_at, more):
    pictures = encoded.pictures(encoder, frames=24, b_frames=b_frames)
    film = Film(pictures, codec)
    film.play(joined_at)
    stream = LiveFragments(film.hub)
    browser = Browser(film.clock, stream)
    film.play(24 - joined_at)
    keys = [number for number, picture in enumerate(pictures) if picture.key]
    first = max((key for key in keys if key < joined_at), default=0)
    got = packets(b"".join(browser.files))["video"]
    assert [row[2] for row in got] == [in_file(picture.parts) for picture in pictures[first:]]
    assert [row[0] - got[0][0] for row in got] == [(one.pts - pictures[first].pts) * 3600 for one in pictures[first:]]
    assert all(before[1] < after[1] for before, after in itertools.pairwise(got))
    assert [row[3] for row in got] == [one.key for one in pictures[first:]]
    assert len(browser.inits) == 1
    with av.open(io.BytesIO(browser.files[0])) as container:
        shown = [frame.pts - got[0][0] for frame in container.decode(video=0)]
    assert shown == sorted((one.pts - pictures[first].pts) * 3600 for one in pictures[first:])


def test_sound_comes_with_the_pictures_without_holes():
    pictures = encoded.pictures("libx264", frames=24)
    sound = [bytes((number,)) * 320 for number in range(24)]
    film = Film(pictures, Codec.H264, AUDIO, frames=sound)
    film.play(2)
    stream = LiveFragments(film.hub)
    film.play(2)
    both, silent = Browser(film.clock, stream), Browser(film.clock, stream, audio=False)
    deaf = Browser(film.clock, stream, can={"h264"})
    film.play(20)
    assert both.mimes[0].endswith(',flac"')
    assert both.told[0].tracks == ("h264", "flac")
    got = packets(both.files[0])
    assert packets(silent.files[0]) == packets(deaf.files[0]) == {"video": got["video"]}
    assert silent.told[0] is deaf.told[0]
    times = [row[0] for row in got["audio"]]
    assert {after - before for before, after in itertools.pairwise(times)} == {320}
    # What was captured together is shown together: both came at the same moments.
    assert times[0] * 90 // 8 == got["video"][0][0]


def test_the_clock_says_what_was_captured_when():
    camera = Camera(gop=10)
    camera.next(3)
    browser = Browser(camera.clock, LiveFragments(camera.hub))
    camera.next(3)
    (time_ns, utc_ns), *_ = browser.clocks
    assert utc_ns <= camera.clock.utc_ns()
    camera.next(260)
    (later_ns, later_utc_ns) = browser.clocks[-1]
    assert len(browser.clocks) == 2
    assert abs((later_ns - time_ns) - (later_utc_ns - utc_ns)) < NS_PER_S // 1000


def test_before_the_first_picture_nothing_is_said_and_then_all():
    camera = Camera(gop=10)
    stream = LiveFragments(camera.hub)
    browser = Browser(camera.clock, stream)
    assert browser.inits == []
    camera.next(1)
    assert len(browser.inits) == 1
    assert browser.told[0].mime.startswith('video/mp4; codecs="avc1.')


def test_a_camera_that_comes_back_the_same_goes_on():
    camera = Camera(gop=10)
    browser = Browser(camera.clock, LiveFragments(camera.hub))
    camera.next(12)
    camera.run.end()
    camera.clock.advance(5 * NS_PER_S)
    camera.connect(raw=77)
    camera.next(12)
    assert len(browser.inits) == 1
    times = [row[0] for row in packets(browser.files[0])["video"]]
    assert len(times) == 24
    assert times == sorted(times)
    assert times[12] - times[11] == pytest.approx(5.04 * 90_000, rel=0.01)


def test_other_parameter_sets_are_a_new_beginning():
    small, large = encoded.pictures("libx264", frames=5), encoded.pictures("libx264", 640, 480, frames=5)
    film = Film(small, Codec.H264)
    stream = LiveFragments(film.hub)
    browser = Browser(film.clock, stream)
    film.play(5)
    film.pictures, film.at = [*small, *(one._replace(pts=one.pts + 5) for one in large)], 5
    film.play(5)
    assert [(one.width, one.height) for one in browser.told] == [(320, 240), (640, 480)]
    first, second = map(packets, browser.files)
    assert (len(first["video"]), len(second["video"])) == (5, 5)
    assert second["video"][0][0] > first["video"][-1][0]


def test_what_browsers_do_not_play_is_left_out_or_refused():
    jpeg, latm = Track(Codec.JPEG, 90_000), Track(Codec.AAC_LATM, 16_000)
    sets = encoded.pictures("libx264", frames=1)[0].parts
    h264 = payload.complete_track(Track(Codec.H264, 90_000), sets)
    assert chosen((h264, latm), EVERYTHING, audio=True) == {0}
    assert chosen((h264, latm, AUDIO), EVERYTHING, audio=True) == {0, 2}
    assert chosen((AUDIO,), EVERYTHING, audio=True) == {0}
    assert chosen((Track(Codec.H264, 90_000),), EVERYTHING, audio=True) == frozenset()
    for tracks, can in (((jpeg,), EVERYTHING), ((h264, AUDIO), {"h265", "flac"})):
        with pytest.raises(UnplayableError, match="cannot decode"):
            chosen(tracks, can, audio=True)
    hub = Hub("gate/main", ManualClock())
    hub.begin_run((jpeg,))
    stream = LiveFragments(hub)
    assert "JPEG" in Browser(ManualClock(), stream).unplayable
    assert len(stream) == 0


def test_who_does_not_read_loses_whole_gops_and_nobody_else_does():
    camera = Camera(gop=10, size=100_000)
    stream = LiveFragments(camera.hub)
    slow, quick = Browser(camera.clock, stream, room=250_000), Browser(camera.clock, stream)
    camera.next(60)
    assert len(packets(quick.files[0])["video"]) == 60
    assert stream.dropped_units == slow.viewer.flow.dropped_units > 0
    slow.writer.drain()
    camera.next(20)
    rows = packets(slow.files[0])["video"]
    numbers = [int.from_bytes(row[2][6:10]) for row in rows]
    for before, after in itertools.pairwise(numbers):
        assert after == before + 1 or after % 10 == 0
    assert numbers[-1] == 79


def test_a_tap_gets_fragments_from_a_key_frame_on():
    class Tap:
        audio = True

        def __init__(self):
            self.beginnings, self.fragments = [], []

        def on_beginning(self, beginning):
            self.beginnings.append(beginning)

        def on_fragment(self, fragment):
            self.fragments.append(fragment)

    camera = Camera(gop=10, audio=True)
    camera.next(13)
    stream, tap = LiveFragments(camera.hub), Tap()
    stream.tap(tap)
    camera.next(4)
    assert len(tap.beginnings) == 1
    assert [one.key for one in tap.fragments if one.track == 0] == [True] + [False] * 6
    stream.untap(tap)
    camera.next(1)
    assert len([one for one in tap.fragments if one.track == 0]) == 7
    assert len(stream) == 0
