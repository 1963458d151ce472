"""One service runs on a data folder: the kernel's lock on a file in it, which ends with its process in any case."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.base.errors import BridgeError

LOCK_FILE = "onb.lock"


class DataInUseError(BridgeError):
    """Another service runs on this data folder."""


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Holds the folder as long as the context lasts. Raises DataInUseError."""
    descriptor = take(data)
    try:
        yield
    finally:
        os.close(descriptor)


def take(data: Path) -> int:
    """Holds the folder until the descriptor that is returned is closed. Raises DataInUseError."""
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataInUseError(
            f"another onb service runs on {data}: end it, or give this one a data folder of its own"
        ) from None
    return descriptor


def is_held(data: Path) -> bool:
    """Whether a service runs on it now. Makes no file."""
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
