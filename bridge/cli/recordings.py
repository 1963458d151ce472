"""`onb recordings`: what was recorded; `export`, `integrity` and `evidence` hold its other commands."""

import json
from typing import Any

import typer

from bridge.cli.evidence import lock, locks, unlock
from bridge.cli.export import export
from bridge.cli.integrity import check, reindex
from bridge.cli.opened import load_config, open_media_index
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    errors_as_sentences,
    print_rows,
    say,
    size_in_words,
)
from bridge.cli.verify import verify

recordings_app = typer.Typer(help="What was recorded.", no_args_is_help=True)
recordings_app.command()(check)
recordings_app.command()(reindex)
recordings_app.command()(export)
recordings_app.command()(verify)
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
