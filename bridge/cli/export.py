"""`onb recordings export`: footage taken away as evidence."""

import datetime as dt
import getpass
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge import __version__
from bridge.cli.opened import load_config, open_config_database, open_media_index
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    FAILED,
    WRONG,
    AsJson,
    ConfigFile,
    errors_as_sentences,
    fail,
    note,
    printable,
    read_time,
    say,
    size_in_words,
)

if TYPE_CHECKING:
    from bridge.recorder.export import Origin
    from bridge.recorder.export_samples import Exported
    from bridge.store.index import MediaIndex
    from bridge.store.reader import Reading
    from bridge.store.rows import RecordingRow
    from bridge.system.config import CameraConfig, Config
    from bridge.system.export_certificate import ExportCertificate


def export(
    out: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="A file that is not there yet.")],
    camera: Annotated[str, typer.Option(metavar="ID", help="Which camera.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="RFC 3339, such as 2026-11-24T18:00:00Z.")],
    until: Annotated[str, typer.Option("--until", "--to", metavar="TIME", help="RFC 3339; is not in it.")],
    stream: Annotated[str, typer.Option(help="Which stream; the first that was recorded if not said.")] = "",
    certificate: Annotated[
        Path | None, typer.Option(metavar="CERT.pem", help="Sign with this certificate; with --key.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="KEY.pem", help="Its RSA key, without a password.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="No signature, no evidence, and gaps left out.")] = False,
    who: Annotated[str, typer.Option(metavar="NAME", help="Who exports; the user of this host if not said.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write a stretch of a recording as one signed MP4, without re-encoding. May run beside the service."""
    from bridge.recorder.listing import token_of

    with errors_as_sentences():
        from_ns, until_ns = read_time("--from", since), read_time("--until", until)
        if until_ns <= from_ns:
            fail(f"--until {until} is not after --from {since}", WRONG)
        if (certificate is None) != (key is None):
            fail("--certificate and --key belong together", WRONG)
        if plain and certificate is not None:
            fail("--plain writes no signature: leave --certificate and --key out", WRONG)
        if out.exists():
            fail(f"{out} is there already; name another file", WRONG)
        loaded = load_config(config)
        signer = None if plain else _signer(loaded, certificate, key)
        name = who or getpass.getuser()
        with open_media_index(loaded) as index:
            if index is None:
                fail("nothing was recorded yet", FAILED)
            row = _recording(index, camera, stream)
            token, outcome = token_of(row), "failed"
            try:
                exported = _write(loaded, index, row, out, from_ns, until_ns, name, signer)
                outcome = "ok"
            finally:
                _enter_in_audit_log(loaded, name, f"{token} {since}/{until}", outcome)
    _tell_exported(out, token, exported, signer, plain=plain, as_json=as_json)


def _signer(config: "Config", certificate: Path | None, key: Path | None) -> "ExportCertificate":
    from bridge.system.export_certificate import CERTIFICATE_FILE, of_files, of_ours
    from bridge.system.secrets import open_vault

    now = dt.datetime.now(dt.UTC)
    if certificate is not None and key is not None:
        return of_files(certificate, key, now)
    if not config.data.is_dir():
        fail("nothing was recorded yet", FAILED)
    signer = of_ours(config.data, open_vault(config.data), socket.gethostname(), now)
    if signer.made:
        note(
            f"made a certificate for exports, {config.data / CERTIFICATE_FILE}: give it to those who are to check them,"
            " by a way that they trust"
        )
    return signer


def _write(
    config: "Config",
    index: "MediaIndex",
    row: "RecordingRow",
    out: Path,
    from_ns: int,
    until_ns: int,
    who: str,
    signer: "ExportCertificate | None",
) -> "Exported":
    """The file appears under its name whole, or not at all."""
    from bridge.recorder.export import export_evidence, export_plain
    from bridge.recorder.sealing import sign

    reading = _reading(index, row)
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w+b") as file:
            if signer is None:
                exported = export_plain(reading.forward(from_ns, until_ns), file, from_ns)
            else:
                origin = _origin(config, row, who, signer)
                exported = export_evidence(reading.forward(from_ns, until_ns), file, from_ns, until_ns, origin)
                sign(file, exported.signature_at, signer.key)
            file.flush()
            os.fsync(file.fileno())
        part.rename(out)
    finally:
        reading.close()
        part.unlink(missing_ok=True)
    return exported


def _origin(config: "Config", row: "RecordingRow", who: str, signer: "ExportCertificate") -> "Origin":
    """What the file says of camera and exporter; a camera that is not configured any more is known by its id."""
    from bridge.base.time import SystemClock
    from bridge.recorder.export import Origin
    from bridge.recorder.listing import token_of

    camera = next((one for one in _cameras(config) if one.id == row.camera), None)
    streams = camera.streams if camera else ()
    url = next((str(one.url) for one in streams if one.name == row.stream), "")
    return Origin(
        recording=token_of(row),
        camera_name=camera.name if camera else row.camera,
        camera_url=url,
        line=row.stream,
        unit_name=socket.gethostname(),
        operator=who,
        utc_ns=SystemClock().utc_ns(),
        software=f"Open Network Bridge {__version__}",
        certificate=signer.der,
        signature_bytes=signer.key.key_size // 8,
    )


def _cameras(config: "Config") -> "tuple[CameraConfig, ...]":
    from bridge.system.database import is_there
    from bridge.system.secrets import open_vault
    from bridge.system.stored_cameras import StoredCameras

    if not is_there(config.data, config.database.get_secret_value()):
        return tuple(config.cameras)
    with open_config_database(config) as database:
        return StoredCameras(database, open_vault(config.data)).with_file(config.cameras).cameras


def _recording(index: "MediaIndex", camera: str, stream: str) -> "RecordingRow":
    mine = [row for row in index.recordings() if row.camera == camera and stream in ("", row.stream)]
    if not mine:
        fail(f"camera {camera}{f', stream {stream}' if stream else ''}: nothing was recorded of it", FAILED)
    # The recording that goes on, else the one that ended last.
    return next((row for row in mine if row.ended_utc_ns is None), mine[-1])


def _reading(index: "MediaIndex", row: "RecordingRow") -> "Reading":
    from bridge.store.layout import StorageFolder
    from bridge.store.reader import Reading
    from bridge.store.shelf import RecordingShelf, not_indexed

    folders = {one.id: StorageFolder(Path(one.path)) for one in index.storages()}
    # The running service writes on: what it has written of the last minute is there, and not in the index yet.
    written = not_indexed([one.recording(row.uuid) for one in folders.values()], row.id, index.highest_serial(row.id))
    return Reading(
        RecordingShelf(
            index,
            row.id,
            row.uuid,
            lambda storage_id, recording, serial, start_ns: (
                folders[storage_id].recording(recording).find(serial, start_ns)
            ),
            lambda: written,
        )
    )


def _enter_in_audit_log(config: "Config", who: str, what: str, outcome: str) -> None:
    """Into config.db, also beside the running service; a log that cannot be written holds up no export."""
    from bridge.base.errors import BridgeError
    from bridge.base.time import SystemClock
    from bridge.system.audit_log import AuditLog

    try:
        with open_config_database(config) as database:
            AuditLog(database, config.limits.audit_rows)(who, "export", what, outcome, "", SystemClock().utc_ns())
    except (BridgeError, OSError) as error:
        note(f"the export is not in the audit log: {error}")


def _tell_exported(
    out: Path, token: str, exported: "Exported", signer: "ExportCertificate | None", *, plain: bool, as_json: bool
) -> None:
    from bridge.base.time import format_utc
    from bridge.recorder.trust import described, fingerprint_of, name_of

    gaps = [(format_utc(gap.from_ns), format_utc(gap.until_ns)) for gap in exported.gaps]
    if as_json:
        by = signer and {"name": name_of(signer.certificate), "sha256": fingerprint_of(signer.certificate)}
        answer: dict[str, object] = {"file": str(out), "recording": token}
        answer |= {"from": format_utc(exported.from_ns), "until": format_utc(exported.until_ns)}
        answer |= {"bytes": exported.size_bytes, "units": exported.units, "signer": by}
        answer |= {"gaps": [{"from": since, "until": until} for since, until in gaps]}
        answer |= {"unreadable": [{"segment": one.serial, "reason": one.reason} for one in exported.broken]}
        say(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    for since, until in gaps:
        note(f"nothing was recorded from {since} until {until}{'; it is left out' if plain else ''}")
    for broken in exported.broken:
        note(f"segment {broken.serial} cannot be read and is left out: {printable(broken.reason)}")
    size = size_in_words(exported.size_bytes)
    by_whom = f", signed by {printable(described(signer.certificate))}" if signer else ""
    say(f"{out}: {format_utc(exported.from_ns)} to {format_utc(exported.until_ns)}, {size}{by_whom}")
