"""Secrets at rest: the key file in data/, and what is sealed under it (Fernet: AES-128-CBC with HMAC-SHA-256).

ONVIF and RTSP digest need the password itself, so it cannot be kept as a hash. Sealing it means that a copy of
`config.db` alone (a backup, a support case) gives no password away; whoever reads the key file as well can.
"""

import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from bridge.base.errors import BridgeError

KEY_FILE = "secret.key"


class SecretsError(BridgeError):
    """The key file, or something sealed under it, cannot be used. One sentence for people."""


class Vault:
    """Seals and opens texts with one key. Its repr shows nothing."""

    def __init__(self, key: bytes, where: str = "the key") -> None:
        """key: 32 bytes, url-safe base64, as Fernet has it; where: how messages call it. Raises SecretsError."""
        try:
            self._fernet = Fernet(key)
        except ValueError:
            raise SecretsError(f"{where} does not hold a key; restore it from a backup") from None
        self._where = where

    def seal(self, text: str) -> bytes:
        """Text of any characters -> bytes that only this key opens."""
        return self._fernet.encrypt(text.encode("utf-8", "surrogatepass"))

    def open(self, sealed: bytes) -> str:
        """What `seal` was given. Raises SecretsError when it was sealed under another key, or changed since."""
        try:
            return self._fernet.decrypt(sealed).decode("utf-8", "surrogatepass")
        except InvalidToken:
            raise SecretsError(f"sealed with another key than {self._where} holds; restore that file") from None


def open_vault(data: Path, *, make: bool = True) -> Vault:
    """The vault of `data`/secret.key; the key is made when there is none. Raises SecretsError.

    make: whether anything may be written; else a missing key is an error
    Two processes may come at once: whoever links the file first wins, the other reads it.
    """
    path = data / KEY_FILE
    try:
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            if not make:
                raise
            create_file(path, Fernet.generate_key())
            key = path.read_bytes()
        if make and path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
            path.chmod(0o600)  # a restored backup often comes readable for everybody
    except OSError as error:
        raise SecretsError(f"{path} cannot be used: {error.strerror}") from None
    return Vault(key.strip(), str(path))


def create_file(path: Path, line: bytes) -> None:
    """A file of this line appears under its name whole, synced and 0600, or not at all; one that is there stays.

    Raises OSError.
    """
    _put(path, line, stays=True)


def replace_file(path: Path, line: bytes) -> None:
    """The same, but a file that is there gives way, from one moment to the next."""
    _put(path, line, stays=False)


def _put(path: Path, line: bytes, *, stays: bool) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(line.rstrip() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if stays:
            try:
                os.link(made, path)
            except FileExistsError:
                return
        else:
            made.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        made.unlink(missing_ok=True)
