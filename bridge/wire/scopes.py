"""Scopes of an ONVIF device: making them and matching them (ONVIF Core, "Scopes"; WS-Discovery 2005/04, 5.1).

A scope is a URI that says something of a device: `onvif://www.onvif.org/name/Front%20door`.
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

PREFIX = "onvif://www.onvif.org/"

MATCH_RFC3986 = "http://schemas.xmlsoap.org/ws/2005/04/discovery/rfc3986"  # the default rule
MATCH_STRCMP0 = "http://schemas.xmlsoap.org/ws/2005/04/discovery/strcmp0"
# WS-Discovery 2005/04 names the rule after the older RFC, ONVIF Core after the newer one; both are in use.
_RFC_RULES = frozenset({"", MATCH_RFC3986, "http://schemas.xmlsoap.org/ws/2005/04/discovery/rfc2396"})

_MAX_WANTED = 64


def device_scopes(
    name: str,
    hardware: str,
    *,
    location: str = "",
    mac: str = "",
    serial: str = "",
    kinds: Iterable[str] = ("video_encoder",),
    profiles: Iterable[str] = ("Streaming", "G"),
) -> tuple[str, ...]:
    """The scopes that we announce; all of them are fixed.

    kinds:    `type/…`, no longer in Core, but old clients read it: video_encoder, audio_encoder, ptz
    profiles: Streaming is Profile S
    """
    pairs = [
        *(("Profile", profile) for profile in profiles),
        *(("type", kind) for kind in kinds),
        ("hardware", hardware),
        ("name", name),
        ("location", location),
        ("MacAddress", mac),
        ("SerialNumber", serial),
    ]
    return tuple(f"{PREFIX}{category}/{quote(value, safe='')}" for category, value in pairs if value)


def match(wanted: Iterable[str], rule: str, ours: Iterable[str]) -> bool | None:
    """Whether each wanted scope matches one of ours; None for a rule that we do not know.

    No scope wanted matches all. More than 64 wanted ones match nothing: no client asks so, and the work stays small.
    """
    wanted = list(wanted)
    if rule not in _RFC_RULES and rule != MATCH_STRCMP0:
        return None
    if len(wanted) > _MAX_WANTED:
        return False
    if rule == MATCH_STRCMP0:
        known = set(ours)
        return all(scope in known for scope in wanted)
    split = [_split(scope) for scope in ours]
    return all(any(_is_prefix(_split(scope), other) for other in split) for scope in wanted)


def _is_prefix(wanted: tuple[str, str, list[str]] | None, ours: tuple[str, str, list[str]] | None) -> bool:
    """Same scheme and host, and the wanted path is ours or leads to it, segment by segment, case-sensitive."""
    if wanted is None or ours is None:
        return False
    return wanted[:2] == ours[:2] and wanted[2] == ours[2][: len(wanted[2])]


def _split(scope: str) -> tuple[str, str, list[str]] | None:
    """Scheme, authority, path segments; None for what is no URI, and for dot segments, which the rule forbids."""
    try:
        scheme, authority, path, _query, _fragment = urlsplit(scope.strip())
    except ValueError:
        return None
    segments = [unquote(segment) for segment in path.strip("/").split("/")] if path.strip("/") else []
    if "." in segments or ".." in segments:
        return None
    return scheme.lower(), authority.lower(), segments
