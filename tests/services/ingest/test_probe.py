"""An address that is tried once."""

from typing import Any

import pytest
import structlog
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from bridge.base.media import Codec, Track
from bridge.base.time import ManualClock, MonotonicNs
from bridge.dialogue.rtsp_client_events import DownReason
from bridge.services.ingest.probe import PROBE_S, Probe, Probed
from bridge.wire.rtsp.url import RtspUrl

VIDEO = Track(Codec.H264, 90_000)
SOUND = Track(Codec.PCMU, 8000)


class Driver:
    def __init__(self, errand: Any, owner: Any) -> None:
        self.errand, self.owner, self.stopped = errand, owner, 0

    def start(self) -> None:
        pass

    def stop(self) -> Any:
        self.stopped += 1
        return succeed(None)


class Play:
    def __init__(self, transport: str = "tcp") -> None:
        self.reactor = Clock()
        self.got: list[Any] = []
        self.drivers: list[Driver] = []
        probe = Probe(
            self.reactor,
            ManualClock(),
            structlog.get_logger(),
            RtspUrl.parse("rtsp://root:secret@192.0.2.1/x"),
            transport,
            drivers={"native": self._make},
        )
        self.done = probe.run()
        self.done.addBoth(self.got.append)

    def _make(self, errand: Any, owner: Any) -> Any:
        self.drivers.append(Driver(errand, owner))
        return self.drivers[-1]

    @property
    def driver(self) -> Driver:
        return self.drivers[0]

    def run(self, *tracks: Track) -> Any:
        return self.driver.errand.hub.begin_run(tracks)

    def over(self) -> Probed:
        self.reactor.advance(0)
        assert self.reactor.getDelayedCalls() == []
        (found,) = self.got
        return found  # type: ignore[no-any-return]  # a Probed


def test_tracks_and_a_picture() -> None:
    play = Play()
    run = play.run(SOUND, VIDEO)
    run.push(0, 0, (b"\xff",), True, False, MonotonicNs(0))
    run.push(1, 0, (b"\x41",), False, False, MonotonicNs(0))
    assert play.got == []
    run.push(1, 3600, (b"\x65",), True, False, MonotonicNs(0))
    found = play.over()
    assert (found.ok, found.reason) == (True, "")
    assert [track.codec for track in found.tracks] == [Codec.PCMU, Codec.H264]
    assert found.key is not None
    assert found.key.parts == (b"\x65",)
    assert play.driver.stopped == 1
    run.push(1, 7200, (b"\x65",), True, False, MonotonicNs(0))
    assert len(play.got) == 1


def test_the_reason() -> None:
    play = Play()
    play.driver.owner.on_down(DownReason.REFUSED, "refused: 192.0.2.1:554 does not accept connections")
    assert play.over() == Probed(False, "refused: 192.0.2.1:554 does not accept connections")
    assert play.driver.stopped == 0


@pytest.mark.parametrize(
    ("tracks", "ok", "reason"),
    [
        ((), False, "nothing came within 10 s"),
        ((VIDEO,), True, "no key frame came within 10 s"),
        ((SOUND,), True, "it sends no picture"),
    ],
)
def test_time_is_up(tracks: tuple[Track, ...], ok: bool, reason: str) -> None:
    play = Play()
    if tracks:
        play.run(*tracks).push(0, 0, (b"\x41",), False, False, MonotonicNs(0))
        play.driver.owner.on_up()
    play.reactor.advance(PROBE_S)
    found = play.over()
    assert found.ok is ok
    assert reason in found.reason
    assert play.driver.stopped == 1


def test_who_asked_has_gone() -> None:
    play = Play("http")
    assert play.driver.errand.tunnelled
    play.done.cancel()
    play.reactor.advance(0)
    assert play.driver.stopped == 1
    assert play.reactor.getDelayedCalls() == []


def test_any_certificate_will_do_and_none_is_kept() -> None:
    tls = Play().driver.errand.tls
    assert tls.trust.judge("probe", "192.0.2.1:322", "ab", 0) == ""
    assert tls.trust.judge("probe", "192.0.2.1:322", "cd", 0) == ""
