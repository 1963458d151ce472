"""What the commands share towards people: options, tables, sentences, exit codes, passwords that are typed."""

import enum
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bridge.base.errors import BridgeError

FAILED = 1
WRONG = 2
NOT_RUNNING = "the service is not running"


class LogFormat(enum.StrEnum):
    """--log-format."""

    TEXT = "text"
    JSON = "json"


class LogLevel(enum.StrEnum):
    """--log-level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ConfigFile = Annotated[
    Path, typer.Option("--config", envvar="ONB_CONFIG", metavar="FILE", help="The configuration file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Format = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
Level = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]
PasswordFile = Annotated[
    str, typer.Option("--password-file", metavar="FILE", help="Read the password from FILE, - for standard input.")
]
DEFAULT_CONFIG = Path("onb.toml")


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Our errors and the system's end the command with a sentence and an exit code, not with a traceback."""
    from bridge.base.errors import ConfigurationError

    try:
        yield
    except ConfigurationError as error:
        fail(str(error), WRONG)
    except BridgeError as error:
        fail(str(error), FAILED)
    except OSError as error:
        fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part), FAILED)


def fail(sentence: str, code: int) -> NoReturn:
    """Ends the command."""
    for line in sentence.splitlines():
        typer.echo(f"onb: {line}", err=True)
    raise typer.Exit(code)


def read_time(option: str, text: str) -> int:
    """An option's RFC 3339 time as UTC nanoseconds; ends the command when it is none that databases can hold."""
    from bridge.base.time import parse_utc

    try:
        utc_ns = parse_utc(text)
    except ValueError as error:
        fail(f"{option}: {error}", WRONG)
    if not -(1 << 63) <= utc_ns < 1 << 63:
        fail(f"{option}: {text!r} is not a time of the years 1678 to 2261", WRONG)
    return utc_ns


def read_password(source: str) -> str:
    """From a file, from standard input, or typed twice; never from an argument, which everybody can read in `ps`."""
    from bridge.system.config_fields import read_password_file
    from bridge.system.config_values import ExpectedError

    if source == "-":
        password = sys.stdin.readline().rstrip("\r\n")
    elif source:
        try:
            password = read_password_file(Path(source))
        except ExpectedError as error:
            fail(f"--password-file {source}: expected {error}", WRONG)
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        fail("a password is needed: --password-file FILE, or - to read it from standard input", WRONG)
    if not password:
        fail("the password is empty", WRONG)
    return str(password)


def print_rows(rows: Sequence[dict[str, object]], as_json: bool, columns: tuple[str, ...]) -> None:
    """JSON, a table for a terminal, or one line a row with tabs for pipes."""
    if as_json:
        say(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    in_words: list[list[str]] = [[_cell(row[column]) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for cells in in_words:
            say("\t".join(cells))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for cells in in_words:
        table.add_row(*map(Text, cells))
    Console().print(table)


def _cell(value: object) -> str:
    """In words, on one line: reasons may carry what a peer sent."""
    return printable(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def printable(text: str) -> str:
    """On one line, and without what a terminal would obey or could not show: names of files may hold anything."""
    return "".join(one if one.isprintable() else " " for one in text)


def say(text: str) -> None:
    """A line of data, on standard output."""
    typer.echo(text)


def note(text: str) -> None:
    """A line for people, on standard error."""
    typer.echo(f"onb: note: {text}", err=True)


def size_in_words(size_bytes: int) -> str:
    """`1.2 GB`, in thousands."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
