"""`onb recordings`: what was recorded, and taking it away; `integrity` and `evidence` are the other commands of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.evidence import lock, locks, unlock
from bridge.cli.integrity import check, reindex
from bridge.cli.opened import load_config, open_media_index
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
    read_time,
    say,
    size_in_words,
)

if TYPE_CHECKING:
    from bridge.store.index import MediaIndex

recordings_app = typer.Typer(help="What was recorded.", no_args_is_help=True)
recordings_app.command()(check)
recordings_app.command()(reindex)
recordings_app.command()(lock)
recordings_app.command()(locks)
recordings_app.command()(unlock)


@recordings_app.command("list")
def recordings_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """All recordings: since when, until when, how much, and where there are gaps."""
    from bridge.recorder.listing import describe, list_recordings
    from bridge.system.control import NotRunningError, ask

    with errors_as_sentences():
        loaded = load_config(config)
        rows: Any  # JSON
        try:
            rows = ask(loaded.data, "recordings", timeout_s=60).get("recordings")
        except NotRunningError:
            with open_media_index(loaded) as index:
                rows = [describe(one) for one in list_recordings(index)] if index else []
    if as_json:
        say(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        row["gaps"] = len(row["gaps"])
        row["size"] = size_in_words(row["bytes"])
    print_rows(rows, False, ("recording", "from", "until", "size", "segments", "gaps"))


@recordings_app.command("export")
def recordings_export(
    out: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="A file that is not there yet.")],
    camera: Annotated[str, typer.Option(metavar="ID", help="Which camera.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="RFC 3339, such as 2026-11-24T18:00:00Z.")],
    until: Annotated[str, typer.Option("--until", "--to", metavar="TIME", help="RFC 3339; is not in it.")],
    stream: Annotated[str, typer.Option(help="Which stream; the first that was recorded if not said.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write a stretch of a recording as one MP4, without re-encoding. May run beside the service."""
    from bridge.base.time import format_utc
    from bridge.recorder.export import ExportError, export_plain
    from bridge.store.reader import Reading

    with errors_as_sentences():
        from_ns, until_ns = read_time("--from", since), read_time("--until", until)
        if until_ns <= from_ns:
            fail(f"--until {until} is not after --from {since}", WRONG)
        if out.exists():
            fail(f"{out} is there already; name another file", WRONG)
        loaded = load_config(config)
        part = out.with_name(out.name + ".part")
        with open_media_index(loaded) as index:
            if index is None:
                fail("nothing was recorded yet", FAILED)
            reading = Reading(_shelf(index, camera, stream))
            try:
                with part.open("wb") as file:
                    exported = export_plain(reading.forward(from_ns, until_ns), file, from_ns)
                part.rename(out)
            except ExportError as error:
                fail(str(error), FAILED)
            finally:
                reading.close()
                part.unlink(missing_ok=True)
    for gap in exported.gaps:
        note(f"nothing was recorded from {format_utc(gap.from_ns)} until {format_utc(gap.until_ns)}; it is left out")
    for broken in exported.broken:
        note(f"segment {broken.serial} cannot be read and is left out: {broken.reason}")
    size = size_in_words(exported.size_bytes)
    say(f"{out}: {format_utc(exported.from_ns)} to {format_utc(exported.until_ns)}, {size}")


def _shelf(index: "MediaIndex", camera: str, stream: str) -> Any:  # Any: a Shelf, imported when it is needed
    from bridge.store.layout import StorageFolder
    from bridge.store.shelf import RecordingShelf, not_indexed

    mine = [row for row in index.recordings() if row.camera == camera and stream in ("", row.stream)]
    if not mine:
        fail(f"camera {camera}{f', stream {stream}' if stream else ''}: nothing was recorded of it", FAILED)
    folders = {row.id: StorageFolder(Path(row.path)) for row in index.storages()}
    # The recording that goes on, else the one that ended last.
    row = next((row for row in mine if row.ended_utc_ns is None), mine[-1])
    # The running service writes on: what it has written of the last minute is there, and not in the index yet.
    written = not_indexed([one.recording(row.uuid) for one in folders.values()], row.id, index.highest_serial(row.id))
    return RecordingShelf(
        index,
        row.id,
        row.uuid,
        lambda storage_id, recording, serial, start_ns: folders[storage_id].recording(recording).find(serial, start_ns),
        lambda: written,
    )
