import random
import uuid
from dataclasses import replace
from itertools import pairwise

import pytest

from bridge.store.backend import DatabaseUnusableError
from bridge.system.database import CONFIG
from bridge.system.evidence import REASON_LIMIT, EvidenceError, EvidenceLock, EvidenceLocks

GATE, YARD = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def locks(opened):
    return EvidenceLocks(opened(CONFIG))


def add(locks, recording=GATE, since=10, until=20, *, created=100, expires=None):
    facts = {"who": "op", "why": "theft", "created_utc_ns": created, "expires_utc_ns": expires}
    return locks.add(recording, since, until, **facts)


class TestEvidence:
    def test_locks_are_kept_listed_and_removed(self, locks):
        first, second = add(locks), add(locks, YARD, created=200, expires=300)
        assert first == EvidenceLock(first.id, GATE, 10, 20, "op", "theft", 100, None)
        assert locks.list() == (first, second)
        assert locks.list(YARD) == (second,)
        assert locks.remove(first.id) == first
        assert locks.list() == (second,)
        with pytest.raises(EvidenceError, match=f"there is no evidence lock {first.id}"):
            locks.remove(first.id)

    def test_what_is_locked_now(self, locks):
        add(locks, since=10, until=20)
        add(locks, since=15, until=30)
        add(locks, since=30, until=31)
        add(locks, since=50, until=60, expires=1000)
        add(locks, YARD, since=5, until=6, expires=1000)
        assert locks.ranges(999) == {GATE: ((10, 31), (50, 60)), YARD: ((5, 6),)}
        assert locks.ranges(1000) == {GATE: ((10, 31),)}
        assert locks.ranges_of(GATE, 1000) == ((10, 31),)
        assert locks.ranges_of(YARD, 1000) == ()

    @pytest.mark.parametrize("seed", range(5))
    def test_the_ranges_hold_what_any_lock_holds(self, locks, seed):
        choose = random.Random(seed)
        held = set()
        for _ in range(choose.randrange(1, 20)):
            since, length = choose.randrange(60), choose.randrange(1, 12)
            add(locks, since=since, until=since + length)
            held |= set(range(since, since + length))
        ranges = locks.ranges_of(GATE, 0)
        assert {instant for since, until in ranges for instant in range(since, until)} == held
        assert all(before[1] < after[0] for before, after in pairwise(ranges))

    def test_copies_from_a_storage_are_taken_over_once(self, locks):
        known = add(locks)
        copies = [known, replace(known, id=uuid.uuid4()), replace(known, id=uuid.uuid4(), recording=YARD)]
        assert locks.take_over([*copies, copies[1]]) == 2
        assert locks.take_over(copies) == 0
        assert set(locks.list()) == set(copies)

    def test_nonsense_is_refused_and_hostile_texts_are_kept_cut(self, locks):
        with pytest.raises(EvidenceError, match="after its begin"):
            add(locks, since=20, until=20)
        with pytest.raises(EvidenceError, match="must not expire before"):
            add(locks, created=100, expires=100)
        facts = {"who": "\0\udcff", "why": "x" * 9999, "created_utc_ns": 1}
        (lock,) = (locks.add(GATE, 1, 2, **facts), *locks.list())[1:]
        assert (lock.who, lock.why) == ("??", "x" * REASON_LIMIT)


def test_an_answer_that_cannot_be_had_is_an_error_and_not_nothing(opened, monkeypatch):
    database = opened(CONFIG)
    locks = EvidenceLocks(database)
    add(locks)
    database.write(lambda connection: connection.exec_driver_sql("DROP TABLE evidence").close())
    with pytest.raises(DatabaseUnusableError):
        locks.ranges(1)
