import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import NS_PER_S, MonotonicNs, UtcNs
from bridge.system.session_rows import SessionRow
from bridge.system.sessions import (
    ACCESS_NS,
    AHEAD_NS,
    GRACE_NS,
    IDLE_NS,
    IN_ALL,
    LIFE_NS,
    PER_USER,
    RefreshError,
    Session,
    Sessions,
    Tokens,
)

START = 1_800_000_000 * NS_PER_S
PEER = "192.0.2.1:4711"


class Rows:
    """The table, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, SessionRow] = {}
        self.lost = 0

    def read(self) -> tuple[SessionRow, ...]:
        return tuple(self.kept.values())

    def put(self, row: SessionRow) -> None:
        self.kept[row.id] = row

    def remove(self, session_id: str) -> None:
        self.kept.pop(session_id, None)


class Setting:
    """Sessions with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.stamps = {"anna": b"a", "vera": b"v"}
        self.broken: set[str] = set()
        self.now = 0
        self.ahead = 0
        counter = itertools.count()
        self.random: Callable[[int], bytes] = lambda count: next(counter).to_bytes(count, "big")
        self.start()

    def start(self) -> None:
        self.sessions = Sessions(
            self.rows,  # type: ignore[arg-type]  # in memory
            self.stamps.get,
            lambda name: name in self.stamps or name in self.broken,
            self.random,
            self.utc,
        )

    @property
    def utc(self) -> UtcNs:
        return UtcNs(START + self.now + self.ahead)

    def begin(self, user: str = "vera") -> tuple[Session, Tokens]:
        return self.sessions.begin(user, PEER, MonotonicNs(self.now), self.utc)

    def user_of(self, access: str) -> str | None:
        session = self.sessions.by_access(access, MonotonicNs(self.now), self.utc)
        return session.user if session else None

    def refresh(self, tokens: Tokens) -> Tokens:
        return self.sessions.refresh(tokens.refresh, MonotonicNs(self.now), self.utc)[1]


def test_an_access_token_is_good_for_a_quarter_of_an_hour() -> None:
    one = Setting()
    _, tokens = one.begin()
    one.now = ACCESS_NS - 1
    assert one.user_of(tokens.access) == "vera"
    one.now = ACCESS_NS
    assert one.user_of(tokens.access) is None
    assert len(one.sessions) == 1


def test_refreshing_changes_both() -> None:
    one = Setting()
    _, first = one.begin()
    second = one.refresh(first)
    assert len({first.access, second.access, first.refresh, second.refresh}) == 4
    assert one.user_of(second.access) == "vera"
    assert one.user_of(first.access) == "vera"  # requests are on their way
    one.now = GRACE_NS
    assert one.user_of(first.access) is None
    assert one.user_of(second.access) == "vera"
    assert one.sessions.by_refresh(second.refresh, one.utc) is not None
    assert one.sessions.by_refresh(first.refresh, one.utc) is None


def test_two_tabs_at_the_same_moment_get_the_same() -> None:
    one = Setting()
    _, first = one.begin()
    second = one.refresh(first)
    one.now = GRACE_NS - 1
    assert one.refresh(first) == second
    assert one.refresh(second) != second
    assert one.sessions.copied == 0


@pytest.mark.parametrize("generations", [1, 2, 5])
def test_a_copy_ends_the_session_however_old_it_is(generations: int) -> None:
    one = Setting()
    _, first = one.begin()
    latest = first
    for _ in range(generations):
        latest = one.refresh(latest)
    one.now = GRACE_NS
    with pytest.raises(RefreshError, match="somebody has a copy") as caught:
        one.refresh(first)
    assert (caught.value.user, caught.value.copied) == ("vera", True)
    assert one.user_of(latest.access) is None
    with pytest.raises(RefreshError, match="not known"):
        one.refresh(latest)
    assert (len(one.sessions), one.rows.kept, one.sessions.copied) == (0, {}, 1)


def test_a_thief_who_refreshes_twice_within_the_grace_is_noticed_too() -> None:
    one = Setting()
    _, stolen = one.begin()
    one.refresh(one.refresh(stolen))
    with pytest.raises(RefreshError, match="somebody has a copy"):
        one.refresh(stolen)


def test_a_restart_logs_nobody_out() -> None:
    one = Setting()
    _, first = one.begin()
    one.start()
    assert one.user_of(first.access) is None  # access tokens are in memory
    second = one.refresh(first)
    assert one.user_of(second.access) == "vera"
    one.start()
    with pytest.raises(RefreshError, match="somebody has a copy"):
        one.refresh(first)


