"""How a storage is, in one word for programs and one sentence for people."""

import enum
import errno
from pathlib import Path

from bridge.base.errors import BridgeError


class StorageState(enum.StrEnum):
    """What can be expected of a storage."""

    OPENING = "opening"
    """It is looked at, and recovered; nothing is written yet."""
    OK = "ok"
    SLOW = "slow"
    """It takes what comes, with a queue in front of it."""
    MISSING = "missing"
    """Its folder is not there, or is not ours: an empty mount point."""
    FULL = "full"
    READ_ONLY = "read-only"
    FAILING = "failing"
    """It answers with errors, or not at all."""

    @property
    def writable(self) -> bool:
        """Whether fragments are taken."""
        return self in (StorageState.OK, StorageState.SLOW)


class StorageProblemError(BridgeError):
    """A storage cannot be used. The text is a sentence that names it."""

    def __init__(self, state: StorageState, sentence: str) -> None:
        super().__init__(sentence)
        self.state = state


_FULL = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESTALE)


def is_full(error: OSError) -> bool:
    """Whether deleting something may help."""
    return error.errno in _FULL


def problem_of(error: BaseException, path: Path) -> StorageProblemError:
    """What an error means for the storage at `path`."""
    if isinstance(error, StorageProblemError):
        return error
    if not isinstance(error, OSError):
        return StorageProblemError(StorageState.FAILING, f"{path} cannot be used: {str(error) or type(error).__name__}")
    said = error.strerror or str(error)
    if is_full(error):
        return StorageProblemError(StorageState.FULL, f"{path} is full, and nothing may be deleted ({said})")
    if error.errno == errno.EROFS:
        return StorageProblemError(StorageState.READ_ONLY, f"{path} is mounted read-only ({said})")
    if error.errno in _GONE:
        return StorageProblemError(StorageState.MISSING, f"{path} is gone ({said})")
    return StorageProblemError(StorageState.FAILING, f"{path} fails ({said})")
