"""A PostgreSQL server of our own: in a temporary folder, on a Unix socket, without the system's service."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.interop.conftest import eventually

USER, PASSWORD = "onb", "hunter2 /@:%"


class PostgresServer:
    """It logs in with a password alone, as a server on the network would."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        # It refuses to run as root.
        self._other_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self._other_user:
            shutil.chown(folder, "nobody", "nogroup")
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # in a folder that nobody else enters
        command = ["initdb", "-D", str(folder / "data"), "-U", USER, f"--pwfile={secret}", "-A", "scram-sha-256"]
        self._run(*command, "-E", "UTF8", "--locale=C", "--no-sync")
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            **self._other_user,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Until it answers; after a kill it waits until the children of the one before are gone."""
        eventually(self._started, what="PostgreSQL")

    def _started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        *(str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)),
                        *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"),
                    ],
                    **self._other_user,
                    cwd=self._folder,
                    env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                    stdout=log,
                    stderr=log,
                )
        try:
            with self.admin():
                return True
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        """As the kernel does when memory runs out: nothing is written any more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Its backends with it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": it does not wait for its clients to leave
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    @contextlib.contextmanager
    def admin(self, database: str = "postgres") -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        """A connection that is the server's master, each statement its own transaction."""
        connection = psycopg.connect(
            host=str(self._folder), user=USER, password=PASSWORD, dbname=database, autocommit=True, connect_timeout=5
        )
        with contextlib.closing(connection):
            yield connection

    def address(self, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """For the key `database`."""
        return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={self._folder}"

    def new_database(self, options: str = "") -> str:
        """Its name."""
        name = f"onb_{uuid.uuid4().hex[:12]}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} {options}")
        return name


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Skips by name where PostgreSQL is not installed."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    found = shutil.which("initdb", path=":".join([*map(str, newest_first), os.environ["PATH"]]))
    if found is None:
        pytest.skip("PostgreSQL (initdb) is not installed")
    # Not pytest's own folder: a socket's path is short, and another user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="onb-postgres-"))
    try:
        server = PostgresServer(folder, Path(found).parent)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
