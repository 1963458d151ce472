"""What every TLS door shows: a certificate from a small authority (CA) of our own, renewed by itself, or yours.

Ours lies in `data`: tls-ca.pem is for handing out, so that clients trust the doors; tls-ca-key.sealed is its key, and
tls-door.sealed holds the doors' key and certificate together, so that they change together. The CA stays; the doors'
certificate is made anew before it expires, when the machine has a name or address that it lacks, and when the clock
shows that it was made by a wrong one. Its key stays as well: to make one holds the interpreter for half a second.

Keys are RSA, as old recorders know no other. Limits are those of the strictest clients: 398 days (Apple's for public
authorities; 825 for private ones), and 20 years for the CA, which nobody likes to hand out twice.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.system.certificate_files import (
    LONGEST_NAME,
    PUBLIC_EXPONENT,
    CertificateError,
    PrivateKey,
    check_pair,
    kept_key,
    key_usage,
    load_certificates,
    parse_certificates,
    parse_key,
    pem_of,
    pem_of_key,
)
from bridge.system.host_names import HostNames
from bridge.system.secrets import Vault, create_file, replace_file

CA_FILE = "tls-ca.pem"
CA_KEY_FILE = "tls-ca-key.sealed"
DOOR_FILE = "tls-door.sealed"

CA_KEY_BITS = 3072
DOOR_KEY_BITS = 2048

EARLIEST_NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
"""When this was written. A clock that shows less (a board without a battery starts in 1970) is wrong for certain, and
the clients' are more likely right: certificates are made as if it were this date."""

_LATEST_NOW = dt.datetime(9900, 1, 1, tzinfo=dt.UTC)

CA_SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
"""Whatever the clock showed at the first start, the CA is valid when it is set right."""

CA_LIFE = dt.timedelta(days=20 * 365)
DOOR_BACKDATED = dt.timedelta(days=30)
"""For clients whose clocks are behind."""

DOOR_LIFE = dt.timedelta(days=367)
RENEW_BEFORE = dt.timedelta(days=60)
"""Well before the first warning (30 days): it is heard only when renewing fails."""

WARN_DAYS = (30, 7, 1)


@dataclass(frozen=True, slots=True)
class DoorCertificate:
    """What doors show.

    chain: the doors' own certificate first, then those above it
    ours:  whether it comes from our CA
    made:  why it was made just now; "" when it was there
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    ours: bool
    made: str = ""

    @property
    def names(self) -> HostNames:
        """Those that it was issued for."""
        return names_in(self.chain[0])

    @property
    def expires(self) -> dt.datetime:
        """The first of the chain to expire takes the others along."""
        return min(one.not_valid_after_utc for one in self.chain)


def of_ours(data: Path, vault: Vault, names: HostNames, now: dt.datetime, *, renew: bool = False) -> DoorCertificate:
    """The one in `data`; made anew when there is a reason. Raises CertificateError, SecretsError, OSError.

    renew: with a new key as well
    """
    now = _credible(now)
    ca, ca_key = _authority(data, vault, names, now)
    path = data / DOOR_FILE
    key: PrivateKey | None = None
    reason = "the first one"
    if path.exists():
        key, certificate = _open_door(vault, path)
        reason = reason_to_renew(certificate, ca, names, now)
        if not reason and not renew:
            return DoorCertificate((certificate, ca), key, ours=True)
    if renew or key is None:
        key = rsa.generate_private_key(public_exponent=PUBLIC_EXPONENT, key_size=DOOR_KEY_BITS)
        reason = "asked for" if renew else reason
    certificate = _issued(key, ca, ca_key, names, now)
    replace_file(path, vault.seal((pem_of_key(key) + pem_of(certificate)).decode("ascii")))
    return DoorCertificate((certificate, ca), key, ours=True, made=reason)


def new_authority(data: Path, vault: Vault, names: HostNames, now: dt.datetime) -> x509.Certificate:
    """Another CA with another key instead of the one in `data`; the doors' certificate follows at its next reading."""
    now = _credible(now)
    key = rsa.generate_private_key(public_exponent=PUBLIC_EXPONENT, key_size=CA_KEY_BITS)
    certificate = _self_signed(key, names, now)
    # In this order: until the second stands, the two do not fit, and say so.
    replace_file(data / CA_KEY_FILE, vault.seal(pem_of_key(key).decode("ascii")))
    replace_file(data / CA_FILE, pem_of(certificate))
    (data / CA_FILE).chmod(0o644)
    return certificate


