"""Workers as processes: what they write reaches the hubs, and a dead one is started again."""

from dataclasses import replace
from typing import Any

from twisted.internet.error import ProcessDone
from twisted.internet.task import Clock as TwistedClock
from twisted.python.failure import Failure

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.sim.cameras import SimulatedCameras
from bridge.sim.records import EncodedUnit, encode_tracks, encode_unit
from bridge.sim.scenes import scenes


class FakeReactor(TwistedClock):
    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[Any] = []

    def spawnProcess(self, protocol: Any, *_: Any, **__: Any) -> Any:
        self.spawned.append(protocol)
        return None


def test_units_reach_the_hubs_and_a_dead_worker_is_started_again() -> None:
    reactor = FakeReactor()
    cameras = SimulatedCameras(reactor, ManualClock(), scenes(1))
    cameras.start()
    (worker,) = reactor.spawned
    hub = cameras.catalogue.cameras()[0].streams[0].hub
    key = EncodedUnit(0, 0, True, 0, (b"\x67\x42\x00\x1e", b"\x68\xce", b"\x65\x88"))
    data = encode_tracks(0, [Track(Codec.H264, 90000)]) + encode_unit(key)
    for at in range(0, len(data), 5):
        worker.outReceived(data[at : at + 5])
    assert [unit.parts for unit in hub.gop()] == [key.parts]
    worker.processEnded(Failure(ProcessDone(0)))
    reactor.advance(5)
    assert len(reactor.spawned) == 2
    cameras.stop()
    worker.processEnded(Failure(ProcessDone(0)))
    reactor.advance(5)
    assert len(reactor.spawned) == 2


def test_a_silence_is_a_gap_and_ends_with_a_key_frame() -> None:
    reactor, clock = FakeReactor(), ManualClock()
    scene = replace(scenes(1)[0], silent_at_s=20)
    cameras = SimulatedCameras(reactor, clock, [scene])
    cameras.start()
    (worker,) = reactor.spawned
    hub = cameras.catalogue.cameras()[0].streams[0].hub
    worker.outReceived(encode_tracks(0, [Track(Codec.H264, 90000)]))
    sent = {}
    for second in range(30):
        parts = (b"\x67\x42\x00\x1e", b"\x68\xce", b"\x65\x88") if second % 2 == 0 else (b"\x41\x88",)
        worker.outReceived(encode_unit(EncodedUnit(0, 0, second % 2 == 0, second * 90000, parts)))
        sent[second] = hub.statistics.units
        clock.advance(NS_PER_S)
    # Silent from 20 on; 26 is a key frame.
    assert [second for second in range(1, 30) if sent[second] == sent[second - 1]] == [20, 21, 22, 23, 24, 25]
    assert hub.statistics.runs == 2
