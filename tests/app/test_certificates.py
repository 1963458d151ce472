"""Looks, renewals and warnings, with a clock that is moved; what is made is tests/system/test_door_certificate.py's."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock as TwistedClock

from bridge.app.certificates import LOOK_S, DoorCertificates
from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.tls.server import ServerTls
from bridge.system import certificate_files, door_certificate
from bridge.system.certificate_files import CertificateError
from bridge.system.config import Config
from bridge.system.config_load import read
from bridge.system.secrets import Vault
from tests.system.tls_files import QuickKeys, write_pair

DAY_NS = 86_400 * NS_PER_S


class Stage:
    def __init__(self, folder: Path) -> None:
        self.reactor, self.clock, self.folder = TwistedClock(), ManualClock(), folder
        self.tls = ServerTls(self.reactor)
        self.threads = 0
        vault = Vault(b"A" * 43 + b"=")
        self.events: list[tuple[str, Any]] = []
        self.certificates = DoorCertificates(
            *(self.reactor, self.clock, folder, vault, self.tls, self.in_thread),
            lambda topic, data: self.events.append((topic, data["Days"])),
        )

    def in_thread(self, work: Any) -> "Deferred[Any]":
        self.threads += 1
        return execute(work)

    def config(self, **tables: Any) -> Config:
        return read({"data": str(self.folder), **tables}, base=self.folder, environ={})

    def show(self, config: Config) -> None:
        self.certificates.show(config, self.certificates.read(config))

    def wait(self, days: float) -> list[Any]:
        """Each of them a look, and what was said."""
        with capture_logs() as said:
            self.clock.advance(int(days * DAY_NS))
            self.reactor.advance(LOOK_S)
        return said


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for module in (certificate_files, door_certificate):
        monkeypatch.setattr(module, "rsa", QuickKeys())
    made = Stage(tmp_path)
    made.certificates.start()
    return made


def test_without_a_tls_door_there_is_none(stage: Stage) -> None:
    stage.show(stage.config(ports={"rtsps": 0, "https": 0}))
    assert stage.certificates.current is None
    assert stage.certificates.days_warned_of is None
    assert stage.wait(1) == []
    assert not list(stage.folder.iterdir())


def test_ours_renews_itself_and_nothing_is_warned_of(stage: Stage) -> None:
    stage.show(stage.config())
    first = stage.certificates.current
    assert first is not None
    assert stage.wait(0.01) == []
    assert stage.threads == 0, "the resolver is left in peace for an hour"
    assert stage.wait(300) == []
    assert stage.threads == 1
    (line,) = stage.wait(10)
    assert (line["event"], line["made"]) == ("certificate of the TLS doors", "it expires soon")
    assert stage.certificates.current is not None
    assert stage.certificates.current.chain[0] != first.chain[0]
    assert stage.certificates.days_warned_of is None


def test_a_clock_that_was_set_is_noticed_at_the_next_look(stage: Stage) -> None:
    stage.show(stage.config())
    stage.clock.step_utc(-400 * DAY_NS)
    (line,) = stage.wait(0)
    assert "the clock was wrong" in line["made"]


def test_yours_is_warned_of_once_at_each_stage(stage: Stage) -> None:
    write_pair(stage.folder, until=2031)
    stage.show(stage.config(tls={"certificate": "cert.pem", "key": "key.pem"}))
    current = stage.certificates.current
    assert current is not None
    left_days = (current.expires - dt.datetime.fromtimestamp(stage.clock.utc_ns() / NS_PER_S, dt.UTC)).days
    assert stage.wait(left_days - 40) == []
    warned = [(stage.wait(5), stage.certificates.days_warned_of) for _ in range(9)]
    assert [days for _, days in warned] == [None, None, 30, 30, 30, 30, 7, 1, 0]
    said = [line["event"] for lines, _ in warned for line in lines]
    soon, over = "expires soon", "has expired: clients refuse these doors"
    assert said == [f"the certificate of the TLS doors {end}" for end in (soon, soon, soon, over)]
    assert stage.events == [("onb:Certificate/Expires", days) for days in (30, 7, 1, 0)]


def test_what_cannot_be_renewed_stays_and_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.show(stage.config())
    before = stage.certificates.current

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device", "tls-door.sealed")

    monkeypatch.setattr("bridge.app.certificates.of_ours", fails)
    said = stage.wait(310)
    assert [line["event"] for line in said] == ["the certificate of the TLS doors cannot be renewed"]
    assert "No space left on device" in said[0]["reason"]
    assert stage.certificates.current is before
    with pytest.raises(CertificateError):
        stage.certificates.read(stage.config())
