"""Where units stand on the time line of the fragments, and how long they are told to last."""

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.media.fragment_track import FragmentTrack
from bridge.wire.mp4 import fragment
from tests.live_viewers import VIDEO

UTC = 1_800_000_000 * NS_PER_S


def unit(media_time, *, key=False, part=b"\x65abc", utc_ns=UTC, track=0):
    return AccessUnit(track, media_time, utc_ns, 0, key, (part,))


def told(one):
    """(decode time, duration, offset, flags) of a fragment."""
    _, (run,) = fragment.parse_moof(one.for_channel(0))
    return run.decode_time, run.durations[0], run.offsets[0], run.flags[0]


def test_the_first_stands_where_the_others_of_that_moment_do():
    track = FragmentTrack(VIDEO, 1)
    one = track.take(unit(77, key=True, utc_ns=UTC + NS_PER_S), 1, (UTC, 10 * NS_PER_S))
    assert (one.time, track.time_ns(one)) == (11 * 90_000, 11 * NS_PER_S)
    two = track.take(unit(77 + 3600, utc_ns=UTC), 2, (UTC, 0))
    assert two.time - one.time == 3600  # by its own clock from then on


def test_a_unit_is_told_to_last_as_long_as_the_one_before_and_a_little_more():
    track = FragmentTrack(VIDEO, 1)
    steps = [track.take(unit(at, key=at == 0), 1, (UTC, 0)) for at in (0, 3600, 7200, 7200 + 90_000)]
    assert [told(one)[1] for one in steps] == [3600 + 7200, 3600 + 7200, 3600 + 7200, 7200 + 9000]
    assert [told(one)[3] for one in steps] == [fragment.KEY_FLAGS] + [fragment.DELTA_FLAGS] * 3


def test_pictures_shown_in_another_order():
    track = FragmentTrack(VIDEO, 1)
    units = [unit(at * 3600, key=at == 0) for at in (0, 3, 1, 2, 6)]
    track.prime(units, (UTC, NS_PER_S))
    rows = [told(track.take(one, 1, (UTC, NS_PER_S))) for one in units]
    assert [row[0] + row[2] for row in rows] == [90_000 + at * 3600 for at in (0, 3, 1, 2, 6)]
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    assert all(row[2] >= 0 for row in rows)


def test_so_far_ahead_that_no_offset_reaches():
    track = FragmentTrack(VIDEO, 1)
    units = [unit(0, key=True), unit(3600 * 3), unit(3600), unit(7200), unit(1 << 33, key=True)]
    rows = [told(track.take(one, 1, (UTC, 0))) for one in units]
    assert rows[-1][0] + rows[-1][2] == 1 << 33


def test_sound_never_goes_back():
    track = FragmentTrack(Track(Codec.PCMU, 8000), 2)
    rows = [told(track.take(unit(at, key=True, part=b"\xff" * 160), 1, (UTC, 0))) for at in (0, 160, 100, 320)]
    assert [row[0] for row in rows] == [0, 160, 161, 320]
    assert {row[2] for row in rows} == {0}


def test_sound_that_is_no_whole_samples_is_left_out():
    track = FragmentTrack(Track(Codec.PCMU, 8000, 2), 2)
    one = track.take(unit(0, key=True, part=b"\xff" * 3), 1, (UTC, 0))
    assert one.for_channel(0).endswith(fragment.mdat_header(0))
    assert one.runs() == ()


def test_what_browsers_play_is_known_with_the_parameter_sets():
    track = FragmentTrack(Track(Codec.H264, 90_000), 1)
    assert not track.playable
    track.describe(VIDEO)
    assert track.playable
