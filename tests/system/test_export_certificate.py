"""The certificate for exports: made once, kept, or taken from files."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from bridge.system import export_certificate
from bridge.system.export_certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateError,
    load_certificates,
    of_files,
    of_ours,
)
from bridge.system.secrets import SecretsError, Vault, open_vault
from tests.recorder.exports import certificate, der, key

NOW = dt.datetime(2027, 1, 15, tzinfo=dt.UTC)


@pytest.fixture
def quick(monkeypatch):
    """Keys that are made in less time."""
    monkeypatch.setattr(export_certificate, "_KEY_BITS", 2048)


def test_ours_is_made_once_and_kept(tmp_path):
    vault = open_vault(tmp_path)
    first = of_ours(tmp_path, vault, "nvr", NOW)
    again = of_ours(tmp_path, vault, "another name", NOW)
    assert (first.made, again.made) == (True, False)
    assert (first.der, first.key.private_numbers()) == (again.der, again.key.private_numbers())
    one = first.certificate
    assert one.subject.rfc4514_string() == "CN=nvr,OU=Open Network Bridge exports"
    assert (first.key.key_size, one.public_key()) == (3072, first.key.public_key())
    one.verify_directly_issued_by(one)
    assert one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert one.not_valid_before_utc < NOW < NOW + dt.timedelta(days=19 * 365) < one.not_valid_after_utc


def test_the_key_is_sealed_and_the_certificate_is_for_everybody(tmp_path, quick):
    of_ours(tmp_path, open_vault(tmp_path), "nvr", NOW)
    sealed, public = tmp_path / KEY_FILE, tmp_path / CERTIFICATE_FILE
    assert b"PRIVATE" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert public.stat().st_mode & 0o777 == 0o644
    assert load_certificates(public)[0].subject is not None
    (tmp_path / "secret.key").unlink()
    with pytest.raises(SecretsError, match="sealed with another key"):
        of_ours(tmp_path, open_vault(tmp_path), "nvr", NOW)


def test_half_of_it(tmp_path, quick):
    vault = open_vault(tmp_path)
    first = of_ours(tmp_path, vault, "nvr", NOW)
    (tmp_path / CERTIFICATE_FILE).unlink()
    second = of_ours(tmp_path, vault, "nvr", NOW)
    assert second.key.private_numbers() == first.key.private_numbers(), "the next is of the same key"
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(CertificateError, match=r"export-key\.sealed is gone: restore it, or move"):
        of_ours(tmp_path, vault, "nvr", NOW)
    (tmp_path / KEY_FILE).write_bytes(vault.seal("no key"))
    with pytest.raises(CertificateError, match="holds no private key"):
        of_ours(tmp_path, vault, "nvr", NOW)


def test_ours_expires(tmp_path, quick):
    of_ours(tmp_path, open_vault(tmp_path), "nvr", NOW)
    with pytest.raises(CertificateError, match=r"is valid from 2027-01-14 23:00 to 2047-01-10 00:00 UTC"):
        of_ours(tmp_path, open_vault(tmp_path), "nvr", NOW.replace(year=2050))


@pytest.mark.parametrize("name", ["", "n" * 300, "\u00e4\u00f6, =x"])
def test_any_name_of_a_host(tmp_path, name, quick):
    assert of_ours(tmp_path, Vault(b"A" * 43 + b"="), name, NOW).certificate.subject


@pytest.fixture
def files(tmp_path):
    """(certificate, key) as PEM files."""
    (tmp_path / "cert.pem").write_bytes(certificate().public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(pem(key()))
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def pem(one, encryption=None):
    return one.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def test_yours_from_files(files, tmp_path):
    found = of_files(*files, NOW)
    assert (found.certificate, found.made) == (certificate(), False)
    assert "PRIVATE" not in repr(found)
    chain = files[0].read_bytes() + certificate(1).public_bytes(Encoding.PEM)
    files[0].write_bytes(chain)
    assert load_certificates(files[0]) == [certificate(), certificate(1)]
    assert of_files(*files, NOW).certificate == certificate()
    (tmp_path / "cert.der").write_bytes(der(certificate()))
    assert load_certificates(tmp_path / "cert.der") == [certificate()]


def test_what_is_wrong_with_yours(files, tmp_path):
    cert, key_file = files

    def fails(match, now=NOW):
        with pytest.raises(CertificateError, match=match) as caught:
            of_files(cert, key_file, now)
        assert "BEGIN" not in str(caught.value)

    fails(r"is valid from 2020-01-01 00:00 to 2040-01-01 00:00 UTC", NOW.replace(year=2041))
    key_file.write_bytes(pem(key(1)))
    fails("key.pem is not that of the certificate in .*cert.pem")
    key_file.write_bytes(pem(key(), BestAvailableEncryption(b"x")))
    fails("has a password")
    key_file.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    fails("not an RSA key, which ONVIF exports need")
    key_file.write_bytes(b"-----BEGIN nothing")
    fails("holds no private key")
    key_file.write_bytes(bytes(1 << 20) + b"x")
    fails("that is no certificate and no key")
    key_file.unlink()
    fails("key.pem cannot be read: No such file")
    key_file.mkdir()
    fails("key.pem cannot be read: Is a directory")
    key_file.rmdir()
    key_file.write_bytes(pem(key()))
    for content in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        cert.write_bytes(content)
        fails("holds no certificate")
