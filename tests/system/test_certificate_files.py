"""Beside tests/system/test_export_certificate.py, which goes through most of it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bridge.system import certificate_files
from bridge.system.certificate_files import (
    CertificateError,
    check_pair,
    check_validity,
    kept_key,
    key_usage,
    load_certificates,
    load_key,
    parse_certificates,
    parse_key,
    pem_of,
    pem_of_key,
)
from bridge.system.secrets import Vault
from tests.system.tls_files import NOW, QuickKeys, ec_key, rsa_key, server_certificate, write_pair

VAULT = Vault(b"A" * 43 + b"=")


def test_a_pair_of_files(tmp_path):
    for key in (rsa_key(), ec_key()):
        certificate, key_file = write_pair(tmp_path, key)
        loaded = load_key(key_file)
        assert loaded.private_numbers() == key.private_numbers()
        check_pair(load_certificates(certificate), loaded, "cert.pem", "key.pem")


def test_the_order_of_a_chain():
    own, other = server_certificate(), server_certificate(rsa_key(1))
    check_pair([own, other], rsa_key(), "c", "k")
    with pytest.raises(CertificateError, match="c must begin with the certificate of the key in k; others follow it"):
        check_pair([other, own], rsa_key(), "c", "k")
    with pytest.raises(CertificateError, match="the key in k is not that of the certificate in c"):
        check_pair([other], rsa_key(), "c", "k")


def test_keys_that_no_client_takes():
    short = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
    with pytest.raises(CertificateError, match="has 1024 bits; at least 2048 expected"):
        parse_key(pem_of_key(short), "k")
    with pytest.raises(CertificateError, match="neither an RSA key nor one of an elliptic curve"):
        parse_key(pem_of_key(ed25519.Ed25519PrivateKey.generate()), "k")  # type: ignore[arg-type]


def test_validity():
    check_validity(server_certificate(), "c", NOW)
    with pytest.raises(CertificateError, match="it is 2027-01-15 00:00 now"):
        check_validity(server_certificate(since=2028), "c", NOW)


def test_bytes():
    assert parse_certificates(pem_of(server_certificate()), "c") == [server_certificate()]
    with pytest.raises(CertificateError, match="c holds no certificate"):
        parse_certificates(b"", "c")


def test_a_kept_key_is_made_once_and_sealed(tmp_path, monkeypatch):
    quick = QuickKeys()
    monkeypatch.setattr(certificate_files, "rsa", quick)
    made = kept_key(tmp_path / "k", VAULT, 3072)
    assert quick.made == [3072]
    assert b"PRIVATE" not in (tmp_path / "k").read_bytes()
    assert kept_key(tmp_path / "k", VAULT, 3072).private_numbers() == made.private_numbers()
    assert quick.made == [3072]


def test_uses_of_a_key():
    usage = key_usage("key_cert_sign")
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert usage == x509.KeyUsage(*[name == "key_cert_sign" for name in certificate_files.USES])


def test_both_kinds_of_keys_are_known():
    assert isinstance(parse_key(pem_of_key(ec_key()), "k"), ec.EllipticCurvePrivateKey)
