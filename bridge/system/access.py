"""The gatekeeper: the only place that decides who may do what. Every door asks here, and nowhere else.

What a principal has no right to does not exist for him: doors leave it out of lists and answer "not found".
"""

import enum
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, replace


class Action(enum.StrEnum):
    """What a grant can allow on a camera; the names are those of the configuration."""

    LIVE = "live"
    PLAYBACK = "playback"
    EXPORT = "export"
    AUDIO = "audio"
    PTZ = "ptz"
    OUTPUT = "output"
    PUSH = "push"


class Role(enum.StrEnum):
    """Shorthand for grants; ONVIF calls them Administrator, Operator and User (Core specification, user levels)."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    VIEWER = "viewer"


ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.ADMINISTRATOR: frozenset(Action),
    Role.OPERATOR: frozenset(Action) - {Action.PUSH},
    Role.VIEWER: frozenset({Action.LIVE, Action.PLAYBACK, Action.AUDIO}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """`actions` on every camera whose id matches one of the shell patterns in `cameras`."""

    cameras: tuple[str, ...]
    actions: frozenset[Action]

    def allows(self, action: Action, camera_id: str) -> bool:
        """Whether this grant covers `action` on that camera."""
        if action not in self.actions:
            return False
        # "*" without the matcher: a list of a thousand cameras asks here a thousand times.
        return "*" in self.cameras or any(fnmatch.fnmatchcase(camera_id, pattern) for pattern in self.cameras)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user: what doors carry about after the log-in. Holds no secret.

    fast_start: a live viewer starts at once from the current GOP; False suits clients that record
    doors:      the doors he may use (`onvif`, `rtsp`, `web`, `push`); empty means all
    """

    name: str
    role: Role
    grants: tuple[Grant, ...]
    fast_start: bool = True
    doors: frozenset[str] = frozenset()

    @staticmethod
    def with_role(
        name: str,
        role: Role,
        cameras: Iterable[str] = ("*",),
        more: Iterable[Grant] = (),
        *,
        fast_start: bool = True,
        doors: Iterable[str] = (),
    ) -> "Principal":
        """A principal whose role is spelled out as a grant on `cameras`, beside `more` grants."""
        grants = (Grant(tuple(cameras), ROLE_ACTIONS[role]), *more)
        return Principal(name, role, grants, fast_start, frozenset(doors))

    @property
    def actions(self) -> frozenset[Action]:
        """What he may do somewhere: what a page need not offer at all is not in it."""
        return frozenset(action for grant in self.grants if grant.cameras for action in grant.actions)

    def uses(self, door: str) -> bool:
        """Whether `door` is one of his."""
        return not self.doors or door in self.doors

    def only(self, camera_id: str) -> "Principal":
        """The same user where that camera is the only one: what he may do with it, and nothing with any other."""
        actions = frozenset(
            action for grant in self.grants for action in grant.actions if grant.allows(action, camera_id)
        )
        return replace(self, grants=(Grant((camera_id,), actions),))


class Gatekeeper:
    """Decides. Stateless today; the time of day and the load may join the question later."""

    def may(self, principal: Principal, action: Action, camera_id: str) -> bool:
        """Whether `principal` may do `action` on that camera now."""
        for grant in principal.grants:  # noqa: SIM110 - a generator costs more than the question
            if grant.allows(action, camera_id):
                return True
        return False
