"""`python -m bench.shared_serve FILES ARGUMENTS...`: `onb ARGUMENTS` over an index whose rows share a few real files.

FILES: a folder of segments. Each row's file seems to be one of them, whose samples seem to have been captured when the
row says: a million segments without a million files.
"""

import sys
import uuid
from array import array
from pathlib import Path

from bridge.recorder.library import Library
from bridge.store.rows import SegmentRow
from bridge.store.segment_reader import SegmentReader
from bridge.store.shelf import RecordingShelf


def shifted(reader: SegmentReader, row: SegmentRow) -> SegmentReader:
    """The same samples, from the row's beginning on."""
    for samples in reader.index.tracks:
        ahead_ns = row.start_utc_ns - samples.utc_ns[0]
        samples.utc_ns = array("q", [time_ns + ahead_ns for time_ns in samples.utc_ns])
    return reader


def main(folder: str, arguments: list[str]) -> None:
    """Puts the shared files in place of the rows' own, and runs the command."""
    files = sorted(Path(folder).glob("*.mp4"))

    def path_of(_library: Library, _storage: int, _recording: uuid.UUID, serial: int, _start_ns: int) -> Path:
        return files[serial % len(files)]

    opens = RecordingShelf.open
    Library._path_of = path_of  # type: ignore[method-assign]  # noqa: SLF001 - the point of this program
    RecordingShelf.open = lambda shelf, row: shifted(opens(shelf, row), row)  # type: ignore[method-assign]  # the same

    from bridge.cli.service import main as command

    sys.argv = ["onb", *arguments]
    command()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
