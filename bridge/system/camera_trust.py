"""Which certificate a camera is trusted with: the first one that it showed, until somebody says otherwise.

Cameras sign their certificates themselves, so no authority can vouch for them; but the one that is there today must
not be another one tomorrow. Kept in config.db, by camera and address, as its streams may come from several devices.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass

import sqlalchemy as sa
import structlog

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database
from bridge.system.schema import camera_certificates as table

MOST_ADDRESSES = 16
"""Of one camera, which may redirect from one to another; the oldest goes when there are more."""


class TrustError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """
    address:      host and port that it is shown at
    sha256:       of the certificate (DER), in hexadecimal digits: the one that is trusted
    offered:      of the one that was shown last instead; None: no other
    since_utc_ns: when it was first seen, or trusted by somebody
    """

    camera: str
    address: str
    sha256: str
    offered: str | None
    since_utc_ns: int


class CameraTrust:
    """Judges from memory, on the reactor; what it learns goes to the database, and nobody waits for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, str], TrustedCertificate] = {}
        self._log = structlog.get_logger()

    def load(self) -> None:
        """What the database holds, anew. Blocks. Raises DatabaseUnusableError."""
        self._known = {(one.camera, one.address): one for one in self._listed()}

    def judge(self, camera: str, address: str, sha256: str, now: UtcNs) -> str:
        """ "" when it is trusted, as the first one is; else the digest of the one that is. Never blocks."""
        key = camera, address
        known = self._known.get(key)
        if known is None:
            found = self._known[key] = TrustedCertificate(camera, address, sha256, None, now)
            self._log.info("camera's certificate is trusted from now on", camera=camera, address=address, sha256=sha256)
            self._keep(found)
            return ""
        offered = None if sha256 == known.sha256 else sha256
        if offered != known.offered:
            found = self._known[key] = TrustedCertificate(camera, address, known.sha256, offered, known.since_utc_ns)
            self._keep(found)
        return "" if offered is None else known.sha256

    def by_camera(self) -> Mapping[str, list[TrustedCertificate]]:
        """What is known, from memory."""
        return _by_camera(self._known.values())

    # --- For the command line; these block ---------------------------------------------------------------------------

    def listed(self) -> Mapping[str, list[TrustedCertificate]]:
        """The same, from the database. Raises DatabaseUnusableError."""
        return _by_camera(self._listed())

    def accept(self, camera: str, now: UtcNs) -> list[TrustedCertificate]:
        """Trusts what it showed last, at each of its addresses. Raises TrustError, DatabaseUnusableError."""
        changed = [one for one in self.listed().get(camera, []) if one.offered is not None]
        if not changed:
            raise TrustError(
                f"camera {camera} has shown no other certificate than the one that it is trusted with; --forget trusts"
                " whatever it shows next"
            )
        accepted = [TrustedCertificate(camera, one.address, one.offered or "", None, now) for one in changed]

        def write(connection: sa.Connection) -> None:
            for one in accepted:
                _put(connection, one)

        self._database.write(write)
        return accepted

    def forget(self, camera: str) -> int:
        """Trusts whatever it shows next; how many certificates are forgotten. Raises DatabaseUnusableError."""
        statement = sa.delete(table).where(table.c.camera == camera)
        return self._database.write(lambda connection: connection.execute(statement).rowcount)

    def _listed(self) -> list[TrustedCertificate]:
        query = sa.select(table).order_by(table.c.camera, table.c.address)
        return self._database.read(lambda connection: [TrustedCertificate(*row) for row in connection.execute(query)])

    def _keep(self, found: TrustedCertificate) -> None:
        of_camera = [one for one in self._known.values() if one.camera == found.camera]
        oldest = min(of_camera, key=lambda one: one.since_utc_ns) if len(of_camera) > MOST_ADDRESSES else None
        if oldest is not None:
            del self._known[oldest.camera, oldest.address]

        def write(connection: sa.Connection) -> None:
            if oldest is not None:
                connection.execute(sa.delete(table).where(_is(oldest)))
            _put(connection, found)

        try:
            self._database.submit(write).add_done_callback(self._note)
        except DatabaseUnusableError as error:
            self._log.warning("a camera's certificate is not kept", camera=found.camera, reason=str(error))

    def _note(self, written: "Future[None]") -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            self._log.warning("a camera's certificate is not kept", reason=str(error))


def _is(one: TrustedCertificate) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.camera == one.camera, table.c.address == one.address)


def _put(connection: sa.Connection, one: TrustedCertificate) -> None:
    connection.execute(sa.delete(table).where(_is(one)))
    connection.execute(sa.insert(table), asdict(one))


def _by_camera(certificates: Iterable[TrustedCertificate]) -> dict[str, list[TrustedCertificate]]:
    found: dict[str, list[TrustedCertificate]] = {}
    for one in certificates:
        found.setdefault(one.camera, []).append(one)
    return found
