"""Exports: what FFmpeg reads of them is what the reading handed out."""

import io

import av
import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.recorder.export import ExportError, export_plain
from bridge.store.reader import Begin, Broken, Gap
from bridge.wire.payload import complete_track
from tests.wire import encoded

BEGIN = 1_800_000_000 * NS_PER_S
PICTURE_NS = NS_PER_S // 25


def footage(frames=50, *, b_frames=0, start_s=0.0, media_time=1_000_000, encoder="libx264"):
    """(tracks, units): pictures that began `start_s` after BEGIN, and G.711 beside them."""
    pictures = encoded.pictures(encoder, frames=frames, b_frames=b_frames)
    codec = {"libx264": Codec.H264, "libx265": Codec.H265}[encoder]
    tracks = (complete_track(Track(codec, 90_000), pictures[0].parts), Track(Codec.PCMA, 8000))
    begin = BEGIN + round(start_s * NS_PER_S)
    units = [
        AccessUnit(0, media_time + one.pts * 3600, begin + one.pts * PICTURE_NS, 0, one.key, tuple(one.parts))
        for one in pictures
    ]
    sound = [
        AccessUnit(
            1, media_time * 8 // 90 + number * 160, begin + number * NS_PER_S // 50, 0, True, (bytes([number]) * 160,)
        )
        for number in range(2 * frames)
    ]
    merged = []
    for index, unit in enumerate(units):
        merged += [unit, *sound[2 * index : 2 * index + 2]]
    return tracks, merged


def exported(items, from_ns=BEGIN):
    file = io.BytesIO()
    result = export_plain(iter(items), file, from_ns)
    assert result.size_bytes == len(file.getvalue())
    file.seek(0)
    return result, file


def decoded(file, kind="video"):
    """Presentation times in seconds of what a player shows."""
    with av.open(file) as container:
        return [float(frame.time) for frame in container.decode(**{kind: 0})]


@pytest.mark.parametrize(("encoder", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_every_picture_and_every_sound_is_there(encoder, b_frames):
    tracks, units = footage(encoder=encoder, b_frames=b_frames)
    result, file = exported([Begin(tracks, 0, 1), *units])
    assert (result.units, result.gaps, result.broken) == (150, [], [])
    assert (result.from_ns, result.until_ns) == (BEGIN, max(unit.utc_ns for unit in units))
    assert decoded(file) == pytest.approx([number * 0.04 for number in range(50)], abs=0.001)
    file.seek(0)
    assert len(decoded(file, "audio")) == 100
    file.seek(0)
    with av.open(file) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    wanted = [b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts) for unit in units if unit.track == 0]
    assert packets == wanted


def test_it_starts_at_the_picture_that_was_asked_for():
    tracks, units = footage()
    result, file = exported([Begin(tracks, 0, 1), *units], BEGIN + 7 * PICTURE_NS - 1)
    assert result.from_ns == BEGIN + 7 * PICTURE_NS
    assert decoded(file) == pytest.approx([number * 0.04 for number in range(43)], abs=0.001)


def test_gaps_are_left_out_and_told_and_pauses_last():
    tracks, first = footage(frames=25)
    _, second = footage(frames=25, start_s=1.5, media_time=77)
    _, third = footage(frames=25, start_s=3600, media_time=5_000_000)
    gap = Gap(BEGIN + 5 * NS_PER_S // 2, BEGIN + 3600 * NS_PER_S)
    late = Gap(BEGIN + 3601 * NS_PER_S, BEGIN + 3700 * NS_PER_S)
    broken = Broken(9, "gone")
    items = [Begin(tracks, 0, 1), *first, Begin(tracks, 0, 2), *second, broken, gap, Begin(tracks, 0, 3), *third, late]
    result, file = exported(items)
    assert (result.gaps, result.broken) == ([gap], [broken])
    times = decoded(file)
    wanted = [number * 0.04 for number in range(25)]
    wanted += [1.5 + number * 0.04 for number in range(25)]
    wanted += [2.5 + number * 0.04 for number in range(25)]
    assert times == pytest.approx(wanted, abs=0.001)


def test_nothing_is_a_sentence():
    with pytest.raises(ExportError, match=r"there is nothing from 2027-01-15T08:00:00\.000Z on"):
        exported([])
    tracks, units = footage(frames=5)
    with pytest.raises(ExportError, match="there is nothing from"):
        exported([Begin(tracks, 0, 1), *units], BEGIN + NS_PER_S)


def test_a_change_of_format_is_a_sentence():
    tracks, units = footage(frames=5)
    other = (complete_track(Track(Codec.H265, 90_000), encoded.pictures("libx265", frames=5)[0].parts), tracks[1])
    with pytest.raises(ExportError, match=r"changes its format after 2027-01-15T08:00:00\.\d+Z: export up to there"):
        exported([Begin(tracks, 0, 1), *units, Begin(other, 0, 2)])
