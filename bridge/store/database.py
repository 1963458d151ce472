"""A database of ours: opened, migrated, and written by one thread. What it lies on is the backends' business.

The service and `onb` may use it at once, with SQLite and PostgreSQL alike: writers take turns, readers never wait.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from bridge.store.backend import Backend, DatabaseKind, DatabaseUnusableError, bring_to_head, explained
from bridge.store.sqlite import SqliteFile

QUEUE_DEPTH = 10_000
BATCH_ROWS = 1_000

T = TypeVar("T")
Row = Mapping[str, object]
Work = Callable[[sa.Connection], T]


class Database:
    """Reads run on the caller's thread, writes on the one writer thread, in batches of one commit.

    The queue holds QUEUE_DEPTH writes. When it is full (a hung disk), `post` drops the new row and counts it in
    `dropped`; `write` raises. When the database is gone, what was posted is lost and counted, what is asked for fails,
    and the next batch tries again.
    """

    def __init__(self, backend: Backend, name: str) -> None:
        """Use `open_database`."""
        self.place = backend.place
        self.dropped = 0
        self._backend = backend
        self._queue: queue.Queue[_Posted | _Asked | None] = queue.Queue(QUEUE_DEPTH)
        self._closed = False
        self._writer = threading.Thread(target=self._write_until_closed, name=f"{name} database writer", daemon=True)
        self._writer.start()

    def read(self, work: Work[T]) -> T:
        """`work` sees one consistent state. Blocks for the query: not on the reactor. Raises DatabaseUnusableError."""
        with explained(self._backend), self._backend.reader.begin() as connection:
            return work(connection)

    def submit(self, work: Work[T]) -> "Future[T]":
        """`work` runs on the writer thread; the future is done once it is committed."""
        asked = _Asked(work)
        if self._closed:
            raise DatabaseUnusableError(f"{self.place} is closed")
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            raise DatabaseUnusableError(f"{self.place} cannot be written: {QUEUE_DEPTH} writes are waiting") from None
        return asked.future

    def write(self, work: Work[T], *, timeout_s: int = 30) -> T:
        """`submit`, and waits. Exceptions of `work` come through; its changes are undone then."""
        future = self.submit(work)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            raise DatabaseUnusableError(f"{self.place} was not written within {timeout_s} s") from None

    def post(self, statement: sa.Insert, row: Row) -> bool:
        """A row that nobody waits for. Never blocks, never raises; False and counted in `dropped` when it was lost."""
        if not self._closed:
            try:
                self._queue.put_nowait(_Posted(statement, row))
            except queue.Full:
                pass
            else:
                return True
        self.dropped += 1
        return False

    def close(self, *, timeout_s: int = 5) -> None:
        """Writes what is queued, and ends the thread. A disk that hangs is waited for `timeout_s`, no longer."""
        if self._closed:
            return
        self._closed = True
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._writer.join(timeout_s)
        if not self._writer.is_alive():
            self._backend.engine.dispose()

    def _write_until_closed(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            self._commit(batch)
            if last:
                return

    def _batch(self, first: "_Posted | _Asked") -> "tuple[list[_Posted | _Asked], bool]":
        """What waits now, up to BATCH_ROWS; and whether the end was among it."""
        batch = [first]
        while len(batch) < BATCH_ROWS:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
        return batch, False

    def _commit(self, batch: "list[_Posted | _Asked]") -> None:
        """One transaction. Nobody hears of a result before the commit; a failed commit fails all of the batch."""
        done: list[Callable[[], None]] = []
        try:
            with explained(self._backend), self._backend.engine.begin() as connection:
                for statement, rows in _runs_of_posts(batch):
                    connection.execute(statement, rows)
                done.extend(one.run(connection) for one in batch if isinstance(one, _Asked))
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever the disk or a caller's work does
            self.dropped += sum(isinstance(one, _Posted) for one in batch)
            for one in batch:
                if isinstance(one, _Asked) and not one.future.done():
                    one.future.set_exception(error)
            return
        for tell in done:
            tell()


class _Posted:
    __slots__ = ("row", "statement")

    def __init__(self, statement: sa.Insert, row: Row) -> None:
        self.statement = statement
        self.row = row


class _Asked:
    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:  # Any: each caller has his own result
        self.work = work
        self.future: Future[Any] = Future()

    def run(self, connection: sa.Connection) -> Callable[[], None]:
        """Runs in a savepoint, so that one caller's failure leaves the batch alone; returns how to tell him."""
        if not self.future.set_running_or_notify_cancel():
            return lambda: None  # he has given up
        try:
            with connection.begin_nested():
                result = self.work(connection)
        except (DataError, IntegrityError) as error:
            return lambda error=error: self.future.set_exception(error)  # type: ignore[misc]  # mypy: default argument
        except DBAPIError:
            raise  # the disk, not the caller
        except Exception as error:  # noqa: BLE001 - handed to the caller
            return lambda error=error: self.future.set_exception(error)  # type: ignore[misc]  # mypy: default argument
        return lambda: self.future.set_result(result)


def _runs_of_posts(batch: "list[_Posted | _Asked]") -> Iterator[tuple[sa.Insert, list[Row]]]:
    """Rows of one statement together: one call of the driver instead of hundreds."""
    by_statement: dict[int, tuple[sa.Insert, list[Row]]] = {}
    for one in batch:
        if isinstance(one, _Posted):
            by_statement.setdefault(id(one.statement), (one.statement, []))[1].append(one.row)
    yield from by_statement.values()


def open_database(data: Path, kind: DatabaseKind, address: str = "") -> Database:
    """Made and migrated when needed; safe when two processes come at once. Raises DatabaseUnusableError.

    address: "": SQLite in `data`; else `postgresql://user:password@host/name`
    """
    backend = _backend(data, kind, address)
    try:
        bring_to_head(backend, kind)
    except BaseException:
        backend.engine.dispose()
        raise
    return Database(backend, kind.name)


def _backend(data: Path, kind: DatabaseKind, address: str) -> Backend:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # keys and certificates lie there in any case
    except OSError as error:
        raise DatabaseUnusableError(f"{data} cannot be opened: {error.strerror}") from None
    if not address:
        return SqliteFile(data, kind)
    from bridge.store.postgres import PostgresSchema  # its driver is loaded only where it is used

    return PostgresSchema(address, kind)
