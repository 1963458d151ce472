"""What every driver promises to its owner, asked of both."""

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint

from bridge.services.ingest.aiortsp_driver import AiortspDriver
from bridge.services.ingest.native import NativeDriver
from bridge.services.ingest.source import DRIVERS
from tests.services.ingest.ingest_setting import Stage


def native(errand, owner):
    return NativeDriver(errand, owner, endpoint=lambda reactor, url: TCP4ClientEndpoint(reactor, url.host, url.port))


def test_both_can_be_chosen_by_name():
    assert set(DRIVERS) == {"native", "aiortsp"}


@pytest.mark.parametrize("make", [native, AiortspDriver])
@pytest.mark.parametrize("url", ["rtsp://cam.example/live", "rtsps://cam.example/live"])
def test_the_owner_is_not_told_inside_start_and_stop_always_fires(make, url):
    stage = Stage(url=url)
    driver = make(stage.errand, stage.owner)
    driver.start()
    assert stage.owner.told == []
    done = []
    driver.stop().addCallback(done.append)
    stage.reactor.advance(20)
    assert (done, stage.owner.told) == ([None], [])
    assert stage.reactor.getDelayedCalls() == []
