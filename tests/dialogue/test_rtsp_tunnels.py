import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_tunnels import TunnelLimits, Tunnels

A, B = "192.0.2.1", "192.0.2.2"


def status_of(call, *arguments):
    with pytest.raises(RemoteProtocolError) as caught:
        call(*arguments)
    return caught.value.status


def test_get_then_post():
    tunnels = Tunnels()
    tunnel = tunnels.joined_by_get(A, "c", "get", 0)
    assert tunnels.half_open == 1
    assert tunnels.joined_by_post(A, "c", "post", 5) == (tunnel, None)
    assert (tunnel.get, tunnel.post, tunnels.half_open, tunnels.next_timeout()) == ("get", "post", 0, None)
    tunnels.ended(tunnel)
    assert len(tunnels) == 0


def test_post_then_get():
    tunnels = Tunnels()
    tunnel, _ = tunnels.joined_by_post(A, "c", "post", 0)
    assert tunnels.joined_by_get(A, "c", "get", 5) is tunnel
    assert tunnels.on_timeout(100 * NS_PER_S) == []


def test_the_post_comes_again():
    tunnels = Tunnels()
    tunnel = tunnels.joined_by_get(A, "c", "get", 0)
    tunnels.joined_by_post(A, "c", "one", 0)
    assert tunnels.joined_by_post(A, "c", "two", 0) == (tunnel, "one")
    tunnels.post_lost(tunnel, "one")  # the end of the first is seen late
    assert tunnel.post == "two"
    tunnels.post_lost(tunnel, "two")
    assert tunnel.post is None
    assert tunnels.on_timeout(100 * NS_PER_S) == []  # RTSP's own timeouts hold now
    assert tunnels.joined_by_post(A, "c", "three", 0) == (tunnel, None)


def test_a_cookie_counts_once_and_with_its_address():
    tunnels = Tunnels()
    one = tunnels.joined_by_get(A, "c", "get", 0)
    assert status_of(tunnels.joined_by_get, A, "c", "again", 0) == 409
    other, _ = tunnels.joined_by_post(B, "c", "post", 0)
    assert other is not one
    assert status_of(tunnels.joined_by_post, B, "c", "again", 0) == 409
    tunnels.ended(one)
    assert tunnels.joined_by_get(A, "c", "get", 0) is not one


@pytest.mark.parametrize("cookie", ["", "a b", "x" * 129])
def test_what_is_no_cookie(cookie):
    tunnels = Tunnels()
    assert status_of(tunnels.joined_by_get, A, cookie, "get", 0) == 400
    assert status_of(tunnels.joined_by_post, A, cookie, "post", 0) == 400


def test_halves_wait_only_so_long():
    tunnels = Tunnels()
    get = tunnels.joined_by_get(A, "g", "get", 0)
    post, _ = tunnels.joined_by_post(A, "p", "post", 1 * NS_PER_S)
    assert tunnels.next_timeout() == 10 * NS_PER_S
    assert tunnels.on_timeout(10 * NS_PER_S - 1) == []
    assert tunnels.on_timeout(10 * NS_PER_S) == [get]
    assert tunnels.waiting() == [post]
    tunnels.post_lost(post, "post")
    assert (len(tunnels), tunnels.half_open) == (0, 0)


def test_few_may_wait():
    tunnels = Tunnels(TunnelLimits(half_open=3, half_open_per_address=2))
    first = tunnels.joined_by_get(A, "1", "get", 0)
    tunnels.joined_by_post(A, "2", "post", 0)
    assert status_of(tunnels.joined_by_get, A, "3", "get", 0) == 503
    tunnels.joined_by_get(B, "1", "get", 0)
    assert status_of(tunnels.joined_by_post, B, "2", "post", 0) == 503
    tunnels.joined_by_post(A, "1", "post", 0)
    assert tunnels.joined_by_post(B, "2", "post", 0)
    tunnels.ended(first)
    assert tunnels.half_open == 3


@given(st.lists(st.tuples(st.sampled_from("gpelt"), st.sampled_from("abc"), st.integers(0, 4)), max_size=40))
def test_whatever_comes_nothing_is_left(steps):
    """g: GET, p: POST, e: GET gone, l: POST gone, t: time."""
    tunnels, now, seen = Tunnels(TunnelLimits(half_open=4, half_open_per_address=2)), 0, []
    for step, cookie, number in steps:
        now += NS_PER_S
        try:
            if step == "g":
                seen.append(tunnels.joined_by_get(A, cookie, number, now))
            elif step == "p":
                seen.append(tunnels.joined_by_post(A, cookie, number, now)[0])
        except RemoteProtocolError:
            continue
        if step == "t":
            tunnels.on_timeout(now)
        elif seen and step == "e":
            tunnels.ended(seen[number % len(seen)])
        elif seen and step == "l":
            tunnels.post_lost(seen[number % len(seen)], number)
        assert tunnels.half_open == len(tunnels.waiting()) <= 4
    for tunnel in seen:
        tunnels.ended(tunnel)
    assert (len(tunnels), tunnels.half_open, tunnels.next_timeout()) == (0, 0, None)
