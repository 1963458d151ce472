"""`onb recordings check` and `reindex`: whether all that was recorded is there; the index made anew from the files."""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.opened import load_config, open_config_database
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    FAILED,
    AsJson,
    ConfigFile,
    errors_as_sentences,
    fail,
    note,
    printable,
    say,
    size_in_words,
)

if TYPE_CHECKING:
    from bridge.store.check import Check, Keys
    from bridge.store.database import Database
    from bridge.store.layout import Fault
    from bridge.store.reindex import Place
    from bridge.system.config import Config
    from bridge.system.evidence import EvidenceLocks

#: Between the two looks at what does not agree while a service runs: it finishes and deletes within less.
SECOND_LOOK_S = 3

DAMAGED_SUFFIX = ".damaged"


def check(
    digests: Annotated[bool, typer.Option("--digests", help="Read every byte, and make every digest anew.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check all recordings; exit 1 when something is damaged. Read-only, may run beside the service."""
    from bridge.store.check import Check
    from bridge.store.index import INDEX
    from bridge.store.read_only import open_read_only
    from bridge.system.data_lock import is_held

    with errors_as_sentences():
        loaded = load_config(config)
        index = open_read_only(loaded.data, INDEX, loaded.database.get_secret_value())
        try:
            checking = Check(
                index,
                [loaded.folder_of(storage) for storage in loaded.recording.storages],
                _keys(loaded),
                digests=digests,
                in_use=lambda: is_held(loaded.data),
                pause=lambda: time.sleep(SECOND_LOOK_S),
            )
            faults = _tell(checking, as_json=as_json)
        finally:
            if index is not None:
                index.close()
    if faults:
        raise typer.Exit(FAILED)


def _tell(checking: "Check", *, as_json: bool) -> int:
    """Prints what is found, as it is found unless it is JSON; how much that was."""
    faults: list[dict[str, object]] = []
    count = 0
    for count, fault in enumerate(checking.faults(), 1):  # noqa: B007 - it is used behind the loop
        if as_json:
            byte = fault.offset if fault.offset >= 0 else None
            faults.append({"path": str(fault.path), "byte": byte, "fault": fault.text})
        else:
            say(printable(str(fault)))
    done = checking.checked
    if as_json:
        numbers = {"recordings": done.recordings, "segments": done.segments, "bytes": done.size_bytes}
        numbers |= {"being_written": done.being_written, "chain_entries": done.chain_entries}
        say(json.dumps({"faults": faults, **numbers}, indent=2))
        return count
    going_on = f", {done.being_written} being written" if done.being_written else ""
    say(
        f"recordings: {done.recordings}, segments: {done.segments} ({size_in_words(done.size_bytes)}){going_on},"
        f" chain entries: {done.chain_entries}; {f'faults: {count}' if count else 'no faults'}"
    )
    return count


def _keys(config: "Config") -> "Keys | None":
    """Whose recordings these are, as config.db knows it; None: there is none."""
    from bridge.store.chain import KeySigner
    from bridge.store.check import Keys
    from bridge.store.read_only import open_read_only
    from bridge.system.database import CONFIG
    from bridge.system.identity import recorder_of
    from bridge.system.secrets import open_vault

    database = open_read_only(config.data, CONFIG, config.database.get_secret_value())
    if database is None:
        return None
    try:
        recorder = recorder_of(database, open_vault(config.data, make=False))
    finally:
        database.close()
    return Keys(recorder.uuid, KeySigner(recorder.signing_key).public_key) if recorder else None


def reindex(
    without_missing: Annotated[
        bool, typer.Option("--without-missing", help="Go on though storages are missing: what they hold is not found.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make the index anew from the files of all storages. Not while the service runs."""
    from bridge.base.time import SystemClock
    from bridge.store.chain import KeySigner
    from bridge.store.layout import StorageFolder
    from bridge.store.reindex import Reindex
    from bridge.system import data_lock
    from bridge.system.database import is_there
    from bridge.system.evidence import EvidenceLocks
    from bridge.system.evidence_copies import mirror
    from bridge.system.identity import identity_of
    from bridge.system.secrets import open_vault

    with errors_as_sentences(), ExitStack() as opened:
        loaded = load_config(config)
        if not is_there(loaded.data, loaded.database.get_secret_value()):
            fail(f"{loaded.data} has no config.db, which says whose recordings are ours: restore it first", FAILED)
        try:
            opened.enter_context(data_lock.hold(loaded.data))
        except data_lock.DataInUseError:
            fail(f"the service runs on {loaded.data}: stop it first", FAILED)
        database = opened.enter_context(open_config_database(loaded))
        identity = identity_of(database, open_vault(loaded.data))
        index = _open_for_rebuild(loaded)
        opened.callback(index.close)
        places = _places(loaded, index)
        _refuse_missing(places, without_missing=without_missing)
        evidence = EvidenceLocks(database)
        _take_over_locks(evidence, places, identity.recorder_uuid)
        rebuild = Reindex(
            index,
            identity.recorder_uuid,
            KeySigner(identity.signing_key),
            SystemClock().utc_ns(),
            tell=lambda line: note(printable(line)),
            name=_say_fault,
        )
        done = rebuild.run(places)
        for recording in {lock.recording for lock in evidence.list()}:
            for problem in mirror(evidence, recording, [StorageFolder(place.path) for place in places]):
                note(printable(problem))
        say(
            f"recordings: {done.recordings}, segments: {done.segments} ({size_in_words(done.size_bytes)});"
            f" {f'faults: {done.faults}' if done.faults else 'no faults'}"
        )


def _say_fault(fault: "Fault") -> None:
    say(printable(str(fault)))


def _open_for_rebuild(config: "Config") -> "Database":
    """The index, whatever state it is in: a damaged file is moved aside."""
    from bridge.store.index import INDEX, open_index
    from bridge.store.sqlite import is_damaged

    address = config.database.get_secret_value()
    path = config.data / INDEX.file_name
    if not address and path.exists() and is_damaged(path):
        for ending in ("", "-wal", "-shm"):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.replace(part.with_name(f"{path.name}{DAMAGED_SUFFIX}{ending}"))
        note(f"{path} is damaged; it is {path.name}{DAMAGED_SUFFIX} now. The events that it held are lost")
    return open_index(config.data, address)


def _places(config: "Config", index: "Database") -> list["Place"]:
    """The storages of the configuration, and those that are not in it any more but hold segments."""
    from bridge.store.index import MediaIndex
    from bridge.store.reindex import Place

    places = [
        Place(storage.name, config.folder_of(storage), made=not storage.path) for storage in config.recording.storages
    ]
    known = MediaIndex(index)
    for row in known.storages():
        place = Place(row.name, Path(row.path))
        if place.path not in [one.path for one in places] and known.totals_of_storage(row.id).segments:
            places.append(place)
    return places


def _refuse_missing(places: Sequence["Place"], *, without_missing: bool) -> None:
    from bridge.store.reindex import missing

    absent = missing(places)
    for place in absent:
        note(f"storage {place.name}: {place.path} is no storage now: it was never used, or its disk is not mounted")
    if absent and not without_missing:
        fail("nothing was changed: mount what is missing, or go on with --without-missing", FAILED)


def _take_over_locks(evidence: "EvidenceLocks", places: Sequence["Place"], recorder: object) -> None:
    """What config.db does not know of the locks beside the footage counts again, before anything can be deleted."""
    from bridge.base.errors import DamagedError
    from bridge.store.layout import RecordingFolder, StorageFolder
    from bridge.store.reindex import missing
    from bridge.system.evidence_copies import take_over

    def is_ours(folder: RecordingFolder) -> bool:
        try:
            return folder.facts().recorder == recorder
        except (OSError, DamagedError):
            return True  # who knows: what is locked too much does no harm

    absent = missing(places)
    storages = [StorageFolder(place.path) for place in places if place not in absent and place.path.is_dir()]
    taken, problems = take_over(
        evidence, [folder for storage in storages for folder in storage.recordings() if is_ours(folder)]
    )
    for problem in problems:
        note(printable(problem))
    if taken:
        note(f"evidence locks that config.db did not know: {taken}, taken over")
