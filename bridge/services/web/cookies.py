"""The two cookies of a browser that is logged in (RFC 6265): how they are called, set, read and taken back.

Over TLS their names have the prefixes that browsers keep: nobody but this host, over TLS, can have set them. In clear,
which is for loopback, they have none, and neither kind counts at the other door.
"""

from collections.abc import Sequence

from bridge.base.time import NS_PER_S
from bridge.net.http import Head
from bridge.system.sessions import IDLE_NS, Tokens

REFRESH_PATH = "/api/v1/session"
"""The refresh token goes nowhere else."""

Header = tuple[str, str]


def access_cookie(head: Head, secure: bool) -> str:
    """The access token that a request brings; "" when it brings none."""
    return _read(head.values("cookie"), _access_name(secure))


def refresh_cookie(head: Head, secure: bool) -> str:
    """The refresh token, likewise."""
    return _read(head.values("cookie"), _refresh_name(secure))


def set_cookies(tokens: Tokens, secure: bool) -> tuple[Header, ...]:
    """Headers that give them to a browser. Both stay as long as the session may: an old access token is refused."""
    lasting = f"; Max-Age={IDLE_NS // NS_PER_S}"
    return _set(_access_name(secure), tokens.access, "/", secure, lasting), _set(
        _refresh_name(secure), tokens.refresh, REFRESH_PATH, secure, lasting
    )


def take_cookies_back(secure: bool) -> tuple[Header, ...]:
    """Headers that make a browser forget them."""
    gone = "; Max-Age=0"
    return _set(_access_name(secure), "", "/", secure, gone), _set(
        _refresh_name(secure), "", REFRESH_PATH, secure, gone
    )


def _set(name: str, value: str, path: str, secure: bool, lasting: str) -> Header:
    over_tls = "; Secure" if secure else ""
    return "Set-Cookie", f"{name}={value}; Path={path}{lasting}; HttpOnly; SameSite=Strict{over_tls}"


def _access_name(secure: bool) -> str:
    return "__Host-onb_access" if secure else "onb_access"


def _refresh_name(secure: bool) -> str:
    # __Host- asks for the path /.
    return "__Secure-onb_refresh" if secure else "onb_refresh"


def _read(headers: Sequence[str], name: str) -> str:
    for header in headers:
        for pair in header.split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
    return ""
