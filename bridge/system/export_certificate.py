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

from bridge.system.certificate_files import (
    LONGEST_NAME,
    CertificateError,
    PrivateKey,
    check_pair,
    check_validity,
    kept_key,
    key_usage,
    load_certificates,
    load_key,
    pem_of,
)
from bridge.system.secrets import Vault, create_file

CERTIFICATE_FILE = "export-certificate.pem"
KEY_FILE = "export-key.sealed"

#: Evidence is asked about long after; the key protects nothing that is secret.
VALID_DAYS = 20 * 365

_KEY_BITS = 3072
_ONE_HOUR = dt.timedelta(hours=1)


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
    if not made and not key_path.exists():
        raise CertificateError(f"{key_path} is gone: restore it, or move {path} aside, and the next export makes both")
    key = _rsa(kept_key(key_path, vault, _KEY_BITS), str(key_path))
    if made:
        create_file(path, pem_of(_self_signed(key, name, now)))
        path.chmod(0o644)
    found = _checked(load_certificates(path), key, str(path), str(key_path), now)
    return ExportCertificate(found, key, made)


def of_files(certificate: Path, key: Path, now: dt.datetime) -> ExportCertificate:
    """The first certificate of a PEM file, and its key, without a password. Raises CertificateError."""
    loaded = _rsa(load_key(key), str(key))
    return ExportCertificate(_checked(load_certificates(certificate), loaded, str(certificate), str(key), now), loaded)


def _rsa(key: PrivateKey, where: str) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"the key in {where} is not an RSA key, which ONVIF exports need")
    return key


def _checked(
    certificates: list[x509.Certificate], key: rsa.RSAPrivateKey, where: str, key_where: str, now: dt.datetime
) -> x509.Certificate:
    check_pair(certificates, key, where, key_where)
    check_validity(certificates[0], where, now)
    return certificates[0]


def _self_signed(key: rsa.RSAPrivateKey, name: str, now: dt.datetime) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Open Network Bridge exports"),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_NAME] or "export"),
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
        .add_extension(key_usage("digital_signature", "content_commitment"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
