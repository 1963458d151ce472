"""`/api/v1/certificates`: what the TLS doors show, our authority for handing out, and a new certificate."""

import datetime as dt
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import BaseModel, Field

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, Clock
from bridge.net.http import Reply
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.system.audit import Audit
from bridge.system.door_certificate import DoorCertificate, common_name, days_warned_of, names_in

CERTIFICATES = "/api/v1/certificates"
AUTHORITY = "/api/v1/certificates/ca.pem"
RENEW = "/api/v1/certificates/renew"
PEM = "application/x-pem-file"


class CertificateOfDoors(BaseModel):
    """doors: those that show it now; days_left: whole days, negative once it has expired; warning: 30, 7, 1 or 0."""

    doors: list[str]
    name: str
    names: list[str]
    since: str = Field(alias="from")
    until: str
    days_left: int
    warning: int | None
    sha256: str
    issuer: str
    source: str


class CertificatePages:
    """See the module."""

    def __init__(
        self,
        current: Callable[[], DoorCertificate | None],
        doors: Callable[[], list[str]],
        authority: Callable[[], Awaitable[bytes | None]],
        renew: Callable[[], Awaitable[object]],
        audit: Audit,
        clock: Clock,
    ) -> None:
        """
        current:   what the doors show; None: no TLS door is open
        doors:     the open TLS doors
        authority: ours, as PEM; None: the certificate is of others
        renew:     makes a certificate with a new key, and shows it. Raises BridgeError
        """
        self._current, self._doors = current, doors
        self._authority, self._renew = authority, renew
        self._audit, self._clock = audit, clock

    def all(self, asked: Asked) -> list[CertificateOfDoors]:
        """GET."""
        found = self._current()
        return [] if found is None else [self._shown(found)]

    async def authority(self, asked: Asked) -> Reply:
        """GET ca.pem: no secret, and what whoever opens the page first needs."""
        pem = await self._authority()
        if pem is None:
            raise not_found()
        headers = (
            ("Content-Disposition", 'attachment; filename="open-network-bridge-ca.pem"'),
            ("Cache-Control", "no-cache"),
        )
        return Reply(200, pem, PEM, headers)

    async def renew(self, asked: Asked) -> list[CertificateOfDoors]:
        """POST: the authority stays, so clients trust the new one too."""
        found = self._current()
        if found is None or not found.ours:
            of_files = "the certificate comes from files ([tls] certificate): ask its issuer"
            raise ProblemError(409, "conflict", of_files if found else "no TLS door is open")
        try:
            await self._renew()
        except BridgeError as error:
            raise ProblemError(409, "conflict", str(error)) from None
        self._audit(asked.principal.name, "certificate.renew", "", "ok", asked.peer, self._clock.utc_ns())
        return self.all(asked)

    def _shown(self, found: DoorCertificate) -> CertificateOfDoors:
        certificate, now = found.chain[0], dt.datetime.fromtimestamp(self._clock.utc_ns() // NS_PER_S, dt.UTC)
        return CertificateOfDoors.model_validate(
            {
                "doors": self._doors(),
                "name": common_name(certificate),
                "names": list(names_in(certificate).texts),
                "from": _moment(certificate.not_valid_before_utc),
                "until": _moment(found.expires),
                "days_left": (found.expires - now).days,
                "warning": days_warned_of(found.expires, now),
                "sha256": certificate.fingerprint(SHA256()).hex(":").upper(),
                "issuer": certificate.issuer.rfc4514_string(),
                "source": "ours" if found.ours else "file",
            }
        )


def certificate_routes(pages: CertificatePages) -> list[Route]:
    """See the module."""
    return [
        Route(
            "GET",
            CERTIFICATES,
            pages.all,
            Who.ADMINISTRATOR,
            "What the TLS doors show",
            answer=list[CertificateOfDoors],
        ),
        Route(
            "GET", AUTHORITY, pages.authority, Who.ANYBODY, "Our authority, for those who are to trust it", content=PEM
        ),
        Route(
            "POST",
            RENEW,
            pages.renew,
            Who.ADMINISTRATOR,
            "A new certificate with a new key",
            answer=list[CertificateOfDoors],
            problems=("conflict",),
        ),
    ]


def _moment(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
