"""A camera's address as the configuration has it: what `url` of a stream says, and what of it may be shown.

Stricter than `RtspUrl.parse`, which takes what is meant where that is not ambiguous: here a person can be asked. And:

- user and password are percent-decoded, and a `%` that starts no escape stands for itself (RFC 3986 2.4 would refuse);
- `${NAME}` in the log-in part is put in *after* the address was taken apart, so a password from the environment may
  hold any character.
"""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import unquote

from bridge.system.config_values import ExpectedError, expand
from bridge.wire.rtsp.url import DEFAULT_PORTS, RtspUrl, mask_parameters

HTTP_PORT = 80
_EXPECTED = "an address such as rtsp://192.0.2.10/stream1 or rtsp://user:password@camera.example:554/stream1"
_ESCAPES = "; in a user name or password write / as %2F, ? as %3F, # as %23, : as %3A, % as %25"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{0,2})[^\s\"'<>]*@")

HIDDEN = "***"


def parse_camera_url(text: str, environ: Mapping[str, str], *, tunnelled: bool = False) -> RtspUrl:
    """`rtsp://user:password@host:port/path` -> RtspUrl. Raises ExpectedError, whose text never shows the log-in.

    tunnelled: through HTTP: the address may be that of the web server, and its port is the default
    """
    if _SCHEME.match(text) is None and "${" in text:
        text = expand(text, environ)  # the whole address stands in the environment
    match = _SCHEME.match(text)
    if match is None:
        raise ExpectedError(_EXPECTED)
    scheme = match[1].lower()
    if scheme == "http" and not tunnelled:
        raise ExpectedError('an rtsp:// or rtsps:// address; or transport = "http" beside it, for RTSP through HTTP')
    if scheme not in (*DEFAULT_PORTS, "http"):
        raise ExpectedError(f"an rtsp:// or rtsps:// address, {scheme}:// is not one")
    rest = text[match.end() :]
    # The authority ends at the first / ? or #, but not inside ${NAME}, which holds none of them.
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    authority, path = rest[:end], expand(rest[end:], environ)
    login, at, address = authority.rpartition("@")
    username, _, password = login.partition(":")
    host, port = _host_and_port(
        expand(address, environ),
        default_port=HTTP_PORT if tunnelled else DEFAULT_PORTS[scheme],
        login_may_be_broken=not at,
    )
    if "@" in rest[end:]:
        # rtsp://admin:1/2@host could be read both ways; guessing wrong would show half a password as a path.
        raise ExpectedError("no @ behind the host" + _ESCAPES + " and @ as %40")
    if any(character <= " " or character == "\x7f" for character in path) or "#" in path:
        raise ExpectedError("a path without spaces, control characters and #")
    user, password = _decoded(username, environ), _decoded(password, environ)
    # What is spoken inside is RTSP all the same.
    return RtspUrl(
        "rtsp" if scheme == "http" else scheme, host, port, path, user or None, password if user or password else None
    )


def _decoded(text: str, environ: Mapping[str, str]) -> str:
    """Percent-decodes what stands in the file, and puts in the environment's values as they are."""
    return expand(text, environ, between=lambda literal: unquote(literal, errors="replace"))


def _host_and_port(text: str, *, default_port: int, login_may_be_broken: bool) -> tuple[str, int]:
    host, port = text, ""
    if text.startswith("["):
        host, bracket, tail = text[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise ExpectedError(_EXPECTED)
        port = tail[1:]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ExpectedError("an IPv6 address inside [ ]") from None
    else:
        host, _, port = text.partition(":")
        if _HOST.fullmatch(host) is None or len(host) > 253:
            raise ExpectedError(_EXPECTED + (_ESCAPES if login_may_be_broken else ""))
    if not port:
        return host, default_port
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ExpectedError("a port from 1 to 65535 behind the host" + (_ESCAPES if login_may_be_broken else ""))
    return host, int(port)


def mask_urls(text: str) -> str:
    """Any text, for logs and messages: log-ins inside addresses are hidden, to the last `@` of a word.

    An unescaped `/` or `@` in a password must not let its tail through, so a path that holds `@` is hidden too.
    """
    return mask_parameters(_LOGIN.sub(rf"\g<1>{HIDDEN}@", text))


def mask_faulty_url(text: str) -> str:
    """What may be shown of a value that should have been an address: scheme and what follows the last `@`.

    Without `@` a log-in may still be there, cut off (`rtsp://admin:secret`): then nothing after its colon is shown.
    """
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*:/{0,2})", text)
    scheme = match[1] if match else ""
    rest = text[len(scheme) :]
    before, at, after = rest.rpartition("@")
    if at:
        return mask_parameters(f"{scheme}{HIDDEN}@{after}")
    host, colon, tail = rest.partition(":")
    port = re.match(r"\d{1,5}(?=[/?]|$)", tail)
    if colon and port is None and not rest.startswith("["):
        return f"{scheme}{host}:{HIDDEN}"
    return mask_parameters(before + scheme + rest)
