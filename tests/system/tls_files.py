"""Keys that are made once, and certificates for servers in files."""

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from bridge.system.certificate_files import pem_of, pem_of_key

NOW = dt.datetime(2027, 1, 15, tzinfo=dt.UTC)


@functools.cache
def rsa_key(number=0):
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@functools.cache
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


class QuickKeys:
    """Stands for cryptography's `rsa` where keys are made: hands out kept ones in turn."""

    RSAPrivateKey = rsa.RSAPrivateKey

    def __init__(self):
        self.made = []

    def generate_private_key(self, public_exponent, key_size):
        self.made.append(key_size)
        return rsa_key(len(self.made))


def server_certificate(key=None, *, since=2020, until=2040, uses=None):
    """Self-signed, for gate.example."""
    key = key or rsa_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(since, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(until, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("gate.example")]), critical=False)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(key, SHA256())


def write_pair(folder, key=None, **kind):
    """(certificate, key): the paths."""
    key = key or rsa_key()
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(pem_of(server_certificate(key, **kind)))
    paths[1].write_bytes(pem_of_key(key))
    return paths
