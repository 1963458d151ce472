from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.stream_meter import StreamMeter


def feed(meter, seconds, *, rate=25, size=1000, gop=50, since_ns=0):
    for number in range(seconds * rate):
        at = since_ns + number * NS_PER_S // rate
        meter.count(AccessUnit(0, 0, 0, at, number % gop == 0, (bytes(size),)), lead=True)
        meter.count(AccessUnit(1, 0, 0, at, True, (bytes(100),)), lead=False)


def test_measures_over_windows():
    meter = StreamMeter()
    meter.begin_run(0)
    feed(meter, 1)
    assert (meter.statistics.bitrate_bps, meter.statistics.frame_rate, meter.statistics.gop_length) == (0, 0.0, 0)
    meter.begin_run(0)
    feed(meter, 12)
    assert abs(meter.statistics.frame_rate - 25) < 0.01
    assert abs(meter.statistics.bitrate_bps - 25 * 1100 * 8) < 250
    assert meter.statistics.gop_length == 50
    assert meter.statistics.runs == 2
    assert meter.statistics.units == 2 * 25 * 13


def test_follows_a_change_and_keeps_the_last_figures_over_a_reconnect():
    meter = StreamMeter()
    meter.begin_run(0)
    feed(meter, 10)
    feed(meter, 20, rate=10, since_ns=10 * NS_PER_S)
    assert abs(meter.statistics.frame_rate - 10) < 0.01
    meter.begin_run(60 * NS_PER_S)
    meter.count(AccessUnit(0, 0, 0, 60 * NS_PER_S + NS_PER_MS, True, (b"x",), True), lead=True)
    assert abs(meter.statistics.frame_rate - 10) < 0.01
    assert meter.statistics.damaged_units == 1
