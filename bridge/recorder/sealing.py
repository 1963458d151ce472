"""Signatures over whole files, as the ONVIF Export File Format Specification 26.06, 5.6.2 and 5.7 has them.

RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 20 bytes, keys of at least 2048 bits. What is hashed is the
file as it lies on the disk, read back, with the signature's own bytes as zeros. Blocking, on the caller's thread.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from bridge.base.errors import DamagedError
from bridge.wire.mp4.evidence import Change

SHORTEST_KEY_BITS = 2048

_SALT_BYTES = 20
_PIECE_BYTES = 1 << 20
_PADDING = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=_SALT_BYTES)


def digest_of(file: BinaryIO, changes: Sequence[Change] = ()) -> bytes:
    """SHA-256 of the whole file, with these changes, which are in its order."""
    digest = hashlib.sha256()
    at = 0
    for change in changes:
        for piece in pieces(file, at, change.at):
            digest.update(piece)
        digest.update(change.instead)
        at = change.at + change.size
    for piece in pieces(file, at, file.seek(0, os.SEEK_END)):
        digest.update(piece)
    return digest.digest()


def pieces(file: BinaryIO, at: int, end: int) -> Iterator[bytes]:
    """The bytes from `at` up to `end`, or the file's end, a piece at a time."""
    file.seek(at)
    while at < end and (piece := file.read(min(_PIECE_BYTES, end - at))):
        yield piece
        at += len(piece)


def sign(file: BinaryIO, signature_at: int, key: rsa.RSAPrivateKey) -> None:
    """Writes the signature over the zeros that stand at its place. The last thing that is done to a file."""
    signature = key.sign(digest_of(file), _PADDING, Prehashed(SHA256()))
    file.seek(signature_at)
    file.write(signature)


def signature_fits(certificate: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    """Whether the key of the certificate made that signature over a file of that digest."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SHORTEST_KEY_BITS:
        return False
    try:
        key.verify(signature, digest, _PADDING, Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate of a file. Raises DamagedError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
    except Exception as error:  # noqa: BLE001 - the library raises a dozen kinds for bytes that are no certificate
        raise DamagedError(f"cert: no certificate: {error}") from None
    return certificate


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, as people compare it: pairs of digits with colons."""
    return hashlib.sha256(der).digest().hex(":").upper()
