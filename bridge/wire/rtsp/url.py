"""RTSP URLs (RFC 2326 3.2, RFC 3986) whose password never shows, and the resolving of `a=control` against a base.

Users paste URLs with passwords as they are, without percent-encoding; what is meant is taken where it is not ambiguous.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes, urljoin

from bridge.base.errors import RemoteProtocolError

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://", re.ASCII)
_DOUBLED_SCHEME = re.compile(r"^rtsps?://(?=rtsps?://)", re.ASCII | re.IGNORECASE)
_HOST_AND_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.~%-]+)?)\]|([^\s/?#@:\[\]<>\"\\^`{|}]+))(?::(\d{0,5}))?", re.ASCII
)
_AUTHORITY_END = re.compile(r"[/?#]")
_HOST_WITHOUT_SCHEME = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|[\w.-]+(?=:\d)|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?/", re.ASCII
)


_SECRET_PARAMETER = re.compile(
    r"([?&;/](?:password|passwd|passwort|pass|pwd|psw|secret|token|auth|key)=)[^&;/\s\"']*", re.IGNORECASE
)


def mask_parameters(text: str) -> str:
    """Hides values of `password=`, `pwd=`, `token=` … which several makers put into the path or query."""
    return _SECRET_PARAMETER.sub(r"\1***", text)


def hide_credentials(text: str) -> str:
    """`text` with everything between `://` and the last `@` left out: for errors and logs."""
    begin, end = text.find("://"), text.rfind("@")
    return text[: begin + 3] + text[end + 1 :] if 0 <= begin < end else text


@dataclass(frozen=True, slots=True, repr=False)
class RtspUrl:
    """An RTSP URL.

    host:           name or address, IPv6 without brackets
    path:           path and query as they stand, `/` first; "" when the URL has none
    user, password: decoded; None when the URL has none
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    user: str | None = field(default=None)
    password: str | None = field(default=None)

    @classmethod
    def parse(cls, text: str) -> "RtspUrl":
        """`rtsp://user:password@host:port/path?query` -> value. Raises RemoteProtocolError (400).

        The password may hold `@` as it is, and `/ ? # :` as well when what stands before them cannot be host and port.
        """
        text = text.strip()
        scheme_found = _SCHEME.match(text)
        scheme = scheme_found[1].lower() if scheme_found else ""
        if scheme_found is None or scheme not in DEFAULT_PORTS:
            raise _unreadable("expected rtsp:// or rtsps://")
        rest = text[scheme_found.end() :]
        credentials, authority, path = _split(rest)
        found = _HOST_AND_PORT.fullmatch(authority)
        if found is None:
            raise _unreadable("expected a host and perhaps a port of 1 to 65535")
        port = int(found[3]) if found[3] else DEFAULT_PORTS[scheme]
        if not 1 <= port <= 65535:
            raise _unreadable(f"port {port}: expected 1 to 65535")
        user: str | None = None
        password: str | None = None
        if credentials is not None:
            raw_user, colon, raw_password = credentials.partition(":")
            user = _decoded(raw_user)
            password = _decoded(raw_password) if colon else None
        host = found[1].replace("%25", "%", 1) if found[1] else found[2]
        return cls(scheme, host, port, path, user, password)

    @property
    def authority(self) -> str:
        """Host and port for a URL: IPv6 in brackets, the default port left out."""
        host = f"[{self.host.replace('%', '%25', 1)}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def without_credentials(self) -> str:
        """The URL as it stands in request lines; for logs and errors there is `str`."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def with_credentials(self) -> str:
        """The whole URL, credentials percent-encoded: for a driver that takes nothing else, never for print."""
        if self.user is None:
            return self.without_credentials
        credentials = quote(self.user, safe="")
        if self.password is not None:
            credentials += ":" + quote(self.password, safe="")
        return f"{self.scheme}://{credentials}@{self.authority}{self.path}"

    def __str__(self) -> str:
        return mask_parameters(self.without_credentials)

    def __repr__(self) -> str:
        return f"RtspUrl({str(self)!r})"


def resolve_control(base: str, control: str) -> str:
    """The URL of a track (or of the whole, for `*`): `a=control` against Content-Base or the request's URL.

    RFC 2326 C.1.1 says to resolve as RFC 3986 does. Servers in the field expect what FFmpeg and live555 do: the control
    hung onto the base with one `/`, a query of the base included (Dahua: `...?channel=1&proto=Onvif/trackID=0`). For
    bases that end in `/`, as the RFC wants them, both give the same.
    """
    control = control.strip()
    if control in ("", "*"):
        return base
    if _SCHEME.match(control):
        return control
    if control.startswith("?"):
        return base.partition("?")[0] + control
    if control.startswith("/"):
        found = _SCHEME.match(base)
        root_end = _AUTHORITY_END.search(base, found.end() if found else 0)
        root = base[: root_end.start()] if root_end else base
        path = base[len(root) :].partition("?")[0].rstrip("/")
        # Some write the whole path from the root, most mean "below the base".
        if path and (control == path or control.startswith(path + "/")):
            return root + control
        control = control.lstrip("/")
    return f"{base}{control}" if base.endswith("/") else f"{base}/{control}"


def control_base(request_url: str, content_base: str | None, content_location: str | None = None) -> str:
    """What `a=control` is resolved against: Content-Base, then Content-Location, then the request's URL.

    A header that has no scheme (anjvision sends `192.168.1.10:554/stream0/`) is read as host and path when it looks
    like that, else against the request's URL; one that has it twice (`rtsp://rtsp://...`, go2rtc's users report it) is
    read from the second on.
    """
    for header in (content_base, content_location):
        text = _DOUBLED_SCHEME.sub("", (header or "").strip().strip('"'))
        if not text:
            continue
        if _SCHEME.match(text):
            return text
        if _HOST_WITHOUT_SCHEME.match(text):
            return request_url.partition("://")[0] + "://" + text
        return _joined(request_url, text)
    return request_url


def _joined(base: str, reference: str) -> str:
    scheme, separator, rest = base.partition("://")
    try:
        # urljoin knows http but not every RTSP scheme; only the path below matters here.
        return scheme + separator + urljoin("http://" + rest, reference).removeprefix("http://")
    except ValueError:
        return base


def _split(rest: str) -> tuple[str | None, str, str]:
    """What follows `://` -> credentials (None: there are none), host and port, path."""
    end = _AUTHORITY_END.search(rest)
    cut = end.start() if end else len(rest)
    credentials, at, authority = rest[:cut].rpartition("@")
    if _HOST_AND_PORT.fullmatch(authority):
        path = rest[cut:]
        return (credentials if at else None), authority, path if path[:1] in ("", "/") else "/" + path
    # No host there, so the password holds one of / ? #: look for the one @ that has a host behind it.
    choices = [found for found in re.finditer(r"@", rest) if _host_end(rest, found.end()) is not None]
    if len(choices) == 1:
        start = choices[0].end()
        cut = _host_end(rest, start) or start
        path = rest[cut:]
        return rest[: start - 1], rest[start:cut], path if path[:1] in ("", "/") else "/" + path
    if choices:
        raise _unreadable("several places may be the host; write @ / ? # in the password as %40 %2F %3F %23")
    return (credentials if at else None), authority, rest[cut:]


def _host_end(rest: str, start: int) -> int | None:
    found = _HOST_AND_PORT.match(rest, start)
    if found is None or (found.end() < len(rest) and rest[found.end()] not in "/?#"):
        return None
    return found.end()


def _decoded(text: str) -> str:
    raw = unquote_to_bytes(text)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unreadable(expected: str) -> RemoteProtocolError:
    # The text itself stays out: where the password ends in it is just what could not be told.
    return RemoteProtocolError(f"unreadable URL: {expected}", clause="RFC 2326 3.2", status=400)