def kept(data: Path, vault: Vault) -> DoorCertificate | None:
    """The one in `data` as it is; nothing is made. Raises CertificateError, SecretsError, OSError."""
    if not (data / DOOR_FILE).exists():
        return None
    key, certificate = _open_door(vault, data / DOOR_FILE)
    return DoorCertificate((certificate, *load_certificates(data / CA_FILE)[:1]), key, ours=True)


def reason_to_renew(certificate: x509.Certificate, ca: x509.Certificate, names: HostNames, now: dt.datetime) -> str:
    """Why it must be made anew; "" when it need not. A name that we have no longer is none: addresses come and go."""
    if certificate.issuer != ca.subject or not _issued_by(certificate, ca):
        return "the authority is another one"
    if now < certificate.not_valid_before_utc:
        return "it is not valid yet: the clock was wrong when it was made, or is now"
    # The CA's end cannot be moved: what ends with it is not made anew every minute.
    if now > ca.not_valid_after_utc:
        return ""
    if now > certificate.not_valid_after_utc:
        return "it has expired"
    until = certificate.not_valid_after_utc
    if until - now < RENEW_BEFORE and until < ca.not_valid_after_utc:
        return "it expires soon"
    if missing := names.missing_in(names_in(certificate)):
        return f"it lacks {', '.join(missing)}"
    return ""


def days_warned_of(expires: dt.datetime, now: dt.datetime) -> int | None:
    """The least of WARN_DAYS within which it expires; 0: it has; None: later."""
    left = expires - now
    if left <= dt.timedelta():
        return 0
    return min((days for days in WARN_DAYS if left <= dt.timedelta(days=days)), default=None)


def names_in(certificate: x509.Certificate) -> HostNames:
    """What it is issued for (RFC 5280 4.2.1.6)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return HostNames((), ())
    addresses = [one for one in names.get_values_for_type(x509.IPAddress) if isinstance(one, _ADDRESS)]
    return HostNames(tuple(names.get_values_for_type(x509.DNSName)), tuple(addresses))


def common_name(certificate: x509.Certificate) -> str:
    """The subject's; "" when it has none."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


_ADDRESS = ipaddress.IPv4Address | ipaddress.IPv6Address


def _credible(now: dt.datetime) -> dt.datetime:
    """The clock's time, unless no certificate could be made by it."""
    return min(max(now, EARLIEST_NOW), _LATEST_NOW)


def _authority(
    data: Path, vault: Vault, names: HostNames, now: dt.datetime
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    path, key_path = data / CA_FILE, data / CA_KEY_FILE
    made = not path.exists()
    if not made and not key_path.exists():
        raise CertificateError(
            f"{key_path} is gone: restore it, or move {path} aside, and the next start makes a new authority,"
            " which clients have to be told to trust"
        )
    key = kept_key(key_path, vault, CA_KEY_BITS)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"the key in {key_path} is not an RSA key, as ours are")
    if made:
        create_file(path, pem_of(_self_signed(key, names, now)))
        path.chmod(0o644)
    certificates = load_certificates(path)
    check_pair(certificates, key, str(path), str(key_path))
    return certificates[0], key


def _open_door(vault: Vault, path: Path) -> tuple[PrivateKey, x509.Certificate]:
    pem = vault.open(path.read_bytes().strip()).encode("ascii", "replace")
    certificates = parse_certificates(pem, str(path))
    key = parse_key(pem, str(path))
    check_pair(certificates, key, str(path), str(path))
    return key, certificates[0]


def _issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except Exception:  # noqa: BLE001 - several kinds, all of which mean no
        return False
    return True


def _subject(unit: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_NAME]),
        ]
    )


def _main_name(names: HostNames) -> str:
    named: Sequence[str] = [name for name in names.texts if name != "localhost"]
    return named[0] if named else "localhost"


def _self_signed(key: rsa.RSAPrivateKey, names: HostNames, now: dt.datetime) -> x509.Certificate:
    serial = x509.random_serial_number()
    # The number tells authorities of one machine apart in lists of trusted ones.
    subject = _subject("Open Network Bridge authority", f"{_main_name(names)[:40]} {serial:x}"[:49])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(CA_SINCE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _issued(
    key: PrivateKey, ca: x509.Certificate, ca_key: rsa.RSAPrivateKey, names: HostNames, now: dt.datetime
) -> x509.Certificate:
    until = min(now + DOOR_LIFE, ca.not_valid_after_utc)
    since = max(min(now, until) - DOOR_BACKDATED, ca.not_valid_before_utc)
    alternatives = [*map(x509.DNSName, names.dns), *map(x509.IPAddress, names.addresses)]
    return (
        x509.CertificateBuilder()
        .subject_name(_subject("Open Network Bridge", _main_name(names)))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage("digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, SHA256())
    )
