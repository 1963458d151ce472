"""A recording with five gaps that is known to the nanosecond, as strangers see it: forwards, in reverse, at every rate.

The checker is written from the specification and shares no code with us; GStreamer plays in its ONVIF mode, FFmpeg as
it plays anything.
"""

import datetime as dt
import itertools
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from tests.interop.conftest import Service, eventually, running, write_config
from tests.interop.known_footage import CAMERA, Filmed, Known, write_known_footage
from tests.interop.replay_checker import NS_PER_S, ReplayChecker, Replayed, check_order

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

USER, PASSWORD = "viewer", "see-what-was"
NS_PER_MS = 1_000_000
SYSTEM_PYTHON = "/usr/bin/python3"
HERE = Path(__file__).parent
PATH = f"/recordings/rec-{CAMERA}.main"
CONFIG = f"""
[[user]]
name = "{USER}"
password = "{PASSWORD}"
[[camera]]
id = "{CAMERA}"
url = "rtsp://127.0.0.1:9/nobody"
"""


@dataclass
class Archive:
    service: Service
    known: Known

    def client(self, *tokens: str) -> ReplayChecker:
        return ReplayChecker(self.url, USER, PASSWORD).open(*tokens)

    @property
    def url(self) -> str:
        return str(self.service.ready["rtsp"]) + PATH


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder: Path = tmp_path_factory.mktemp("archive")
    config = write_config(folder, CONFIG)
    known = write_known_footage(folder)
    with running(["serve", "--config", str(config)], folder) as service:
        yield Archive(service, known)


def clock(from_ns: int, until_ns: int | None = None) -> str:
    def text(utc_ns: int) -> str:
        seconds, fraction = divmod(utc_ns, NS_PER_S)
        return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y%m%dT%H%M%S}.{fraction:09d}Z"

    return f"clock={text(from_ns)}-{'' if until_ns is None else text(until_ns)}"


def until(client: ReplayChecker, done: Callable[[list[Replayed]], object], token: str = "VIDEO001") -> list[Replayed]:
    """Units of a track, when `done` of them."""
    return eventually(lambda: (units := client.units(token)) and done(units) and units, what="the units") or []


def the_end(units: list[Replayed]) -> bool:
    return units[-1].terminal


def same(units: list[Replayed], filmed: list[Filmed]) -> None:
    """Times to the nanosecond, and what was filmed bit for bit."""
    assert [unit.utc_ns for unit in units] == [one.utc_ns for one in filmed]
    for unit, one in zip(units, filmed, strict=True):
        assert unit.parts[-len(one.unit.parts) :] == one.unit.parts  # parameter sets may be before it
        assert unit.clean == one.unit.key


def forwards(filmed: list[Filmed]) -> list[str]:
    """The flags of what is played forwards from a clean point on, to the end of the footage."""
    flags = []
    for number, one in enumerate(filmed):
        first = number == 0 or filmed[number - 1].section != one.section
        last = number + 1 == len(filmed) or filmed[number + 1].section != one.section
        terminal = number + 1 == len(filmed)
        flags.append("C" * one.unit.key + "E" * last + "D" * first + "T" * terminal)
    return flags


def reversed_gops(filmed: list[Filmed]) -> list[Filmed]:
    gops = [list(gop) for _, gop in itertools.groupby(filmed, key=lambda one: one.gop)]
    return [one for gop in reversed(gops) for one in gop]


def backwards(filmed: list[Filmed]) -> list[str]:
    """The flags of what `reversed_gops` gave."""
    flags = []
    for number, one in enumerate(filmed):
        last = number + 1 == len(filmed) or filmed[number + 1].section != one.section
        terminal = number + 1 == len(filmed)
        flags.append("C" * one.unit.key + "E" * last + "D" * one.unit.key + "T" * terminal)
    return flags


