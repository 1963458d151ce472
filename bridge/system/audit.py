"""Who did what, when, from where, and how it ended: one call for every door."""

from typing import Protocol


class Audit(Protocol):
    """Keeps a row for good. Never blocks and never raises: a full disk must not stop a viewer."""

    def __call__(self, principal: str, action: str, object: str, outcome: str, peer: str, utc_ns: int) -> None:  # noqa: A002 - the column's name
        """
        principal: user name as claimed ("" when nobody was)
        action:    `live.play`, `onvif.GetStreamUri`, `login` …
        object:    camera id, path or token that it was about
        outcome:   `ok`, `refused` or a short reason
        peer:      address and port of the other side
        utc_ns:    when
        """
