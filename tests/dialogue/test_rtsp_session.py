"""The table of sessions: ids, room, expiry."""

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_session import Sessions
from bridge.dialogue.rtsp_states import State
from tests.dialogue.rtsp_server_setting import one_track

LIVE = one_track()


def numbers():
    count = iter(range(1, 1000))
    return lambda size: next(count).to_bytes(size, "big")


def test_ids_are_made_of_random_bytes():
    sessions = Sessions(numbers())
    session = sessions.make("ann", LIVE, 0)
    assert session.id == "0000000000000001"
    assert sessions.get(session.id) is session
    assert list(sessions) == [session]


def test_an_id_is_not_given_twice():
    sessions = Sessions(lambda size: bytes(size))
    assert sessions.make("ann", LIVE, 0) is not None
    assert sessions.make("ann", LIVE, 0) is None


def test_when_it_is_full_nobody_is_dropped():
    sessions = Sessions(numbers(), max_sessions=2)
    assert [sessions.make("ann", LIVE, 0) is None for _ in range(3)] == [False, False, True]


def test_one_user_does_not_take_all_the_room():
    sessions = Sessions(numbers(), max_of_user=2)
    first, _, third = (sessions.make("ann", LIVE, 0) for _ in range(3))
    assert third is None
    assert sessions.make("bob", LIVE, 0) is not None
    sessions.end(first)
    assert sessions.make("ann", LIVE, 0) is not None


def test_expiry_is_put_off_by_each_sign_of_life():
    sessions = Sessions(numbers(), timeout_s=60)
    quiet, lively = sessions.make("ann", LIVE, 0), sessions.make("bob", LIVE, 0)
    sessions.touch(lively, 59 * NS_PER_S)
    assert sessions.next_timeout() == 60 * NS_PER_S
    assert sessions.on_timeout(60 * NS_PER_S - 1) == []
    assert sessions.on_timeout(60 * NS_PER_S) == [quiet]
    assert (quiet.ended, quiet.state) == (True, State.INIT)
    assert sessions.get(quiet.id) is None
    assert list(sessions) == [lively]


def test_ending_twice_is_harmless():
    sessions = Sessions(numbers())
    session = sessions.make("ann", LIVE, 0)
    sessions.end(session)
    sessions.end(session)
    assert sessions.next_timeout() is None


def test_there_is_room_of_their_own_for_replays():
    recorded = one_track("/recordings/rec-gate.main")
    recorded.live = False
    sessions = Sessions(numbers(), max_replays=1)
    first = sessions.make("ann", recorded, 0)
    assert sessions.make("ann", recorded, 0) is None
    assert sessions.make("ann", LIVE, 0) is not None
    sessions.end(first)
    assert sessions.replays == 0
    assert sessions.make("ann", recorded, 0) is not None
