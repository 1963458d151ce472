"""`onb recordings lock`, `locks`, `unlock`: footage that no rule deletes."""

import getpass
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    print_rows,
    printable,
    read_time,
    say,
)

if TYPE_CHECKING:
    from bridge.store.index import MediaIndex
    from bridge.store.rows import RecordingRow
    from bridge.system.config import Config
    from bridge.system.evidence import EvidenceLocks


def lock(
    camera: Annotated[str, typer.Option(metavar="ID", help="Which camera.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="RFC 3339, such as 2026-11-24T18:00:00Z.")],
    until: Annotated[str, typer.Option("--until", "--to", metavar="TIME", help="RFC 3339; may lie in the future.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="For whoever asks later.")],
    stream: Annotated[str, typer.Option(help="Which stream; all that are recorded if not said.")] = "",
    expires: Annotated[str, typer.Option(metavar="TIME", help="Counts until then; for good if not said.")] = "",
    who: Annotated[str, typer.Option(metavar="NAME", help="Who locks it; the user of this host if not said.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Keep a stretch of footage as evidence: no rule deletes it, from now on. May be done beside the service."""
    from bridge.base.time import SystemClock
    from bridge.recorder.listing import token_of
    from bridge.system.evidence import EvidenceLocks

    with errors_as_sentences():
        from_ns, until_ns = read_time("--from", since), read_time("--until", until)
        expires_ns = read_time("--expires", expires) if expires else None
        if until_ns <= from_ns:
            fail(f"--until {until} is not after --from {since}", WRONG)
        loaded = load_config(config)
        now = SystemClock().utc_ns()
        if expires_ns is not None and expires_ns <= now:
            fail(f"--expires {expires} is past", WRONG)
        with open_media_index(loaded) as index, open_config_database(loaded) as database:
            rows = _recordings(index, camera, stream, from_ns, until_ns) if index else []
            if not rows:
                named = f"camera {camera}{f', stream {stream}' if stream else ''}"
                fail(f"{named}: nothing was recorded of it from {since} until {until}", FAILED)
            locks = EvidenceLocks(database)
            for row in rows:
                added = locks.add(
                    row.uuid,
                    from_ns,
                    until_ns,
                    who=who or getpass.getuser(),
                    why=why,
                    created_utc_ns=now,
                    expires_utc_ns=expires_ns,
                )
                say(f"{added.id}\t{token_of(row)}")
                if index is not None and not index.runs(row.id, from_ns, until_ns):
                    note(f"{token_of(row)}: nothing of that stretch is finished yet; what comes is locked")
                _copy(loaded, index, locks, row.uuid)


def locks(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """All evidence locks, also those that have expired."""
    from bridge.base.time import format_utc
    from bridge.recorder.listing import token_of
    from bridge.system.database import is_there
    from bridge.system.evidence import EvidenceLocks

    with errors_as_sentences():
        loaded = load_config(config)
        rows: list[dict[str, object]] = []
        if is_there(loaded.data, loaded.database.get_secret_value()):
            with open_media_index(loaded) as index, open_config_database(loaded) as database:
                tokens = {row.uuid: token_of(row) for row in index.recordings()} if index else {}
                for one in EvidenceLocks(database).list():
                    expires = one.expires_utc_ns
                    rows.append(
                        {
                            "id": str(one.id),
                            "recording": tokens.get(one.recording, str(one.recording)),
                            "from": format_utc(one.from_utc_ns),
                            "until": format_utc(one.until_utc_ns),
                            "who": one.who,
                            "why": one.why,
                            "created": format_utc(one.created_utc_ns),
                            "expires": format_utc(expires) if expires is not None else None,
                        }
                    )
    if not as_json:
        rows = [row | {"expires": row["expires"] or "never"} for row in rows]
    print_rows(rows, as_json, ("id", "recording", "from", "until", "who", "why", "created", "expires"))


def unlock(
    lock_id: Annotated[str, typer.Argument(metavar="ID", help="As `onb recordings locks` shows it.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Remove an evidence lock: the rules may delete that footage again."""
    from bridge.system.database import is_there
    from bridge.system.evidence import EvidenceLocks

    with errors_as_sentences():
        try:
            number = uuid.UUID(lock_id)
        except ValueError:
            fail(f"{lock_id!r} is no id; `onb recordings locks` shows them", WRONG)
        loaded = load_config(config)
        if not is_there(loaded.data, loaded.database.get_secret_value()):
            fail(f"there is no evidence lock {number}", FAILED)
        with open_media_index(loaded) as index, open_config_database(loaded) as database:
            evidence = EvidenceLocks(database)
            removed = evidence.remove(number)
            _copy(loaded, index, evidence, removed.recording)


def _recordings(index: "MediaIndex", camera: str, stream: str, from_ns: int, until_ns: int) -> "list[RecordingRow]":
    """Those that have footage of the stretch, and those that go on: what is being written is not in the index yet."""
    mine = [row for row in index.recordings() if row.camera == camera and stream in ("", row.stream)]
    return [
        row
        for row in mine
        if index.runs(row.id, from_ns, until_ns) or (row.ended_utc_ns is None and row.created_utc_ns < until_ns)
    ]


def _copy(config: "Config", index: "MediaIndex | None", locks: "EvidenceLocks", recording: uuid.UUID) -> None:
    """Beside the footage, on every storage that holds the recording."""
    from bridge.store.layout import StorageFolder
    from bridge.system.evidence_copies import mirror

    paths: Iterable[Path] = map(config.folder_of, config.recording.storages)
    if index is not None:
        paths = [*paths, *(Path(row.path) for row in index.storages())]
    for problem in mirror(locks, recording, [StorageFolder(path) for path in dict.fromkeys(paths)]):
        note(printable(problem))