def test_forwards_across_five_gaps(archive: Archive) -> None:
    known = archive.known
    assert known.video[-1].section == 5
    with archive.client() as client:
        reply = client.order(Rate_Control="no")
        assert (reply.status, reply.headers["rate-control"]) == (200, "no")
        video, sound = until(client, the_end), until(client, the_end, "AUDIO001")
        metadata = until(client, the_end, "META001")
    same(video, known.video)
    same(sound, known.sound)
    same(metadata, known.metadata)
    assert [unit.flags for unit in metadata] == forwards(known.metadata)
    assert [unit.flags for unit in video] == forwards(known.video)
    assert [unit.flags for unit in sound] == forwards(known.sound)
    assert {unit.cseq for unit in video + sound} == {int(reply.headers["cseq"]) & 0xFF}
    check_order(video, reverse=False)
    # RTP times are those of the recording: within a run to the tick, over gaps as the capture times say.
    for (one, unit), (following, after) in itertools.pairwise(zip(known.video, video, strict=True)):
        ticks = (after.rtp_time - unit.rtp_time + 2**31) % 2**32 - 2**31
        if following.section == one.section and abs(following.unit.media_time - one.unit.media_time) < 90_000:
            if abs(following.utc_ns - one.utc_ns) < 200 * NS_PER_MS:
                assert ticks == following.unit.media_time - one.unit.media_time
        elif following.section != one.section:
            expected = (following.utc_ns - one.utc_ns) * 90_000 // NS_PER_S
            assert abs((ticks - expected + 2**31) % 2**32 - 2**31) < 90_000 // 20
    seq, rtptime = re.findall(r"seq=(\d+);rtptime=(\d+)", reply.headers["rtp-info"])[0]
    assert (video[0].sequence, video[0].rtp_time) == (int(seq), int(rtptime))


def test_in_reverse_across_five_gaps(archive: Archive) -> None:
    expected = reversed_gops(archive.known.video)
    with archive.client() as client:
        reply = client.order(Rate_Control="no", Scale="-1.0", Range=clock(expected[0].utc_ns + 3600 * NS_PER_S))
        assert (reply.status, reply.headers["scale"]) == (200, "-1.0")
        video = until(client, the_end)
        assert client.packets("AUDIO001") == []
    same(video, expected)
    assert [unit.flags for unit in video] == backwards(expected)
    check_order(video, reverse=True)


@pytest.mark.parametrize("scale", ["1.0", "-1.0"])
@pytest.mark.parametrize(("frames", "apart_ms"), [("intra", 0), ("intra/1000", 1000)])
def test_key_frames_alone(archive: Archive, frames: str, apart_ms: int, scale: str) -> None:
    keys = [one for one in archive.known.video if one.unit.key]
    if scale == "-1.0":
        keys.reverse()
    wanted = keys[:1]
    for one in keys[1:]:
        if abs(one.utc_ns - wanted[-1].utc_ns) >= apart_ms * NS_PER_MS:
            wanted.append(one)
    begin = clock(keys[0].utc_ns)
    with archive.client("VIDEO001") as client:
        assert client.order(Rate_Control="no", Frames=frames, Scale=scale, Range=begin).status == 200
        video = until(client, the_end)
    same(video, wanted)
    assert [unit.flags for unit in video] == (backwards if scale == "-1.0" else forwards)(wanted)


def test_without_pictures_that_none_refers_to(archive: Archive) -> None:
    wanted = [one for one in archive.known.video if one.reference]
    assert len(wanted) < len(archive.known.video)
    with archive.client("VIDEO001") as client:
        client.order(Rate_Control="no", Frames="predicted")
        video = until(client, the_end)
    same(video, wanted)
    assert [unit.flags for unit in video] == forwards(wanted)


@pytest.mark.parametrize(("scale", "speed"), [("1.0", 1.0), ("2.0", 2.0), ("-1.0", -1.0), ("-4.0", -4.0)])
def test_in_time(archive: Archive, scale: str, speed: float) -> None:
    """A second before a gap and a second behind it: the gap is skipped, and RTP times say when to show."""
    video = archive.known.video
    first, second = ([one for one in video if one.section == section] for section in (1, 2))
    keys = [one.utc_ns for one in first + second if one.unit.key]
    from_ns, until_ns = keys[2], [key for key in keys if key > first[-1].utc_ns][2] - NS_PER_MS
    wanted = [one for one in first + second if from_ns <= one.utc_ns < until_ns]
    if speed < 0:
        asked, wanted = clock(until_ns, from_ns), reversed_gops(wanted)
    else:
        asked = clock(from_ns, until_ns)
    with archive.client("VIDEO001") as client:
        reply = client.order(Scale=scale, Range=asked)
        assert (reply.status, float(reply.headers["scale"])) == (200, speed)
        units = until(client, lambda units: len(units) >= len(wanted))
    same(units, wanted)
    length_s = len(wanted) * 0.04 / abs(speed)
    assert length_s * 0.6 < units[-1].came_s - units[0].came_s < length_s + 2
    for before, unit in itertools.pairwise(units):
        if not before.end and not unit.discontinuity:
            ticks = (unit.rtp_time - before.rtp_time + 2**31) % 2**32 - 2**31
            # At speed 1 the distances are the camera's own.
            assert ticks / 90_000 == pytest.approx((unit.utc_ns - before.utc_ns) / NS_PER_S / speed, abs=0.02)
    shown = sorted(units, key=lambda unit: unit.utc_ns, reverse=speed < 0)
    assert all((b.rtp_time - a.rtp_time) % 2**32 < 90_000 for a, b in itertools.pairwise(shown))


