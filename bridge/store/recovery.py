"""What a crash left open is finished: the steps of docs/design/store.md, "Recover". Run before recording begins.

Every step may be cut off itself and is done again at the next start. What is not ours, and what was damaged in another
way than a crash does, is named and left as it is.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.base.time import NS_PER_S
from bridge.store.chain import ChainWriter, Entry, Signer, What, read_chain
from bridge.store.format import SEAL_BOX_BYTES, SEAL_HEAD, ClockFacts, Head, KeyTable, encode_index, lead_of
from bridge.store.layout import SERIALS_PER_FOLDER, RecordingFolder, SegmentFile, sync_folder
from bridge.store.rows import ChainHead
from bridge.store.sample_index import SampleIndex
from bridge.store.segment_writer import FinishedSegment, finished
from bridge.store.serials import Stretch, merged
from bridge.store.walk import StoredFragment, add_to_index, digest_of, read_at, read_footer, read_head, walk
from bridge.wire.mp4.fragment import parse_prft
from bridge.wire.mp4.init import FTYP

#: The last sync of a file was at most so long before the crash (sync_interval of 2 s, and a second).
SUSPECT_NS = 3 * NS_PER_S

#: Where the index was lost, so many files at the end are looked at, should the chain be lost as well.
MAX_LEFT_OPEN = 32

_BLOCK_BYTES = 1 << 20
_PRFT_BYTES = 32


@dataclass(slots=True)
class Recovered:
    """What was found and done.

    segments:    to be committed as rows, by serial
    deletions:   serials whose deletion the chain tells: rows of them, if there are any, are to be removed
    next_serial: behind the highest that is anywhere
    chain:       its head
    cut_bytes:   torn ends of segments and of the chain
    removed:     segments without a fragment
    unlinked:    files of deletions that were not finished
    notes:       what was left as it is, and why: a line each
    """

    segments: list[FinishedSegment] = field(default_factory=list)
    deletions: list[Stretch] = field(default_factory=list)
    next_serial: int = 1
    chain: ChainHead = field(default_factory=ChainHead)
    cut_bytes: int = 0
    removed: list[Path] = field(default_factory=list)
    unlinked: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def recover_recording(
    folder: RecordingFolder,
    highest_indexed_serial: int | None,
    recorder: UUID,
    signer: Signer,
    now_utc_ns: int,
    *,
    suspect_ns: int = SUSPECT_NS,
) -> Recovered:
    """Brings one recording on one storage into order.

    highest_indexed_serial: of the rows that the index ever had of it there; 0: none; None: the index was lost. Then
                            only what lies behind the chain's end was open, and all else is left for a rebuilt index
    suspect_ns:             so much before a crash may not have reached the disk
    Raises OSError when the chain cannot be written; files that fail are named in the notes.
    """
    found = Recovered()
    chain = ChainWriter(folder, signer)
    found.cut_bytes += chain.cut_bytes
    told, deleted, highest = _told(folder, highest_indexed_serial, signer.public_key)
    if highest_indexed_serial is None:
        highest_indexed_serial = highest = max(highest, _newest(folder) - MAX_LEFT_OPEN)
    found.deletions = merged(deleted)
    for first, last in found.deletions:
        found.unlinked += folder.unlink_segments(first, last)
    found.notes += [f"{path}: not ours, left as it is" for path in folder.foreign()] if folder.path.is_dir() else []
    for file in list(folder.segments(highest_indexed_serial + 1)):
        highest = max(highest, file.serial)
        try:
            segment = _OpenFile(folder, file, recorder, suspect_ns, found).recovered(told.get(file.serial))
        except OSError as error:
            found.notes.append(f"{file.path}: {error.strerror or error}, left as it is")
            continue
        if segment is None:
            continue
        if file.serial not in told:
            chain.append(What.RECOVERED, segment.serial, now_utc_ns, digest=segment.digest)
        found.segments.append(segment)
    found.next_serial = highest + 1
    found.chain = chain.head
    return found


def _newest(folder: RecordingFolder) -> int:
    """The highest serial of all files; 0: there is none."""
    for thousand in reversed(folder.thousands()):
        first = int(thousand.name) * SERIALS_PER_FOLDER
        there = [file.serial for file in folder.segments(first, first + SERIALS_PER_FOLDER)]
        if there:
            return max(there)
    return 0


def _told(
    folder: RecordingFolder, from_serial: int | None, public_key: bytes
) -> tuple[dict[int, Entry], list[Stretch], int]:
    """(entries of segments, deletions, highest serial) of the chain's newest parts: from the folder of that serial on.

    Deletions are told in the newest part at their time, so the last two have all that may be unfinished. What the
    recorder did not sign itself deletes nothing.
    """
    firsts = [int(path.parent.name) * SERIALS_PER_FOLDER for path in folder.chains()[-2:]]
    firsts += [] if from_serial is None else [from_serial]
    told: dict[int, Entry] = {}
    deleted: list[Stretch] = []
    highest = from_serial or 0
    for read in read_chain(folder, min(firsts, default=0)):
        entry = read.entry
        if isinstance(entry, DamagedError):
            continue  # `verify_chain` names it
        highest = max(highest, entry.until_serial)
        if entry.what is What.DELETED:
            if entry.is_signed_by(public_key):
                deleted.append((entry.serial, entry.until_serial))
        else:
            told[entry.serial] = entry
    return told, deleted, highest


class _OpenFile:
    """One file above the highest indexed serial."""

    def __init__(
        self, folder: RecordingFolder, file: SegmentFile, recorder: UUID, suspect_ns: int, found: Recovered
    ) -> None:
        self._folder = folder
        self._path = file.path
        self._serial = file.serial
        self._recorder = recorder
        self._suspect_ns = suspect_ns
        self._found = found

    def recovered(self, entry: Entry | None) -> FinishedSegment | None:
        """The segment, on disk; None: there is none. entry: of the chain, which was made after the file was synced."""
        self._descriptor = os.open(self._path, (os.O_RDONLY if entry else os.O_RDWR) | os.O_CLOEXEC)
        try:
            self._size = os.fstat(self._descriptor).st_size
            head = self._head(entry)
            if head is None:
                return None
            return self._finish(head) if entry is None else self._take(head, entry)
        finally:
            os.close(self._descriptor)

    def _head(self, entry: Entry | None) -> Head | None:
        try:
            head = read_head(self._descriptor)
        except DamagedError as error:
            if entry is None and self._is_torn_head():
                self._remove()
            else:
                self._note(f"{error}, left as it is")
            return None
        header = head.header
        for name, value, expected in (
            ("recording", header.recording, self._folder.uuid),
            ("recorder", header.recorder, self._recorder),
            ("serial", header.serial, self._serial),
        ):
            if value != expected:
                self._note(f"{name} {value} where {expected} is expected, left as it is")
                return None
        return head

    def _is_torn_head(self) -> bool:
        """Whether its writing had just begun: the first bytes are ours or never came, and no seal follows."""
        start = read_at(self._descriptor, len(FTYP), 0)
        return (start == FTYP[: len(start)] or not any(start)) and next(self._seals_behind(0), None) is None

    def _take(self, head: Head, entry: Entry) -> FinishedSegment | None:
        """A segment that was finished: nothing is written to it."""
        footer = None
        with contextlib.suppress(DamagedError):
            footer = read_footer(self._descriptor, head, self._size)
        if footer is not None:
            index, seals = footer.footer.index, footer.footer.seals
        else:
            fragments, torn = self._walk(head)
            index, _ = _described(head, fragments)
            seals = tuple(fragment.sealed for fragment in fragments)
            self._note(f"{torn or 'no footer'}, left as it is")
        digest = hashlib.sha256(head.raw + b"".join(seals)).digest()
        if digest != entry.digest:
            self._note(f"was changed after it was written: digest {digest.hex()}; {entry.digest.hex()} expected")
        if not len(index):
            return None
        return finished(head.header, index, lead_of(head.tracks), self._size, digest)

    def _finish(self, head: Head) -> FinishedSegment | None:
        """A segment that may have been open."""
        fragments, torn = self._walk(head)
        if torn is not None and self._lasts_behind(torn.offset, fragments) > self._suspect_ns:
            self._note(f"{torn}, with footage behind it, left as it is")
            return None
        fragments = self._sealed(fragments)
        if not fragments:
            self._remove()
            return None
        end = fragments[-1].end
        index, keys = _described(head, fragments)
        seals = tuple(fragment.sealed for fragment in fragments)
        if not self._has_footer(head, end, seals, keys.box()):
            self._found.cut_bytes += self._size - end
            os.ftruncate(self._descriptor, end)
            footer = encode_index(index, seals, ClockFacts()) + keys.box()
            self._size = end
            while footer:
                written = os.pwrite(self._descriptor, footer, self._size)
                self._size += written
                footer = footer[written:]
        os.fsync(self._descriptor)
        sync_folder(self._path.parent)
        digest = hashlib.sha256(head.raw + b"".join(seals)).digest()
        return finished(head.header, index, lead_of(head.tracks), self._size, digest)

    def _walk(self, head: Head) -> tuple[list[StoredFragment], DamagedError | None]:
        """The fragments that can be read, and what comes instead of the next one."""
        fragments: list[StoredFragment] = []
        try:
            for fragment in walk(self._descriptor, head, self._size):
                fragments.append(fragment)  # noqa: PERF402 - what was read before an error stays
        except DamagedError as error:
            return fragments, error
        return fragments, None

    def _sealed(self, fragments: list[StoredFragment]) -> list[StoredFragment]:
        """Those before the first one whose seal is not true, of those that may not have reached the disk."""
        latest = max((fragment.latest_utc_ns for fragment in fragments), default=0)
        for number, fragment in enumerate(fragments):
            suspect = latest - fragment.latest_utc_ns <= self._suspect_ns or number == len(fragments) - 1
            if suspect and digest_of(self._descriptor, fragment) != fragment.sealed:
                return fragments[:number]
        return fragments

    def _lasts_behind(self, at: int, fragments: list[StoredFragment]) -> int:
        """How much footage, in ns, whole fragments still seem to hold behind a place that cannot be read."""
        times = list(self._seals_behind(at))
        before = [fragment.latest_utc_ns for fragment in fragments[-1:]]
        known = [time for time in times if time]
        return max(known) - min(before + known) if known else 0

    def _seals_behind(self, at: int) -> Iterator[int]:
        """Of each seal behind that place, when the fragment that follows it was captured; 0: none follows."""
        overlap = len(SEAL_HEAD) + SEAL_BOX_BYTES + _PRFT_BYTES
        while at < self._size:
            data = read_at(self._descriptor, _BLOCK_BYTES + overlap, at)
            place = data.find(SEAL_HEAD)
            while 0 <= place < _BLOCK_BYTES:
                try:
                    yield parse_prft(data, place + SEAL_BOX_BYTES)[1]
                except DamagedError:
                    yield 0
                place = data.find(SEAL_HEAD, place + 1)
            at += _BLOCK_BYTES

    def _has_footer(self, head: Head, end: int, seals: tuple[bytes, ...], mfra: bytes) -> bool:
        try:
            stored = read_footer(self._descriptor, head, self._size)
        except DamagedError:
            return False
        return stored is not None and (stored.at, stored.footer.seals, stored.mfra) == (end, seals, mfra)

    def _remove(self) -> None:
        self._path.unlink()
        sync_folder(self._path.parent)
        self._found.removed.append(self._path)

    def _note(self, text: str) -> None:
        self._found.notes.append(f"{self._path}: {text}")


def _described(head: Head, fragments: list[StoredFragment]) -> tuple[SampleIndex, KeyTable]:
    """What the footer of these fragments says."""
    index, keys = SampleIndex(len(head.tracks)), KeyTable(head.tracks)
    for fragment in fragments:
        add_to_index(index, head, fragment)
        keys.add(fragment.runs, fragment.moof_at)
    return index, keys
