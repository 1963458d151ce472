"""Whose signature exports carry: a certificate of ours, made when it is first needed and kept in `data`, or files.

`data`/export-certificate.pem is for handing out: whoever gets it from us by a way that he trusts knows our exports by
it. `data`/export-key.sealed is its RSA key, sealed under `secret.key` like every other secret.
"""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from bridge.base.errors import BridgeError
from bridge.system.secrets import Vault, create_file

CERTIFICATE_FILE = "export-certificate.pem"
KEY_FILE = "export-key.sealed"

#: Evidence is asked about long after; the key protects nothing that is secret.
VALID_DAYS = 20 * 365

_KEY_BITS = 3072
_SHORTEST_KEY_BITS = 2048
_PUBLIC_EXPONENT = 65_537
_ONE_HOUR = dt.timedelta(hours=1)
_LONGEST_NAME = 64
_FILE_LIMIT_BYTES = 1 << 20


class CertificateError(BridgeError):
    """A certificate or its key cannot be used: one sentence for people."""


@dataclass(frozen=True, slots=True)
class ExportCertificate:
    """A certificate and its key, which belong together. made: whether it was made just now."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    made: bool = False

    @property
    def der(self) -> bytes:
        """The certificate as files carry it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


def of_ours(data: Path, vault: Vault, name: str, now: dt.datetime) -> ExportCertificate:
    """The one in `data`, made when there is none. Raises CertificateError, SecretsError, OSError.

    name: of the exporting unit. Two processes may come at once: the key that is linked first counts, and both make
    their certificate for it.
    """
    path, key_path = data / CERTIFICATE_FILE, data / KEY_FILE
    made = not path.exists()
    if not key_path.exists():
        if not made:
            raise CertificateError(
                f"{key_path} is gone: restore it, or move {path} aside, and the next export makes both"
            )
        fresh = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=_KEY_BITS)
        create_file(key_path, vault.seal(_pem_of(fresh).decode("ascii")))
    key = _load_key(vault.open(key_path.read_bytes().strip()).encode("ascii", "replace"), str(key_path))
    if made:
        create_file(path, _self_signed(key, name, now).public_bytes(serialization.Encoding.PEM))
        path.chmod(0o644)
    found = _checked(load_certificates(path)[0], key, str(path), str(key_path), now)
    return ExportCertificate(found, key, made)


def of_files(certificate: Path, key: Path, now: dt.datetime) -> ExportCertificate:
    """The first certificate of a PEM file, and its key, without a password. Raises CertificateError."""
    loaded = _load_key(_content(key), str(key))
    return ExportCertificate(
        _checked(load_certificates(certificate)[0], loaded, str(certificate), str(key), now), loaded
    )


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Those of a PEM file, at least one, or the one of a DER file. Raises CertificateError."""
    content = _content(path)
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise CertificateError(f"{path} holds no certificate (PEM or DER)") from None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _FILE_LIMIT_BYTES:
        raise CertificateError(f"{path} holds more than {_FILE_LIMIT_BYTES} bytes: that is no certificate and no key")
    return content


def _load_key(pem: bytes, where: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise CertificateError(f"the key in {where} has a password: take it off first") from None
    except Exception:  # noqa: BLE001 - the library raises several kinds; none of its texts may show what was read
        raise CertificateError(f"{where} holds no private key (PEM)") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"the key in {where} is not an RSA key, which ONVIF exports need")
    if key.key_size < _SHORTEST_KEY_BITS:
        raise CertificateError(f"the key in {where} has {key.key_size} bits; at least {_SHORTEST_KEY_BITS} expected")
    return key


def _checked(
    certificate: x509.Certificate, key: rsa.RSAPrivateKey, where: str, key_where: str, now: dt.datetime
) -> x509.Certificate:
    if certificate.public_key() != key.public_key():
        raise CertificateError(f"the key in {key_where} is not that of the certificate in {where}")
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not since <= now <= until:
        raise CertificateError(
            f"the certificate in {where} is valid from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, and it is"
            f" {now:%Y-%m-%d %H:%M} now"
        )
    return certificate


def _self_signed(key: rsa.RSAPrivateKey, name: str, now: dt.datetime) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Open Network Bridge exports"),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_NAME] or "export"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A little earlier: the clock of who checks may be behind.
        .not_valid_before(now - _ONE_HOUR)
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNATURES_ALONE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


_SIGNATURES_ALONE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _pem_of(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