def test_ends_after_a_day_without_use_and_after_a_month_in_all() -> None:
    one = Setting()
    session, tokens = one.begin()
    one.now = IDLE_NS
    assert one.sessions.get(session.id, one.utc) is None
    with pytest.raises(RefreshError, match="expired"):
        one.refresh(tokens)
    session, tokens = one.begin()
    begun = one.now
    while one.sessions.get(session.id, one.utc):
        one.now += IDLE_NS - 1
        if one.now - begun >= LIFE_NS:
            break
        tokens = one.refresh(tokens)
    assert session.row.expires_utc_ns == START + begun + LIFE_NS
    assert one.sessions.sweep(MonotonicNs(one.now), one.utc) == 1
    assert one.rows.kept == {}


def test_a_session_from_a_clock_that_was_wrong_does_not_count() -> None:
    one = Setting()
    one.ahead = 365 * 24 * 3600 * NS_PER_S
    session, tokens = one.begin()
    one.ahead = 0
    assert one.sessions.get(session.id, one.utc) is None
    assert one.user_of(tokens.access) is None
    with pytest.raises(RefreshError, match="expired"):
        one.refresh(tokens)
    for _ in range(PER_USER):
        one.begin()  # it is the first to give way
    assert session.id not in one.rows.kept
    one.ahead = AHEAD_NS
    session, _ = one.begin()
    one.ahead = 0
    assert one.sessions.get(session.id, one.utc) is session


def test_a_machine_that_wakes_up_in_1970_logs_nobody_out() -> None:
    one = Setting()
    session, tokens = one.begin()
    one.ahead = -START
    one.start()
    assert one.sessions.get(session.id, one.utc) is None
    one.ahead = 0
    assert one.refresh(tokens)


def test_another_password_ends_it() -> None:
    one = Setting()
    _, tokens = one.begin()
    one.begin("anna")
    one.stamps["vera"] = b"new"
    assert one.sessions.recheck() == 1
    assert one.user_of(tokens.access) is None
    assert [row.user for row in one.rows.kept.values()] == ["anna"]


def test_another_password_while_the_service_stood_still_ends_it() -> None:
    one = Setting()
    _, tokens = one.begin()
    one.stamps["vera"] = b"new"
    one.start()
    with pytest.raises(RefreshError):
        one.refresh(tokens)


def test_a_user_who_is_gone_loses_his() -> None:
    one = Setting()
    one.begin()
    del one.stamps["vera"]
    one.start()
    assert (len(one.sessions), one.rows.kept) == (0, {})


def test_a_user_who_cannot_be_read_just_now_keeps_his() -> None:
    one = Setting()
    one.begin()
    one.broken.add(one.stamps.popitem()[0])
    assert one.sessions.recheck() == 0
    one.start()
    assert len(one.sessions) == 1


def test_there_is_room_for_so_many() -> None:
    one = Setting()
    first, _ = one.begin("vera")
    one.now += 1
    for _ in range(PER_USER):
        one.begin("vera")
    assert len(one.sessions) == PER_USER
    assert one.sessions.get(first.id, one.utc) is None
    one.stamps |= {f"u{number}": b"" for number in range(IN_ALL)}
    for number in range(IN_ALL):
        one.begin(f"u{number}")
    assert len(one.sessions) == IN_ALL == len(one.rows.kept)


def test_only_two_access_tokens_of_a_session_are_kept() -> None:
    one = Setting()
    session, tokens = one.begin()
    for _ in range(5):
        tokens = one.refresh(tokens)
    assert len(session.access) == 2
    one.now = GRACE_NS
    one.sessions.sweep(MonotonicNs(one.now), one.utc)
    assert (len(session.access), session.given) == (1, None)


def test_ending_twice_is_ending() -> None:
    one = Setting()
    session, tokens = one.begin()
    one.sessions.end(session.id)
    one.sessions.end(session.id)
    assert one.user_of(tokens.access) is None


@given(st.text(max_size=200))
def test_garbage_is_nobody(text: str) -> None:
    one = Setting()
    one.begin()
    assert one.user_of(text) is None
    assert one.sessions.by_refresh(text, one.utc) is None
    with pytest.raises(RefreshError):
        one.refresh(Tokens(text, text))
    assert len(one.sessions) == 1


def test_nothing_shows() -> None:
    session, tokens = Setting().begin()
    assert tokens.access not in repr(tokens)
    assert tokens.refresh not in repr(tokens)
    assert repr(session.stamp) not in repr(session)
