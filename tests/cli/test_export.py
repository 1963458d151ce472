import json
import socket
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.system import schema
from bridge.system.certificate_files import load_certificates
from bridge.system.database import open_database
from tests.cli.onb import onb
from tests.recorder.exports import certificate, der, key
from tests.system.test_export_certificate import pem

TIMES = ("--from", "2026-11-18T11:06:41Z", "--until", "2026-11-18T11:06:43Z")


def export(*more):
    return onb("recordings", "export", "--camera", "cam-1", *more)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "today", "--until", "2026-11-18T11:06:43Z"), "'today' is not an RFC 3339 time"),
        (("--from", "2026-11-18T11:06:43Z", "--until", "2026-11-18T11:06:43Z"), "is not after --from"),
    ],
)
def test_wrong_times(archive, arguments, sentence):
    result = export(*arguments, "out.mp4")
    assert (result.exit_code, Path("out.mp4").exists()) == (2, False)
    assert sentence in result.stderr


def test_what_is_not_there_is_not_exported(archive):
    times = ("--from", "2026-11-18T11:06:41Z", "--until", "2026-11-18T11:06:43Z")
    assert (
        "camera gate: nothing was recorded of it"
        in onb("recordings", "export", "--camera", "gate", *times, "out.mp4").stderr
    )
    Path("out.mp4").touch()
    assert export(*times, "out.mp4").exit_code == 2
    result = export("--from", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z", "other.mp4")
    assert (result.exit_code, Path("other.mp4").exists(), Path("other.mp4.part").exists()) == (1, False, False)


def test_a_stretch_is_exported(archive):
    result = export("--from", "2026-11-18T11:06:41Z", "--until", "2026-11-18T11:06:43Z", "out.mp4")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("out.mp4: 2026-11-18T11:06:41.000Z to ")
    assert Path("out.mp4").read_bytes()[4:8] == b"ftyp"


def audited():
    database = open_database(Path("data"))
    try:
        return database.read(lambda connection: [tuple(row) for row in connection.execute(AUDIT)])
    finally:
        database.close()


AUDIT = sa.select(*(schema.audit.c[name] for name in ("principal", "action", "object", "outcome")))


def test_it_is_signed_and_verified(archive):
    result = export(*TIMES, "--who", "ann", "out.mp4")
    assert "data/export-certificate.pem: give it to those who are to check them" in result.stderr
    assert f", signed by CN={socket.gethostname()},OU=Open Network Bridge exports (SHA-256 " in result.stdout
    assert "made a certificate" not in export(*TIMES, "second.mp4").stderr
    verified = onb("recordings", "verify", "out.mp4", "--trust", "data/export-certificate.pem")
    assert verified.exit_code == 0
    assert verified.stdout.startswith(f"out.mp4: intact, signed by CN={socket.gethostname()},OU=Open")
    assert f"by ann on {socket.gethostname()}\n" in verified.stdout
    assert "rec-cam-1.main: 2026-11-18T11:06:41.000Z to 2026-11-18T11:06:42.750Z\n" in verified.stdout


def test_the_audit_log_knows(archive):
    export(*TIMES, "--who", "ann", "out.mp4")
    export("--from", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z", "--who", "ben", "--plain", "other.mp4")
    assert audited() == [
        ("ann", "export", "rec-cam-1.main 2026-11-18T11:06:41Z/2026-11-18T11:06:43Z", "ok"),
        ("ben", "export", "rec-cam-1.main 2020-01-01T00:00:00Z/2020-01-02T00:00:00Z", "failed"),
    ]


def test_gaps_are_told(archive):
    """Segment 4 is missing, and what was asked for begins before there was anything."""
    times = ("--from", "2026-11-18T11:06:30Z", "--until", "2026-11-18T11:06:46Z")
    result = export(*times, "out.mp4")
    assert "nothing was recorded from 2026-11-18T11:06:30.000Z until 2026-11-18T11:06:41.000Z\n" in result.stderr
    answer = json.loads(export(*times, "json.mp4", "--json").stdout)
    assert answer["gaps"][0] == {"from": "2026-11-18T11:06:30.000Z", "until": "2026-11-18T11:06:41.000Z"}
    assert (answer["file"], answer["recording"]) == ("json.mp4", "rec-cam-1.main")
    assert answer["bytes"] == Path("json.mp4").stat().st_size
    assert set(answer["signer"]) == {"name", "sha256"}
    verified = onb("recordings", "verify", "out.mp4")
    assert "nothing was recorded from 2026-11-18T11:06:30.000Z until 2026-11-18T11:06:41.000Z\n" in verified.stdout


def test_plain(archive):
    result = export(*TIMES, "--plain", "out.mp4")
    assert (result.exit_code, "signed" in result.stdout) == (0, False)
    assert not Path("data/export-certificate.pem").exists()
    assert json.loads(export(*TIMES, "--plain", "json.mp4", "--json").stdout)["signer"] is None
    result = onb("recordings", "verify", "out.mp4")
    assert (result.exit_code, "out.mp4 is no ONVIF export" in result.stderr) == (1, True)


@pytest.fixture
def yours(folder):
    Path("cert.pem").write_bytes(certificate().public_bytes(Encoding.PEM))
    Path("key.pem").write_bytes(pem(key()))
    return ("--certificate", "cert.pem", "--key", "key.pem")


def test_with_your_certificate(archive, yours):
    result = export(*TIMES, *yours, "out.mp4")
    assert "signed by CN=Exporter (SHA-256 " in result.stdout
    assert not Path("data/export-certificate.pem").exists()
    assert der(certificate()) in Path("out.mp4").read_bytes()
    assert load_certificates(Path("cert.pem")) == [certificate()]


@pytest.mark.parametrize(
    ("break_it", "sentence", "code"),
    [
        (lambda: Path("key.pem").unlink(), "key.pem cannot be read: No such file", 1),
        (lambda: Path("key.pem").write_bytes(pem(key(1))), "is not that of the certificate in cert.pem", 1),
        (lambda: Path("cert.pem").write_text("x"), "cert.pem holds no certificate", 1),
        (lambda: Path("cert.pem").write_bytes(EXPIRED), "cert.pem is valid from 2020-01-01 00:00 to 2021-01-01", 1),
    ],
)
def test_what_is_wrong_with_your_certificate(archive, yours, break_it, sentence, code):
    break_it()
    result = export(*TIMES, *yours, "out.mp4")
    assert (result.exit_code, sentence in result.stderr) == (code, True), result.stderr
    assert not list(Path.cwd().glob("out.mp4*"))


EXPIRED = certificate(until=2021).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "more", [("--key", "key.pem"), ("--certificate", "cert.pem"), ("--certificate", "c", "--key", "k", "--plain")]
)
def test_options_that_do_not_go_together(archive, more):
    assert export(*TIMES, *more, "out.mp4").exit_code == 2


def test_a_folder_without_recordings(folder):
    assert "nothing was recorded yet" in export(*TIMES, "out.mp4").stderr
    assert not Path("data").exists()


def test_a_file_that_cannot_be_written(archive):
    result = export(*TIMES, "nowhere/out.mp4")
    assert (result.exit_code, "nowhere/out.mp4.part: No such file or directory" in result.stderr) == (1, True)


def test_the_camera_is_named_without_its_log_in(folder):
    """As the file of the configuration has it now; see tests/cli/onb.py."""
    from bridge.cli.export import _origin
    from bridge.cli.opened import load_config
    from bridge.store.rows import RecordingRow
    from bridge.system.export_certificate import ExportCertificate

    row = RecordingRow(1, None, "gate", "main", 0, None)
    origin = _origin(load_config(Path("onb.toml")), row, "ann", ExportCertificate(certificate(), key()))
    assert (origin.camera_name, origin.camera_url, origin.line) == ("The gate", "rtsp://192.0.2.1/s", "main")
    gone = RecordingRow(1, None, "gone", "main", 0, None)
    origin = _origin(load_config(Path("onb.toml")), gone, "ann", ExportCertificate(certificate(), key()))
    assert (origin.camera_name, origin.camera_url) == ("gone", "")
