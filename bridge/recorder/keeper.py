"""Who records: what is written in his name on every storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from structlog.typing import FilteringBoundLogger

from bridge.base.errors import DamagedError
from bridge.store.chain import ChainWriter, Signer
from bridge.store.index import MediaIndex
from bridge.store.layout import RecordingFolder, StorageFolder
from bridge.store.oldest import Range

Locked = Callable[[UUID], Sequence[Range]]
"""A recording -> stretches of time that are locked as evidence. May block; raises DatabaseUnusableError."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who records: UUID and key stand in everything that is written, and where it is known."""

    recorder: UUID
    signer: Signer
    index: MediaIndex
    locked: Locked


def amend(folder: RecordingFolder, log: FilteringBoundLogger, **facts: int | None) -> None:
    """Changes recording.json where it says otherwise. One that cannot be read stays as it is. Raises OSError."""
    try:
        before = folder.facts()
    except (FileNotFoundError, DamagedError) as error:
        log.warning("recording.json cannot be changed", path=str(folder.path), reason=str(error))
        return
    after = replace(before, **facts)  # type: ignore[arg-type]  # of those facts that are numbers
    if after != before:
        folder.write_facts(after)


class Chains:
    """The chains of a storage's recordings, opened when they are needed. One thread at a time."""

    def __init__(self, folder: StorageFolder, signer: Signer) -> None:
        self._folder = folder
        self._signer = signer
        self._opened: dict[UUID, ChainWriter] = {}

    def of(self, recording: UUID) -> ChainWriter:
        """Raises OSError."""
        chain = self._opened.get(recording)
        if chain is None:
            chain = self._opened[recording] = ChainWriter(self._folder.recording(recording), self._signer)
        return chain

    def forget(self) -> None:
        """Others may have written to them."""
        self._opened.clear()