@pytest.mark.parametrize("scale", ["1.0", "-1.0"])
def test_where_play_begins(archive: Archive, scale: str) -> None:
    """Inside footage the clean point before, in a gap the section that play goes to, beyond the ends the nearest."""
    video = archive.known.video
    keys = [one.utc_ns for one in video if one.unit.key]
    third, fourth = ([one.utc_ns for one in video if one.section == section] for section in (2, 3))
    in_gap = (max(third) + min(fourth)) // 2
    before, behind = min(fourth), max(key for key in keys if key < in_gap)
    cases = [
        (keys[7] + 150 * NS_PER_MS, keys[7]),
        (keys[7], keys[7]),
        (in_gap, before if scale == "1.0" else behind),
    ]
    cases.append((keys[0] - NS_PER_S, keys[0]) if scale == "1.0" else (keys[-1] + 100 * NS_PER_S, keys[-1]))
    with archive.client("VIDEO001") as client:
        for asked_ns, expected_ns in cases:
            reply = client.order(Rate_Control="no", Scale=scale, Range=clock(asked_ns), Immediate="yes")
            assert reply.status == 200
            cseq = int(reply.headers["cseq"]) & 0xFF
            units = until(client, lambda units, cseq=cseq: units[-1].cseq == cseq)  # type: ignore[misc]
            first = next(unit for unit in units if unit.cseq == cseq)
            assert (first.utc_ns, first.discontinuity, first.clean) == (expected_ns, True, True)
        beyond = keys[-1] + 100 * NS_PER_S if scale == "1.0" else keys[0] - NS_PER_S
        assert client.order(Scale=scale, Range=clock(beyond), Immediate="yes").status == 457


def test_pause_at_an_instant_and_on(archive: Archive) -> None:
    video = [one for one in archive.known.video if one.section == 0]
    shown = sorted(one.utc_ns for one in video)
    with archive.client("VIDEO001") as client:
        assert client.order(Range=clock(shown[0])).status == 200
        until(client, lambda units: len(units) > 3)
        assert client.pause().status == 200
        reply = client.order()
        assert reply.status == 200
        units = until(client, lambda units: len(units) >= len(video))
    # Nothing is lost or sent twice where it stood.
    same(units[: len(video)], video)
    assert [unit.discontinuity for unit in units[: len(video)]] == [True] + [False] * (len(video) - 1)
    assert len({unit.cseq for unit in units[: len(video)]}) == 2


def test_gstreamer_in_its_onvif_mode_sees_the_same_times(archive: Archive) -> None:
    """rtponvifparse dates buffers by the extension.

    Over TCP rtspsrc 1.22 gives the first packet of any server no time, and its jitter buffer discards the unit ("cannot
    calculate a valid pts").
    """
    command = [SYSTEM_PYTHON, str(HERE / "gst_onvif.py"), archive.url, USER, PASSWORD, "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "No module named 'gi'" in done.stderr:
        pytest.skip("GStreamer for Python (python3-gi) is missing")
    since_1970 = [int(line) - 2_208_988_800 * NS_PER_S for line in done.stdout.split()]
    assert since_1970, done.stderr
    times = [one.utc_ns for one in archive.known.video[1:]]
    assert [round(one / NS_PER_MS) for one in since_1970] == [round(one / NS_PER_MS) for one in times]


def test_ffmpeg_decodes_all_of_it(archive: Archive) -> None:
    login = archive.url.replace("rtsp://", f"rtsp://{USER}:{PASSWORD}@")
    options = {"rtsp_transport": "tcp"}
    count = len([one for one in archive.known.video if one.section < 3])
    shown: list[float] = []
    with av.open(login, options=options, timeout=20) as container:
        for frame in container.decode(video=0):
            count -= 1
            if frame.time is not None:  # FFmpeg does not date the first ones when B-frames come by RTP
                shown.append(frame.time)
            if not count:
                break
    assert len(shown) > 100
    steps = [b - a for a, b in itertools.pairwise(shown)]
    assert all(0 < step < 0.2 for step in steps), steps  # gaps are skipped
