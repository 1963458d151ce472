"""The certificate of the TLS doors, as the API shows and renews it."""

from typing import Any

import pytest

from bridge.base.errors import BridgeError
from bridge.base.time import ManualClock
from bridge.services.web.certificates import AUTHORITY, CERTIFICATES, RENEW, CertificatePages, certificate_routes
from bridge.system.door_certificate import DoorCertificate
from tests.services.web.resources_setting import ANNA, Audited, problem, result
from tests.services.web.web_setting import Setting, asked, handler
from tests.system.tls_files import rsa_key, server_certificate


class Scene:
    def __init__(self, *, ours: bool = True, until: int = 2040) -> None:
        self.current: Any = DoorCertificate((server_certificate(rsa_key(), until=until),), rsa_key(), ours=ours)
        self.renewed = 0
        self.fails = ""
        self.audited = Audited()
        pages = CertificatePages(
            lambda: self.current,
            lambda: ["https"],
            self.authority,
            self.renew,
            self.audited,
            ManualClock(utc_ns=1_800_000_000_000_000_000),
        )
        self.rows = certificate_routes(pages)

    async def authority(self) -> bytes | None:
        return b"-----BEGIN" if self.current and self.current.ours else None

    async def renew(self) -> None:
        if self.fails:
            raise BridgeError(self.fails)
        self.renewed += 1

    def call(self, path: str, method: str = "GET") -> Any:
        return result(handler(self.rows, path, method)(asked(ANNA)))


def test_shown() -> None:
    (shown,) = Scene().call(CERTIFICATES)
    assert (shown.doors, shown.names, shown.source, shown.warning) == (["https"], ["gate.example"], "ours", None)
    assert shown.until == "2040-01-01T00:00:00.000Z"
    assert shown.days_left > 4000
    assert len(shown.sha256) == 95
    (expired,) = Scene(until=2027).call(CERTIFICATES)
    assert (expired.warning, expired.days_left < 0) == (0, True)


def test_no_tls_door() -> None:
    scene = Scene()
    scene.current = None
    assert scene.call(CERTIFICATES) == []
    assert problem(lambda: scene.call(AUTHORITY)).status == 404
    assert problem(lambda: scene.call(RENEW, "POST")).status == 409


def test_the_authority_is_for_everybody() -> None:
    status, headers, body = Setting(Scene().rows).ask("GET", AUTHORITY)
    assert (status, body, headers["content-type"]) == (200, b"-----BEGIN", "application/x-pem-file")
    assert Setting(Scene(ours=False).rows).ask("GET", AUTHORITY)[0] == 404


def test_renewed() -> None:
    scene = Scene()
    assert len(scene.call(RENEW, "POST")) == 1
    assert scene.renewed == 1
    assert scene.audited.rows == [("anna", "certificate.renew", "", "ok")]


def test_not_renewed() -> None:
    error = problem(lambda: Scene(ours=False).call(RENEW, "POST"))
    assert (error.status, "ask its issuer" in error.detail) == (409, True)
    scene = Scene()
    scene.fails = "the key is gone"
    assert problem(lambda: scene.call(RENEW, "POST")).detail == "the key is gone"


@pytest.mark.parametrize(("name", "status"), [("", 401), ("vera", 403), ("anna", 200)])
def test_who_may(name: str, status: int) -> None:
    setting = Setting(Scene().rows)
    bearer = [f"Authorization: Bearer {name}"] if name else []
    assert setting.ask("GET", CERTIFICATES, *bearer)[0] == status
    assert setting.ask("POST", RENEW, *bearer)[0] == status
