"""Errors of the web door as RFC 9457 has them: problem documents in JSON, each with a name that programs can go by."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bridge.base.errors import BridgeError
from bridge.net.http import Reply

PROBLEM_TYPE = "application/problem+json"
TYPES = "/api/v1/problems#"
"""What stands in front of a name in `type`."""


class ProblemError(BridgeError):
    """A request that is answered with an error. The text is one sentence for people and holds no secret."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Sequence[tuple[str, str]] = (),
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """
        name:   of its kind: lower case, `no-footage`; see NAMES
        errors: of bad input: `field` (a path such as `streams[0].url`), `expected`, perhaps `value`
        more:   members of the document that its kind has
        """
        super().__init__(detail)
        if name not in NAMES:
            raise ValueError(f"a problem without a title: {name}")
        self.status, self.name, self.detail = status, name, detail
        self._errors, self._headers, self._more = errors, headers, more

    def reply(self) -> Reply:
        """The response."""
        document: dict[str, object] = {
            "type": TYPES + self.name,
            "title": NAMES[self.name],
            "status": self.status,
            "detail": self.detail,
            **self._more,
        }
        if self._errors:
            document["errors"] = [dict(error) for error in self._errors]
        body = json.dumps(document, ensure_ascii=False).encode() + b"\n"
        return Reply(self.status, body, PROBLEM_TYPE, (("Cache-Control", "no-store"), *self._headers))


NAMES = {
    "not-found": "There is no such thing, or it is not yours to see",
    "method": "The resource does not have this method",
    "log-in": "Log in first",
    "forbidden": "You may not do this",
    "foreign-origin": "The request comes from another page",
    "media-type": "The body is of another type than expected",
    "body": "The body cannot be read",
    "too-large": "The body is too large",
    "input": "The request holds a value that cannot be taken",
    "no-picture": "There is no picture now",
    "no-footage": "Nothing was recorded there",
    "no-recording": "Recordings cannot be read now",
    "conflict": "It cannot be done as things are",
    "range": "There is no such part of it",
    "busy": "Too much of this is going on already",
    "unplayable": "No browser plays this codec in this form",
    "failed": "This failed on our side",
    "database": "The database cannot be used just now",
    "wrong-login": "User or password is wrong, or too many were tried",
    "plain-http": "Passwords are not taken over plain HTTP from there",
    "no-session": "There is no session to end",
    "password-only": "This needs a log-in with the password",
    "too-many": "There are as many as there may be",
    "of-file": "It stands in the configuration file and is changed there",
    "last-administrator": "Nobody would be left to administer",
}
"""Title of each kind of problem. Kinds are added beside what raises them and listed here."""


def not_found() -> ProblemError:
    """What is not there, and what the caller may not know of, look alike."""
    return ProblemError(404, "not-found", "there is no such thing")
