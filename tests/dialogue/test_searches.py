"""Search sessions: pages, waiting, the three ends, and how many there may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.searches import (
    DEFAULT_WAIT_NS,
    LONGEST_KEEP_ALIVE_NS,
    LONGEST_WAIT_NS,
    MAX_OF_ONE_USER,
    MAX_RESULTS,
    MAX_SEARCHES,
    SHORTEST_KEEP_ALIVE_NS,
    Asked,
    Page,
    Searches,
    TooManySearchesError,
    UnknownSearchError,
    ask,
)

S = NS_PER_S


class Numbers:
    """Random bytes that are none."""

    def __init__(self):
        self.count = 0

    def __call__(self, count):
        self.count += 1
        return self.count.to_bytes(count, "big")


@pytest.fixture
def searches():
    return Searches(Numbers())


def begin(searches, owner="anna", *, keep_alive_s=10, now=0):
    return searches.begin(owner, "events", keep_alive_s * S, None, MonotonicNs(now))


@pytest.mark.parametrize(
    ("least", "most", "wait_ns", "asked"),
    [
        (None, None, None, Asked(1, MAX_RESULTS, 7 + DEFAULT_WAIT_NS)),
        (5, 10, 3 * S, Asked(5, 10, 7 + 3 * S)),
        (50, 10, 0, Asked(10, 10, 7)),
        (0, None, S, Asked(0, MAX_RESULTS, 7 + S)),
        (-3, -3, -S, Asked(0, MAX_RESULTS, 7)),
        (None, 0, None, Asked(0, 0, 7 + DEFAULT_WAIT_NS)),
        (10**9, 10**9, 10**6 * S, Asked(MAX_RESULTS, MAX_RESULTS, 7 + LONGEST_WAIT_NS)),
    ],
)
def test_what_is_asked_for_is_adapted(least, most, wait_ns, asked):
    assert ask(least, most, wait_ns, 7) == asked


def test_a_page_waits_for_the_least_and_holds_the_most(searches):
    search = begin(searches)
    asked = ask(3, 4, 5 * S, 0)
    assert search.page(asked, 0) is None
    search.add("ab", all_found=False)
    assert search.page(asked, 5 * S - 1) is None
    search.add("cde", all_found=False)
    assert search.page(asked, 1) == Page(list("abcd"), completed=False)
    assert search.page(ask(1, 4, 0, 1), 1) == Page(["e"], completed=False)
    assert not search.ended


def test_at_the_end_of_the_time_there_is_what_there_is(searches):
    search = begin(searches)
    search.add("a", all_found=False)
    assert search.page(ask(3, None, 5 * S, 0), 5 * S) == Page(["a"], completed=False)
    assert search.page(ask(3, None, 0, 0), 0) == Page([], completed=False)
    assert search.page(ask(0, None, None, 0), 0) == Page([], completed=False)


def test_completed_is_told_with_the_last_results_and_ends_it(searches):
    search = begin(searches)
    search.add("abc", all_found=True)
    assert searches.find(search.token, "anna", 0) is search
    assert search.page(ask(10, 2, 5 * S, 0), 0) == Page(["a", "b"], completed=False)
    assert search.page(ask(10, 2, 5 * S, 0), 0) == Page(["c"], completed=True)
    assert search.ended
    for look in (searches.find, searches.end):
        with pytest.raises(UnknownSearchError):
            look(search.token, "anna", 0)
    assert len(searches) == 0


def test_nothing_found_is_completed_at_once(searches):
    search = begin(searches)
    search.add([], all_found=True)
    assert search.page(ask(None, None, None, 0), 0) == Page([], completed=True)


def test_no_more_is_looked_for_than_a_page_and_one_more(searches):
    search = begin(searches)
    assert search.hungry
    search.add(range(MAX_RESULTS), all_found=False)
    assert search.hungry  # it is not known whether the page is the last
    search.add([100], all_found=False)
    assert not search.hungry
    assert len(search.page(ask(None, 10, None, 0), 0).results) == 10
    assert search.hungry
    search.add([101], all_found=True)
    assert search.all_found
    assert not search.hungry


def test_a_search_that_failed_is_not_looked_for_any_more(searches):
    search = begin(searches)
    search.fail(OSError("gone"))
    assert not search.hungry
    # Somebody has to be told.
    assert isinstance(searches.find(search.token, "anna", 0).failure, OSError)


def test_all_can_be_ended(searches):
    ours = [begin(searches, owner) for owner in ("anna", "bert")]
    assert searches.clear() == [search.token for search in ours]
    assert all(search.ended for search in ours)
    assert len(searches) == 0


def test_ended_it_answers_who_waits(searches):
    search = begin(searches)
    search.add("ab", all_found=False)
    asked = ask(5, None, None, 0)
    assert search.page(asked, 0) is None
    assert searches.end(search.token, "anna", 0) is search
    assert search.page(asked, 0) == Page([], completed=True)
    search.add("c", all_found=False)  # what somebody was still looking for
    assert search.page(asked, 0) == Page([], completed=True)
    with pytest.raises(UnknownSearchError):
        searches.end(search.token, "anna", 0)


def test_it_is_over_when_nobody_asked_in_time(searches):
    search = begin(searches, now=5)
    assert searches.next_timeout() == 5 + 10 * S
    searches.find(search.token, "anna", 5 + 10 * S - 1)
    assert searches.next_timeout() == 5 + 20 * S - 1
    searches.on_timeout(5 + 20 * S - 2)
    assert not search.ended
    searches.on_timeout(5 + 20 * S - 1)
    assert search.ended
    assert searches.next_timeout() is None
    with pytest.raises(UnknownSearchError):
        searches.find(search.token, "anna", 5 + 20 * S)


def test_the_time_begins_when_a_request_is_answered(searches):
    search = begin(searches)
    search.begin_request()
    assert searches.find(search.token, "anna", 30 * S) is search
    searches.on_timeout(50 * S)
    search.end_request(59 * S)
    assert searches.find(search.token, "anna", 69 * S - 1) is search


@pytest.mark.parametrize(
    ("asked_s", "given_ns"), [(0, SHORTEST_KEEP_ALIVE_NS), (10, 10 * S), (9**9, LONGEST_KEEP_ALIVE_NS)]
)
def test_keep_alive_is_adapted(searches, asked_s, given_ns):
    assert begin(searches, keep_alive_s=asked_s).expires_ns == given_ns


def test_another_user_and_another_kind_find_nothing(searches):
    search = begin(searches)
    assert searches.find(search.token, "anna", 0, "events") is search
    for owner, kind in (("bert", "events"), ("anna", "recordings")):
        with pytest.raises(UnknownSearchError):
            searches.find(search.token, owner, 0, kind)
    with pytest.raises(UnknownSearchError):
        searches.end(search.token, "bert", 0)
    with pytest.raises(UnknownSearchError):
        searches.find("", "anna", 0)


def test_ten_thousand_searches_push_out_the_own_ones_alone(searches):
    other = begin(searches, "bert")
    waiting = begin(searches)
    waiting.begin_request()
    tokens = {begin(searches, now=number).token for number in range(10_000)}
    assert len(tokens) == 10_000
    assert len(searches) == MAX_OF_ONE_USER + 1
    assert searches.pushed_out == 10_001 - MAX_OF_ONE_USER
    assert not waiting.ended
    assert searches.find(other.token, "bert", 1) is other


def test_a_user_all_of_whose_searches_are_waited_for_is_refused(searches):
    for _ in range(MAX_OF_ONE_USER):
        begin(searches).begin_request()
    with pytest.raises(TooManySearchesError):
        begin(searches)


def test_when_all_together_are_too_many_the_new_one_is_refused(searches):
    for number in range(MAX_SEARCHES):
        begin(searches, f"user-{number // MAX_OF_ONE_USER}")
    with pytest.raises(TooManySearchesError, match="256 searches"):
        begin(searches, "latecomer")
    # Who has his share already makes room for himself; and time makes room for all.
    begin(searches, "user-0")
    begin(searches, "latecomer", now=10 * S)
    assert len(searches) == 1


@given(
    st.lists(st.integers(0, MAX_RESULTS + 1), max_size=8),
    st.lists(st.tuples(st.integers(-1, 150) | st.none(), st.integers(-1, 150) | st.none()), min_size=1, max_size=30),
)
def test_every_result_is_handed_out_once_and_in_order(batches, requests):
    searches = Searches(Numbers())
    search = begin(searches)
    total = iter(range(10**6))
    handed_out, found = [], 0
    for least, most in requests:
        asked = ask(least, most, 0, 0)
        while search.hungry:
            batch = [next(total) for _ in range(batches.pop(0))] if batches else []
            found += len(batch)
            search.add(batch, all_found=not batches)
        page = search.page(asked, 0)
        assert len(page.results) <= asked.most
        handed_out += page.results
        assert handed_out == list(range(len(handed_out)))
        assert page.completed == (search.all_found and len(handed_out) == found)
        if page.completed:
            break
