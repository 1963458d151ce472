import pytest

from bridge.net.http import Head
from bridge.services.onvif.admission import screen_plain, screen_soap


def head(method: str = "POST", length: int | None = 5, **headers: str) -> Head:
    named = {name.replace("_", "-"): [value] for name, value in headers.items()}
    if length is not None and method == "POST":
        named.setdefault("content-length", [str(length)])
    return Head(method, "/onvif/device_service?x=1", named, length)


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (head(content_type="application/soap+xml"), None),
        (head(content_type="TEXT/XML; charset=utf-16"), None),
        (head(), None),
        (head(length=None, transfer_encoding="chunked", content_type="application/soap+xml"), None),
        (head(content_type="application/x-www-form-urlencoded", length=0), None),  # curl --digest -d '' asks first
        (head(content_encoding="identity"), None),
        (head(content_type="application/x-www-form-urlencoded"), 415),
        (head(content_type="multipart/related; type=application/soap+xml"), 415),
        (head(content_encoding="gzip"), 415),
        (Head("POST", "/", {}, 0), 411),
        (head("GET", 0), 405),
        (head("OPTIONS", 0), 405),
    ],
)
def test_soap(one: Head, status: int | None) -> None:
    found = screen_soap(one)
    assert (found and found.status) == status


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (head("GET", 0), None),
        (head("HEAD", 0), None),
        (head("POST", 0), 405),
        (head("GET", 5), 413),
        (head("GET", None), 413),
    ],
)
def test_plain(one: Head, status: int | None) -> None:
    found = screen_plain(one)
    assert (found and found.status) == status
