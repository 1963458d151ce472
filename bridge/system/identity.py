"""Who this device is: UUID, serial number and the key behind digest nonces. Made once, kept for ever in config.db.

Clients recognise a device by its UUID and serial number: a new one would be a second device to them.
"""

import secrets
import uuid
from dataclasses import dataclass, field

import sqlalchemy as sa

from bridge.system import schema
from bridge.system.database import Database
from bridge.system.secrets import SecretsError, Vault


@dataclass(frozen=True, slots=True)
class Identity:
    """device_uuid: as in `urn:uuid:…`; serial: 12 hexadecimal digits; nonce_key: 32 random bytes, a secret."""

    device_uuid: uuid.UUID
    serial: str
    nonce_key: bytes = field(repr=False)


def identity_of(database: Database, vault: Vault) -> Identity:
    """Reads it, and makes it at the first start. Raises DatabaseUnusableError, SecretsError."""

    def fill(connection: sa.Connection) -> dict[str, bytes]:
        fresh = {"device_uuid": str(uuid.uuid4()), "serial": secrets.token_hex(6), "nonce_key": secrets.token_hex(32)}
        kept: dict[str, bytes] = {row.name: row.value for row in connection.execute(sa.select(schema.identity))}
        for name, text in fresh.items():
            if name not in kept:
                kept[name] = vault.seal(text)
                connection.execute(sa.insert(schema.identity), {"name": name, "value": kept[name]})
        return kept

    # In the writer, also to read: two processes at their first start must not make two identities.
    kept = database.write(fill)
    try:
        device_uuid, serial, nonce_key = (vault.open(kept[name]) for name in ("device_uuid", "serial", "nonce_key"))
    except SecretsError as error:
        raise SecretsError(f"{database.path} was {error}") from None
    return Identity(uuid.UUID(device_uuid), serial, bytes.fromhex(nonce_key))
