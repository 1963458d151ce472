"""Foreign clients in environments of their own: installed when first needed, pinned with hashes, kept under .cache."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache" / "interop"
INSTALL_WITHIN_S = 100


def python_with(requirements: str) -> str:
    """The interpreter of a virtual environment with what that file of requirements/ names."""
    locked = ROOT / "requirements" / requirements

    def install(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        # Hashes and no source distributions: nothing of what is fetched runs before it is known.
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(locked)])

    name = f"{locked.stem}-{sys.version_info.major}.{sys.version_info.minor}"
    return str(_kept(name, [locked], install) / "bin" / "python")


def node_modules(package: Path, npm: str) -> Path:
    """The folder node_modules of what `package` (package.json and package-lock.json) names."""
    files = [package / "package.json", package / "package-lock.json"]

    def install(folder: Path) -> None:
        folder.mkdir()
        for file in files:
            shutil.copy(file, folder)
        _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)])

    return _kept("node", files, install) / "node_modules"


def _kept(name: str, locked: list[Path], install: Callable[[Path], None]) -> Path:
    """The installed folder; a new one when what is locked has changed. A test that cannot have it is skipped."""
    print_of = hashlib.sha256(b"\0".join(file.read_bytes() for file in locked)).hexdigest()[:12]
    folder = CACHE / f"{name}-{print_of}"
    done = folder / ".installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            install(folder)
        except subprocess.SubprocessError as error:
            shutil.rmtree(folder, ignore_errors=True)
            said = getattr(error, "stderr", None) or str(error)
            reason = f"{name} cannot be installed: {said.strip().splitlines()[-1] if said.strip() else error}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        done.touch()
    return folder


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_WITHIN_S)
