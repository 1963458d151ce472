"""Where units stand in an export's file; whole exports are in test_export.py."""

import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS
from bridge.recorder.export_times import AsCaptured, WithoutGaps

TRACKS = (Track(Codec.H264, 90_000), Track(Codec.PCMA, 8000))
ASKED_NS = 1_000_000 * NS_PER_MS

#: (run, track, media time, milliseconds after what was asked for), and where it stands by capture and without gaps.
UNITS = [
    (1, 0, 500, -40, 0, 0),
    (1, 1, 70, -30, 80, 80),
    (1, 0, 7700, 40, 7200, 7200),
    (1, 0, 4100, 0, 3600, 3600),
    # Half a second later, from another beginning: a pause lasts.
    (2, 0, 0, 540, 52_200, 52_200),
    (2, 1, 0, 550, 4720, 4720),
    # An hour later: the last step goes on.
    (3, 0, 9, 3_600_540, 324_052_200, 97_200),
]


@pytest.mark.parametrize(("timeline", "column"), [(AsCaptured(ASKED_NS), 4), (WithoutGaps(ASKED_NS), 5)])
def test_places(timeline, column):
    timeline.tracks = TRACKS
    run = 0
    for row in UNITS:
        if row[0] != run:
            run = row[0]
            timeline.begin_run(0)
        unit = AccessUnit(row[1], row[2], ASKED_NS + row[3] * NS_PER_MS, 0, True, (b"x",))
        assert timeline.place(unit) == row[column], row
    # The first picture that was asked for came third in decoding order.
    assert (timeline.started, timeline.starts_ns, timeline.starts_utc_ns) == (True, 40 * NS_PER_MS, ASKED_NS)


@pytest.mark.parametrize("timeline", [AsCaptured(ASKED_NS), WithoutGaps(ASKED_NS)])
def test_sound_alone_starts_nothing(timeline):
    timeline.tracks = TRACKS
    timeline.begin_run(0)
    timeline.place(AccessUnit(1, 0, ASKED_NS, 0, True, (b"x",)))
    assert not timeline.started
