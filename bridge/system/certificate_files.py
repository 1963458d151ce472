"""Certificates and private keys in PEM: read, held against each other, written; what exports and doors share.

Every refusal is one sentence for people, and none shows what was read.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bridge.base.errors import BridgeError
from bridge.system.secrets import Vault, create_file

PUBLIC_EXPONENT = 65_537
SHORTEST_RSA_BITS = 2048
LONGEST_NAME = 64
"""Of a subject's attributes (RFC 5280, appendix A.1: ub-common-name)."""

USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
"""Those of RFC 5280 4.2.1.3, in its order."""

_FILE_LIMIT_BYTES = 1 << 20

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class CertificateError(BridgeError):
    """A certificate or its key cannot be used: one sentence for people."""


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Those of a PEM file, at least one, or the one of a DER file. Raises CertificateError."""
    return parse_certificates(_content(path), str(path))


def parse_certificates(content: bytes, where: str) -> list[x509.Certificate]:
    """The same of bytes; where: how messages call them. Raises CertificateError."""
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise CertificateError(f"{where} holds no certificate (PEM or DER)") from None


def load_key(path: Path) -> PrivateKey:
    """The key of a PEM file, without a password. Raises CertificateError."""
    return parse_key(_content(path), str(path))


def parse_key(pem: bytes, where: str) -> PrivateKey:
    """The same of bytes. Raises CertificateError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise CertificateError(f"the key in {where} has a password: take it off first") from None
    except Exception:  # noqa: BLE001 - the library raises several kinds; none of its texts may show what was read
        raise CertificateError(f"{where} holds no private key (PEM)") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError(f"the key in {where} is neither an RSA key nor one of an elliptic curve")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA_BITS:
        raise CertificateError(f"the key in {where} has {key.key_size} bits; at least {SHORTEST_RSA_BITS} expected")
    return key


def kept_key(path: Path, vault: Vault, bits: int) -> PrivateKey:
    """The key that is sealed in a file of `data`; an RSA key is made when there is none.

    Two processes may come at once: the key that is linked first counts. Raises CertificateError, SecretsError, OSError.
    """
    if not path.exists():
        fresh = rsa.generate_private_key(public_exponent=PUBLIC_EXPONENT, key_size=bits)
        create_file(path, vault.seal(pem_of_key(fresh).decode("ascii")))
    return parse_key(vault.open(path.read_bytes().strip()).encode("ascii", "replace"), str(path))


def check_pair(certificates: Sequence[x509.Certificate], key: PrivateKey, where: str, key_where: str) -> None:
    """The first certificate is that of the key. Raises CertificateError."""
    public = key.public_key()
    if certificates[0].public_key() == public:
        return
    if any(one.public_key() == public for one in certificates[1:]):
        raise CertificateError(f"{where} must begin with the certificate of the key in {key_where}; others follow it")
    raise CertificateError(f"the key in {key_where} is not that of the certificate in {where}")


def check_validity(certificate: x509.Certificate, where: str, now: dt.datetime) -> None:
    """It is valid now. Raises CertificateError."""
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not since <= now <= until:
        raise CertificateError(
            f"the certificate in {where} is valid from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, and it is"
            f" {now:%Y-%m-%d %H:%M} now"
        )


def pem_of_key(key: PrivateKey) -> bytes:
    """PKCS #8 without a password: to be sealed before it is kept."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem_of(certificate: x509.Certificate) -> bytes:
    """As it is handed out."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_usage(*uses: str) -> x509.KeyUsage:
    """Those, named as cryptography's KeyUsage does, and no other."""
    return x509.KeyUsage(**{use: use in uses for use in USES})


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _FILE_LIMIT_BYTES:
        raise CertificateError(f"{path} holds more than {_FILE_LIMIT_BYTES} bytes: that is no certificate and no key")
    return content
