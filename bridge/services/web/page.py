"""The page of the web door: the files of `bridge/client`, read once at start; the browser asks for what changed only.

Nothing of a request becomes a path: a name is looked up among those that were read.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from bridge.net.http import Reply
from bridge.services.web.problems import not_found
from bridge.services.web.routes import Asked, Route, Who

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
FRONT, WORKER, MANIFEST = "index.html", "sw.js", "manifest.webmanifest"
PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
"""What of a Host header may be repeated in a policy."""

# Scripts and styles of our own files alone; nothing inline, nothing evaluated; nobody frames us.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types onb; connect-src 'self'"
)
_REST = (("Permissions-Policy", "camera=(), microphone=(), geolocation=()"), ("Vary", "Accept-Encoding"))


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file. compressed: by gzip; None where that does not make it smaller. tag: its ETag."""

    content_type: str
    body: bytes
    compressed: bytes | None
    tag: str


def read_page(folder: Traversable | None = None) -> dict[str, PageFile]:
    """The files by name: `style.css`, `player/live.js`. folder: None: those of the package. Blocks for the disk."""
    return dict(_read(folder if folder is not None else files("bridge") / "client", ""))


def page_routes(page: Mapping[str, PageFile]) -> list[Route]:
    """page: as read_page gives it."""

    def named(name: str, content: str) -> Route:
        path = "/" if name == FRONT else f"/{name}"
        return Route(
            "GET", path, lambda asked: _answer(asked, page, name), Who.ANYBODY, _SUMMARIES[name], content=content
        )

    def part(asked: Asked) -> Reply:
        # An encoded slash is none: a name has as many parts as its template.
        return _answer(asked, page, "/".join(name.replace("/", "\\") for name in asked.place.values()))

    return [
        *(named(name, TYPES[name[name.rindex(".") :]].partition(";")[0]) for name in (FRONT, MANIFEST, WORKER)),
        Route("GET", "/client/{file}", part, Who.ANYBODY, "A part of the page", content="text/javascript"),
        Route("GET", "/client/{folder}/{file}", part, Who.ANYBODY, "A part of the page", content="text/javascript"),
    ]


_SUMMARIES = {
    FRONT: "The page: live video, recordings, administration",
    MANIFEST: "For installing the page",
    WORKER: "The page's service worker",
}


def _read(folder: Traversable, prefix: str) -> list[tuple[str, PageFile]]:
    found: list[tuple[str, PageFile]] = []
    for one in sorted(folder.iterdir(), key=lambda each: each.name):
        dot = one.name.rfind(".")
        if one.is_dir():
            found += _read(one, f"{prefix}{one.name}/")
        elif dot > 0 and one.name[dot:] in TYPES:
            found.append((prefix + one.name, _file(TYPES[one.name[dot:]], one.read_bytes())))
    return found


def _file(content_type: str, body: bytes) -> PageFile:
    packed = gzip.compress(body, mtime=0)
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return PageFile(content_type, body, packed if len(packed) < len(body) * 0.9 else None, tag)


def _answer(asked: Asked, page: Mapping[str, PageFile], name: str) -> Reply:
    file = page.get(name)
    if file is None:
        raise not_found()
    headers = (
        ("ETag", file.tag),
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", _policy(asked.head.value("host"))),
        *_REST,
    )
    if file.tag in (tag.strip().removeprefix("W/") for tag in asked.head.value("if-none-match").split(",")):
        return Reply(304, headers=headers)
    if file.compressed is not None and _takes_gzip(asked.head.value("accept-encoding")):
        return Reply(200, file.compressed, file.content_type, (*headers, ("Content-Encoding", "gzip")))
    return Reply(200, file.body, file.content_type, headers)


def _policy(host: str) -> str:
    """WebSockets of the same host are named: older browsers do not take `'self'` for them."""
    return f"{_POLICY} ws://{host} wss://{host}" if PLAIN_HOST.fullmatch(host) else _POLICY


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, quality = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "").rstrip("0").rstrip(".") not in ("q=", "q=0")
    return False
