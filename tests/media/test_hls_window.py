"""LL-HLS of a stream: what the playlist says of parts and segments is so, as RFC 8216bis wants it."""

import itertools
import re

import pytest

from bridge.base.time import NS_PER_S
from bridge.media.hls_window import KEPT_SEGMENTS, TARGET_S, HlsWindow
from bridge.media.live_fragments import LiveFragments
from bridge.wire.mp4 import boxes, fragment
from tests.live_viewers import SPS, Camera


class Watched:
    def __init__(self, *, audio=True, **camera):
        self.camera = Camera(audio=True, **camera)
        self.woken = 0
        self.window = HlsWindow(LiveFragments(self.camera.hub), self.wake, audio=audio)

    def wake(self):
        self.woken += 1


def tags(text):
    """(tag, value) of each line; an address is the tag "uri"."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    return [tuple(line.partition(":")[::2]) if line.startswith("#") else ("uri", line) for line in lines[1:]]


def values(text, tag):
    return [value for name, value in tags(text) if name == f"#EXT-X-{tag}"]


def samples(data):
    """(track id, decode time, key) of all fragments of a part or segment."""
    found = []
    for box in boxes.read_boxes(data):
        if box.kind == b"moof":
            for run in fragment.parse_moof(data, box.start)[1]:
                found.append((run.track_id, run.decode_time, run.flags[0] == fragment.KEY_FLAGS))
    return found


def test_the_playlist_of_a_camera():
    watched = Watched(gop=50)
    watched.camera.next(260)
    window, text = watched.window, watched.window.playlist()
    assert values(text, "TARGETDURATION") == ["3"]
    assert values(text, "PART-INF") == ["PART-TARGET=0.5"]
    assert values(text, "SERVER-CONTROL") == ["CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5"]
    assert values(text, "MAP") == ['URI="init-1.mp4"']
    parts = [
        re.fullmatch(r'DURATION=([\d.]+),URI="part-(\d+)-(\d+)\.mp4"(,INDEPENDENT=YES)?', one).groups()
        for one in values(text, "PART")
    ]
    numbers = [(int(number), int(part)) for _, number, part, _ in parts]
    for duration, number, part, independent in parts:
        data = window.part(int(number), int(part))
        video = [row for row in samples(data) if row[0] == 1]
        assert float(duration) == pytest.approx(len(video) / 25, abs=0.001)
        assert float(duration) <= 0.5
        last_of_segment = (int(number), int(part) + 1) not in numbers
        assert float(duration) >= 0.85 * 0.5 or last_of_segment
        assert video[0][2] == bool(independent) == (int(part) == 0)
    whole = [one for one in tags(text) if one[0] == "uri"]
    durations = [float(value.rstrip(",")) for name, value in tags(text) if name == "#EXTINF"]
    assert len(whole) == len(durations) == 5
    assert set(durations) == {2.0}
    times = []
    for (_, uri), number in zip(whole, range(5), strict=True):
        assert uri == f"segment-{number}.mp4"
        rows = samples(window.segment(number))
        assert next(row for row in rows if row[0] == 1)[2]
        times += [row[1] for row in rows if row[0] == 1]
    assert [after - before for before, after in itertools.pairwise(times)] == [3600] * (len(times) - 1)
    (hint,) = values(text, "PRELOAD-HINT")
    assert hint == f'TYPE=PART,URI="part-5-{len([one for one in numbers if one[0] == 5])}.mp4"'
    assert len(values(text, "PROGRAM-DATE-TIME")) == 6


def test_what_is_asked_for_before_it_is_there():
    watched = Watched(gop=50)
    window = watched.window
    assert not window.begun
    watched.camera.next(26)
    assert not window.begun
    assert (window.has(0, 1), window.has(0, 2), window.has(0, None), window.has(1, 0)) == (True, False, False, False)
    woken = watched.woken
    watched.camera.next(12)
    assert watched.woken > woken
    assert (window.has(0, 2), window.part(0, 2) is not None, window.part(0, 3)) == (True, True, None)
    watched.camera.next(20)
    assert window.begun
    assert (window.has(0, None), window.segment(0) is not None, window.segment(1)) == (True, True, None)


def test_old_segments_go():
    watched = Watched(gop=50)
    watched.camera.next(50 * (KEPT_SEGMENTS + 5) + 1)
    text = watched.window.playlist()
    assert values(text, "MEDIA-SEQUENCE") == ["5"]
    assert watched.window.segment(4) is None
    assert len(values(text, "MAP")) == 1
    # Parts of the last segments alone are told.
    assert len(values(text, "PART")) <= 3 * 5


def test_a_gop_longer_than_a_segment_is_cut():
    watched = Watched(gop=1000)
    watched.camera.next(400)
    durations = [float(value.rstrip(",")) for name, value in tags(watched.window.playlist()) if name == "#EXTINF"]
    assert durations == [6.0, 6.0]


def test_slow_cameras_have_longer_parts():
    watched = Watched()
    for number in range(30):
        watched.camera.clock.advance(NS_PER_S // 5)
        watched.camera.push(0, number * 18_000, (b"\x65\x88" + bytes(100),), key=number % 10 == 0)
    assert values(watched.window.playlist(), "PART-INF") == ["PART-TARGET=1"]


def test_new_parameter_sets_and_a_camera_that_was_away_are_discontinuities():
    watched = Watched(gop=50, in_band=True)
    watched.camera.next(60)
    watched.camera.run.end()
    watched.camera.clock.advance(5 * NS_PER_S)
    watched.camera.connect()
    watched.camera.next(60)
    text = watched.window.playlist()
    assert len(values(text, "DISCONTINUITY")) == 1
    assert len(values(text, "MAP")) == 1
    assert all(float(value.rstrip(",")) <= TARGET_S for name, value in tags(text) if name == "#EXTINF")
    larger = bytes.fromhex("67640032ac2b6033c8078022")
    assert larger != SPS
    watched.camera.number += -watched.camera.number % 50
    watched.camera.push(0, watched.camera.raw, (larger, b"\x68\xee\x3c\xb0", b"\x65\x88" + bytes(100)), key=True)
    watched.camera.raw += 3600
    watched.camera.number += 1
    watched.camera.clock.advance(NS_PER_S // 25)
    for _ in range(30):
        watched.camera.push(0, watched.camera.raw, (b"\x41\x88" + bytes(100),), key=False)
        watched.camera.raw += 3600
        watched.camera.clock.advance(NS_PER_S // 25)
    text = watched.window.playlist()
    assert values(text, "MAP")[-1] == 'URI="init-2.mp4"'
    assert watched.window.init(2).startswith(b"\0\0\0\x1cftyp")
    assert watched.window.init(3) is None
    assert len(values(text, "DISCONTINUITY")) == 2


def test_without_sound():
    watched = Watched(gop=50, audio=False)
    watched.camera.next(60)
    assert {row[0] for row in samples(watched.window.segment(0))} == {1}
    watched.window.close()
    made = watched.woken
    watched.camera.next(60)
    assert watched.woken == made
