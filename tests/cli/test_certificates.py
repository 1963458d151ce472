"""`onb certificates`."""

import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from bridge.system import certificate_files, door_certificate
from tests.cli.onb import onb
from tests.system.tls_files import QuickKeys, server_certificate, write_pair


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    quick = QuickKeys()
    monkeypatch.setattr(certificate_files, "rsa", quick)
    monkeypatch.setattr(door_certificate, "rsa", quick)


def rows():
    return json.loads(onb("certificates", "list", "--json").stdout)


def test_there_is_none_yet(folder):
    assert rows() == []
    result = onb("certificates", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "there is no certificate yet" in result.output
    assert onb("certificates", "ca").exit_code == 1
    assert not (folder / "data").exists(), "a list makes nothing"


def test_made_listed_and_handed_out(folder):
    result = onb("certificates", "renew")
    assert result.exit_code == 0
    assert "localhost" in result.output
    doors, authority = rows()
    assert (doors["certificate"], authority["certificate"]) == ("doors", "authority")
    assert {"localhost", "127.0.0.1", "::1"} <= set(doors["names"])
    assert (doors["source"], authority["names"]) == ("ours", [])
    pem = onb("certificates", "ca").stdout.encode()
    assert x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex() == authority["sha256"]
    assert onb("certificates", "ca", "--out", "ca.pem").stdout == ""
    assert (folder / "ca.pem").read_bytes().strip() == pem.strip()
    text = subprocess.run(["openssl", "x509", "-in", "ca.pem", "-noout", "-text"], capture_output=True, text=True)
    assert "CA:TRUE, pathlen:0" in text.stdout
    assert onb("certificates", "list").stdout.count("\n") == 2


def test_renewed_with_and_without_the_authority(folder):
    onb("certificates", "renew")
    before = rows()
    onb("certificates", "renew")
    after = rows()
    assert before[0]["sha256"] != after[0]["sha256"]
    assert before[1] == after[1]
    assert "the authority is a new one" in onb("certificates", "renew", "--ca").output
    assert rows()[1]["sha256"] != after[1]["sha256"]


def test_yours(folder):
    write_pair(folder)
    with (folder / "onb.toml").open("a") as file:
        file.write('[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    (row,) = rows()
    assert (row["source"], row["names"]) == ("file", ["gate.example"])
    assert row["sha256"] == server_certificate().fingerprint(SHA256()).hex()
    for command in (["ca"], ["renew"]):
        result = onb("certificates", *command)
        assert result.exit_code == 1
        assert "cert.pem ([tls] certificate): ask its issuer" in result.output


def test_one_that_has_expired_is_no_fault_and_is_told(folder):
    write_pair(folder, until=2021)
    with (folder / "onb.toml").open("a") as file:
        file.write('[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    result = onb("check")
    assert result.exit_code == 0
    assert "note: tls.certificate expired on 2021-01-01 00:00 UTC: clients refuse the TLS doors" in result.stdout
