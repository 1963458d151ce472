from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.recorder import prelude as module
from bridge.recorder.prelude import Prelude
from tests.recorder.streams import LiveStream, Sink


def begun(**stream):
    live = LiveStream(**stream)
    return live, Prelude(live.hub, live.clock.monotonic_ns())


def test_all_of_it_comes_first_and_then_what_follows():
    live, prelude = begun()
    live.frames(60)
    sink = Sink()
    cutter = prelude.hand_over(sink)
    live.frames(60)
    cutter.end()
    assert [unit for fragment in sink.fragments for unit in fragment.units] == live.units
    assert [fragment.sequence for fragment in sink.fragments] == list(range(1, len(sink.fragments) + 1))
    assert [fragment.new_run for fragment in sink.fragments] == [True] + [False] * (len(sink.fragments) - 1)


def test_a_camera_that_went_away_meanwhile_has_its_pause():
    live, prelude = begun()
    live.frames(30)
    live.run.end()
    for _ in range(2):
        live.clock.advance(NS_PER_S)
        prelude.on_timeout(live.clock.monotonic_ns())
    live.connect()
    live.frames(30)
    sink = Sink()
    prelude.hand_over(sink).end()
    assert sink.all.count(None) == 2
    assert sum(len(fragment.units) for fragment in sink.fragments) == 60


def test_a_storage_that_does_not_come_holds_no_memory():
    live, prelude = begun()
    live.frames(100)
    assert prelude.size_bytes > 0
    prelude.on_timeout(MonotonicNs(live.clock.monotonic_ns() + module.WAIT_NS))
    assert (prelude.ended, prelude.size_bytes, prelude._held) == (True, 0, [])
    live.frames(100)
    prelude.end()
    assert prelude.size_bytes == 0


def test_large_pictures_are_not_held_without_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    live, prelude = begun(size=10_000)
    live.frames(60)
    assert (prelude.ended, prelude.size_bytes) == (True, 0)
