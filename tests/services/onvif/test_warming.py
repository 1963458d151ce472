"""Profiles are rendered before somebody asks, in slices."""

from twisted.internet.task import Clock as TwistedClock

from bridge.base.time import ManualClock
from bridge.services.onvif.slices import SLICE_NS
from bridge.services.onvif.warming import BETWEEN_ROUNDS_S, BETWEEN_SLICES_S, Warming
from tests.services.onvif.bridge_setting import ADMIN, Bridge


def test_after_a_round_a_request_renders_nothing_more():
    setting = Bridge()
    reactor = TwistedClock()
    warming = Warming(reactor, ManualClock(), setting.profiles, setting.served.keepers)
    warming.start()
    reactor.advance(0)
    kept = {id(profile): dict(profile._parts) for profile in setting.profiles.everything()}
    assert all(kept.values())
    for service, arguments in (("media", ""), ("media2", ""), ("media2", "<Type>All</Type>")):
        assert len(setting.post(service, "GetProfiles", arguments, user=ADMIN).body)
    assert kept == {id(profile): profile._parts for profile in setting.profiles.everything()}
    warming.stop()
    assert reactor.getDelayedCalls() == []


def test_a_slice_is_short_and_the_round_goes_on():
    setting = Bridge()
    reactor, clock, seen = TwistedClock(), ManualClock(), []

    def slow(profile):
        seen.append(profile.token)
        clock.advance(SLICE_NS)

    warming = Warming(reactor, clock, setting.profiles, [slow])
    warming.start()
    reactor.advance(0)
    assert len(seen) == 1
    every = [profile.token for profile in setting.profiles.everything()]
    for _ in every:
        reactor.advance(BETWEEN_SLICES_S)
    assert seen == every
    reactor.advance(BETWEEN_ROUNDS_S)
    assert seen == [*every, every[0]]
    warming.stop()
