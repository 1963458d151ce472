"""What of a stream goes to multicast groups: one playback for each track and way out, however many have joined it.

The first who joins starts it, the last who leaves ends it. There is no fast start, as a burst for who comes would reach
all who are there: a group begins with a key frame, and who joins later waits for the next one.
"""

from collections.abc import Callable, Mapping
from functools import partial

from bridge.base.time import MonotonicNs
from bridge.media.playback import Playback, PlaybackState, StartPoint
from bridge.media.routes import Datagrams
from bridge.media.rtp_stream import RtpStream

_Key = tuple[int, Datagrams]


class _Sent:
    """A track on its way to a group, and who is there for it."""

    __slots__ = ("members", "playback")

    def __init__(self, play: Callable[[Callable[[str], object]], Playback]) -> None:
        """play: (on_end) -> the playback"""
        self.members: dict[Member, None] = {}
        self.playback = play(self._on_end)

    def _on_end(self, reason: str) -> None:
        """From the stream: the playback is over for everybody."""
        for member in tuple(self.members):
            member.on_end(reason)


class Member:
    """One viewer of groups, with the face of a `bridge.media.playback.Playback`. Made by `Multicast.join`."""

    def __init__(self, multicast: "Multicast", on_end: Callable[[str], object]) -> None:
        self.start: dict[int, StartPoint] = {}
        self.on_end = on_end
        self.keys: dict[int, _Key] = {}
        self._multicast = multicast

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is on the writer."""
        for key in self.keys.values():
            self._multicast.begin(key, now)

    def pause(self, now: MonotonicNs) -> None:
        """Leaves without a BYE: who is the last will come again."""
        for track in tuple(self.keys):
            self._multicast.leave(self, self.keys.pop(track), now, bye=False)

    def stop(self, now: MonotonicNs) -> None:
        """Leaves for good. May be called again."""
        for track in tuple(self.keys):
            self.stop_track(track, now)

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """Leaves the group of that track, if it is in it."""
        key = self.keys.pop(track, None)
        if key is not None:
            self._multicast.leave(self, key, now, bye=True)


class Multicast:
    """See the module. One for each `RtpStream`."""

    def __init__(self, rtp: RtpStream) -> None:
        self._rtp = rtp
        self._sent: dict[_Key, _Sent] = {}

    def __len__(self) -> int:
        """How many tracks are sent now, each way out counted."""
        return len(self._sent)

    def join(self, routes: Mapping[int, Datagrams], *, now: MonotonicNs, on_end: Callable[[str], object]) -> Member:
        """A viewer of these tracks; their packets flow from `Member.begin` on, if they do not already.

        routes: by track; LookupError when there is no such track: then he is a member of nothing
        on_end: called with a reason when the stream ends it
        """
        member = Member(self, on_end)
        try:
            for track, route in routes.items():
                member.start[track] = self._join(member, (track, route), now)
        except LookupError:
            member.stop(now)
            raise
        return member

    def _join(self, member: Member, key: _Key, now: MonotonicNs) -> StartPoint:
        track, route = key
        sent = self._sent.get(key)
        if sent is None:
            play = partial(self._rtp.play, {track: route}, fast_start=False, now=now)
            sent = self._sent[key] = _Sent(lambda on_end: play(on_end=on_end))
        sent.members[member] = None
        member.keys[track] = key
        return _start_of(sent.playback, track)

    def begin(self, key: _Key, now: MonotonicNs) -> None:
        """From a member. A playback that flows is not disturbed."""
        self._sent[key].playback.begin(now)

    def leave(self, member: Member, key: _Key, now: MonotonicNs, *, bye: bool) -> None:
        """From a member."""
        sent = self._sent[key]
        sent.members.pop(member, None)
        if sent.members:
            return
        del self._sent[key]
        (sent.playback.stop if bye else sent.playback.pause)(now)


def _start_of(playback: Playback, track: int) -> StartPoint:
    """What of the packets to come is known: of a group that flows the next number."""
    leg = playback.legs[track]
    if playback.state is PlaybackState.LIVE and not leg.waiting:
        return StartPoint(leg.track.ssrc, leg.track.next_sequence & 0xFFFF, None)
    return playback.start[track]
