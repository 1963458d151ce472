import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import MonotonicNs
from bridge.system.lockout import ADDRESS_FACTOR, Lockout

PAUSE = 10
NOW = MonotonicNs(1000)


def later(ns: int) -> MonotonicNs:
    return MonotonicNs(NOW + ns)


def failed(lockout: Lockout, times: int, address: str = "192.0.2.1", user: str = "op", now: MonotonicNs = NOW) -> None:
    for _ in range(times):
        lockout.failed(address, user, now)


def test_a_burst_is_free_then_each_try_waits():
    lockout = Lockout(3, PAUSE)
    failed(lockout, 2)
    assert not lockout.locked("192.0.2.1", "op", NOW)
    failed(lockout, 1)
    assert lockout.delay_ns("192.0.2.1", "op", NOW) == PAUSE
    assert lockout.delay_ns("192.0.2.1", "op", later(PAUSE - 1)) == 1
    assert not lockout.locked("192.0.2.1", "op", later(PAUSE))
    failed(lockout, 1, now=later(PAUSE))
    assert lockout.delay_ns("192.0.2.1", "op", later(PAUSE)) == PAUSE
    assert not lockout.locked("192.0.2.1", "op", later(2 * PAUSE))


def test_trying_while_locked_makes_it_no_longer():
    lockout = Lockout(3, PAUSE)
    failed(lockout, 1000)
    assert lockout.delay_ns("192.0.2.1", "op", NOW) == PAUSE


def test_success_starts_anew():
    lockout = Lockout(3, PAUSE)
    failed(lockout, 2)
    lockout.succeeded("192.0.2.1", "op", NOW)
    failed(lockout, 2)
    assert not lockout.locked("192.0.2.1", "op", NOW)


def test_another_user_and_another_address_are_free():
    lockout = Lockout(3, PAUSE)
    failed(lockout, 3)
    assert not lockout.locked("192.0.2.1", "other", NOW)
    assert not lockout.locked("192.0.2.2", "op", NOW)


def test_many_names_from_one_address_but_not_who_logged_in_there():
    lockout = Lockout(3, PAUSE)
    lockout.succeeded("192.0.2.1", "good", NOW)
    for number in range(3 * ADDRESS_FACTOR):
        lockout.failed("192.0.2.1", f"guess{number}", NOW)
    assert lockout.locked("192.0.2.1", "new", NOW)
    assert not lockout.locked("192.0.2.1", "good", NOW)
    assert not lockout.locked("192.0.2.2", "new", NOW)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unix", "unix", True),
    ],
)
def test_what_counts_as_one_address(one, other, same):
    lockout = Lockout(1, PAUSE)
    lockout.failed(one, "op", NOW)
    assert lockout.locked(other, "op", NOW) is same


def test_the_table_is_bounded():
    lockout = Lockout(1, PAUSE, size=10)
    for number in range(100):
        lockout.failed(f"10.0.0.{number}", "op", NOW)
        lockout.succeeded(f"10.0.1.{number}", "op", NOW)
    assert lockout.evicted == 190
    assert lockout.locked("10.0.0.99", "op", NOW)
    assert not lockout.locked("10.0.0.0", "op", NOW)


@given(st.lists(st.integers(0, 3 * PAUSE), max_size=60), st.integers(1, 5))
def test_whoever_waits_as_told_gets_one_try_a_pause(gaps, burst):
    lockout = Lockout(burst, PAUSE)
    now, tries = NOW, 0
    for gap in gaps:
        now = MonotonicNs(now + gap)
        delay = lockout.delay_ns("a", "op", now)
        assert 0 <= delay <= PAUSE
        if delay == 0:
            tries += 1
            lockout.failed("a", "op", now)
    assert tries <= burst + (now - NOW) // PAUSE
