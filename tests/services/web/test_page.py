import gzip
from pathlib import Path

import pytest

from bridge.services.web.page import PageFile, page_routes, read_page
from tests.services.web.web_setting import Setting

PAGE = read_page()


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting(page_routes(PAGE))


def test_the_front_page_for_anybody(setting: Setting) -> None:
    status, headers, body = setting.ask("GET", "/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert body.startswith(b"<!doctype html>")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self' ws://bridge.example:8081 wss://bridge.example:8081" in policy
    assert policy.count("connect-src") == 1


@pytest.mark.parametrize("name", ["sw.js", "manifest.webmanifest", "client/main.js", "client/player/live.js"])
def test_parts(setting: Setting, name: str) -> None:
    status, headers, body = setting.ask("GET", f"/{name}")
    assert (status, body) == (200, PAGE[name.removeprefix("client/")].body)
    assert headers["x-content-type-options"] == "nosniff"


def test_what_has_not_changed_is_not_sent(setting: Setting) -> None:
    tag = setting.ask("GET", "/client/style.css")[1]["etag"]
    status, headers, body = setting.ask("GET", "/client/style.css", f'If-None-Match: "other", W/{tag}')
    assert (status, body, headers["etag"]) == (304, b"", tag)
    assert setting.ask("GET", "/client/style.css", 'If-None-Match: "other"')[0] == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("gzip;q=0.5", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("", False),
    ],
)
def test_gzip_where_it_is_asked_for(setting: Setting, accepted: str, packed: bool) -> None:
    _, headers, body = setting.ask("GET", "/client/style.css", f"Accept-Encoding: {accepted}")
    assert (headers.get("content-encoding") == "gzip") is packed
    assert headers["vary"] == "Accept-Encoding"
    assert (gzip.decompress(body) if packed else body) == PAGE["style.css"].body


@pytest.mark.parametrize(
    "path",
    [
        "/client/../pyproject.toml",
        "/client/%2e%2e/api.js",
        "/client/player/..%2f..%2fcli%2f__init__.py",
        "/client/player%2flive.js",
        "/client/player/../main.js",
        "/client/..%5cmain.js",
        "/client//main.js",
        "/client/main.js%00",
        "/client/",
        "/client/player",
        "/client/watch/nothing.js",
        "/index.html",
    ],
)
def test_path_tricks_lead_nowhere(setting: Setting, path: str) -> None:
    status, _, body = setting.ask("GET", path)
    assert status in (400, 404), path
    assert status == 400 or b"not-found" in body


@pytest.mark.parametrize("host", ["a b", "x; script-src *", "x'y", "a,b"])
def test_a_strange_host_is_not_repeated(setting: Setting, host: str) -> None:
    routes = page_routes(PAGE)
    head_host = Setting(routes)
    channel, transport = head_host.connect()
    channel.dataReceived(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    policy = next(line for line in transport.value().split(b"\r\n") if b"Security-Policy" in line)
    assert policy.endswith(b"connect-src 'self'") or b" 400 " in transport.value()


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.js").write_bytes(b"x")
    (tmp_path / "b.txt").write_bytes(b"y")
    (tmp_path / ".js").write_bytes(b"z")
    page = read_page(tmp_path)
    assert list(page) == ["in/a.js"]
    assert isinstance(page["in/a.js"], PageFile)
    assert page["in/a.js"].compressed is None


def test_the_whole_page_is_small() -> None:
    """What a browser fetches before any video: each part once, as it comes over the wire."""
    sent = sum(len(file.compressed or file.body) for file in PAGE.values())
    assert sent <= 200_000, sent


def test_nothing_is_fetched_from_elsewhere() -> None:
    for name, file in PAGE.items():
        if name.endswith((".js", ".css", ".html")):
            text = file.body.decode()
            assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), name
            assert "innerHTML" not in text, name
            assert " style=" not in text, name
            assert "<script>" not in text, name
