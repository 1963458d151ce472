"""Who this device is: UUIDs, serial number, the keys behind digest nonces and recordings. Made once, kept in config.db.

Clients recognise a device by its UUID and serial number: a new one would be a second device to them. Recordings are
told from those of other recorders by the recorder's UUID, and their chains are signed with its key.
"""

import secrets
import uuid
from dataclasses import dataclass, field

import sqlalchemy as sa

from bridge.store.database import Database
from bridge.store.read_only import ReadOnlyDatabase
from bridge.system import schema
from bridge.system.secrets import SecretsError, Vault


@dataclass(frozen=True, slots=True)
class Identity:
    """
    device_uuid:   as in `urn:uuid:…`
    serial:        12 hexadecimal digits
    nonce_key:     32 random bytes, a secret
    recorder_uuid: stands in every segment that this recorder writes
    signing_key:   Ed25519 private key (RFC 8032 5.1.5: 32 random bytes), a secret
    """

    device_uuid: uuid.UUID
    serial: str
    nonce_key: bytes = field(repr=False)
    recorder_uuid: uuid.UUID
    signing_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recorder:
    """Who recorded: as in Identity."""

    uuid: uuid.UUID
    signing_key: bytes = field(repr=False)


def identity_of(database: Database, vault: Vault) -> Identity:
    """Reads it, and makes it at the first start. Raises DatabaseUnusableError, SecretsError."""

    def fill(connection: sa.Connection) -> dict[str, bytes]:
        fresh = {
            "device_uuid": str(uuid.uuid4()),
            "serial": secrets.token_hex(6),
            "nonce_key": secrets.token_hex(32),
            "recorder_uuid": str(uuid.uuid4()),
            "signing_key": secrets.token_hex(32),
        }
        kept = _kept(connection)
        for name, text in fresh.items():
            if name not in kept:
                kept[name] = vault.seal(text)
                connection.execute(sa.insert(schema.identity), {"name": name, "value": kept[name]})
        return kept

    # In the writer, also to read: two processes at their first start must not make two identities.
    kept = database.write(fill)
    opened = _opened(kept, vault, database.place)
    return Identity(
        uuid.UUID(opened["device_uuid"]),
        opened["serial"],
        bytes.fromhex(opened["nonce_key"]),
        uuid.UUID(opened["recorder_uuid"]),
        bytes.fromhex(opened["signing_key"]),
    )


def recorder_of(database: ReadOnlyDatabase, vault: Vault) -> Recorder | None:
    """The same as far as recordings need it, and nothing is made; None: no service ever ran on the database."""
    opened = _opened(database.read(_kept), vault, database.place)
    if not {"recorder_uuid", "signing_key"} <= opened.keys():
        return None
    return Recorder(uuid.UUID(opened["recorder_uuid"]), bytes.fromhex(opened["signing_key"]))


def _kept(connection: sa.Connection) -> dict[str, bytes]:
    return {row.name: row.value for row in connection.execute(sa.select(schema.identity))}


def _opened(kept: dict[str, bytes], vault: Vault, place: str) -> dict[str, str]:
    try:
        return {name: vault.open(value) for name, value in kept.items()}
    except SecretsError as error:
        raise SecretsError(f"{place} was {error}") from None
