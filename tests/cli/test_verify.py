import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli.onb import onb
from tests.recorder.exports import certificate, evidence, signed, three_runs


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """The file, in a folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    Path("out.mp4").write_bytes(signed())
    return Path("out.mp4")


def trusted(*certificates):
    Path("trust.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return "--trust", "trust.pem"


def verify(*more):
    return onb("recordings", "verify", "out.mp4", *more)


def test_intact_but_who_is_it(exported):
    result = verify()
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third, *gaps = result.stdout.splitlines()
    assert first.startswith("out.mp4: intact, signer unknown; SHA-256 of the certificate: ")
    assert len(first.rpartition(" ")[2]) == 95
    assert second == "exported at 2027-01-16T08:00:00Z by ann on host"
    assert third == "rec-gate.main: 2027-01-15T08:00:00.000Z to 2027-01-15T09:00:00.980Z"
    assert gaps[0] == "nothing was recorded from 2027-01-15T08:00:01.000Z until 2027-01-15T08:00:04.500Z"


def test_intact_and_of_somebody_trusted(exported):
    result = verify(*trusted(certificate(1), certificate()))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("out.mp4: intact, signed by CN=Exporter (SHA-256 ")


def test_intact_but_of_somebody_else(exported):
    result = verify(*trusted(certificate(1)))
    assert result.exit_code == 1
    assert result.stdout.startswith("out.mp4: intact, but signed by CN=Exporter (SHA-256 ")
    assert "for whom no trusted certificate vouches" in result.stdout


def test_trust_that_had_expired(exported):
    exported.write_bytes(evidence(three_runs()[0], signer=certificate(until=2026))[1])
    result = verify(*trusted(certificate(until=2026)))
    assert (result.exit_code, "was valid from 2020-01-01 to 2026-01-01" in result.stdout) == (1, True)


def test_an_authority(exported):
    exported.write_bytes(evidence(three_runs()[0], number=2, signer=certificate(2, "Office", issuer=1))[1])
    result = verify(*trusted(certificate(1, "Authority", ca=True)))
    assert (result.exit_code, "signed by CN=Office" in result.stdout) == (0, True)


def test_changed(exported):
    data = bytearray(signed())
    data[5000] ^= 1
    exported.write_bytes(data)
    for more in ((), trusted(certificate())):
        result = verify(*more)
        assert result.exit_code == 1
        assert result.stdout.startswith("out.mp4: changed: track 1 (VIDEO001), captured from 2027-01-15T08:00:00.000Z")
    answer = json.loads(verify("--json", *more).stdout)
    assert (answer["intact"], answer["trusted"], len(answer["changed"])) == (False, False, 1)


def test_json(exported):
    answer = json.loads(verify("--json").stdout)
    assert (answer["file"], answer["intact"], answer["changed"], answer["trusted"]) == ("out.mp4", True, [], None)
    assert answer["signers"][0]["name"] == "CN=Exporter"
    assert answer["exported"] == {"at": "2027-01-16T08:00:00Z", "by": "ann", "on": "host"}
    assert (answer["recording"], answer["from"]) == ("rec-gate.main", "2027-01-15T08:00:00.000Z")
    assert answer["asked"] == {"from": "2027-01-15T08:00:00.000Z", "until": "2027-01-15T10:00:00.000Z"}
    assert len(answer["gaps"]) == 3
    assert json.loads(verify("--json", *trusted(certificate())).stdout)["trusted"] is True
    answer = json.loads(verify("--json", *trusted(certificate(1))).stdout)
    assert (answer["intact"], answer["trusted"]) == (True, False)
    assert "no trusted certificate vouches" in answer["untrusted"]


def test_no_export(exported):
    exported.write_text("hello")
    result = verify()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "onb: out.mp4 is no ONVIF export that could be verified: it is no MP4 file\n"
    answer = json.loads(verify("--json").stdout)
    assert (answer["intact"], "no MP4 file" in answer["error"]) == (False, True)


def test_files_that_are_not_there(exported):
    assert "trust.pem cannot be read: No such file" in verify("--trust", "trust.pem").stderr
    exported.unlink()
    result = verify()
    assert (result.exit_code, result.stderr) == (1, "onb: out.mp4: No such file or directory\n")
