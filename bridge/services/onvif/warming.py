"""Renders profiles before somebody asks for them, in slices that nobody notices.

A profile's text is kept until its facts change, so a request only puts kept texts together. The first one after a
start, or after many cameras came up, would have to render them all and take a dozen turns of the reactor for it. So
what is not kept yet is rendered between other work, a slice at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bridge.base.time import Clock
from bridge.services.onvif.profiles import Profile, Profiles
from bridge.services.onvif.slices import Slice

BETWEEN_SLICES_S = 0.02
BETWEEN_ROUNDS_S = 2.0

Keep = Callable[[Profile], object]
"""Renders what a service keeps of a profile; costs next to nothing when it is kept already."""


class Warming:
    """Goes round all profiles for ever, from `start` to `stop`."""

    def __init__(self, reactor: Any, clock: Clock, profiles: Profiles, keepers: Sequence[Keep]) -> None:
        """reactor: for callLater; keepers: one of each service that keeps parts."""
        self._reactor, self._clock = reactor, clock
        self._profiles, self._keepers = profiles, keepers
        self._rest: Iterator[Profile] | None = None
        self._call: Any = None

    def start(self) -> None:
        """The first slice follows in a moment."""
        self._call = self._reactor.callLater(0, self._slice)

    def stop(self) -> None:
        """No more slices."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _slice(self) -> None:
        rest = self._rest if self._rest is not None else self._profiles.everything()
        self._rest = rest
        present = Slice(self._clock)
        for profile in rest:
            for keep in self._keepers:
                keep(profile)
            if present.over:
                self._call = self._reactor.callLater(BETWEEN_SLICES_S, self._slice)
                return
        self._rest = None
        self._call = self._reactor.callLater(BETWEEN_ROUNDS_S, self._slice)
