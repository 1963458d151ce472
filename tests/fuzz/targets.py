"""Finds the fuzz targets and their corpus. A target is a file, so that a new one needs no list to be changed."""

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Target:
    """One target: its name, inputs to begin with, and the function that raises when a promise is broken."""

    name: str
    seeds: list[bytes]
    run: Callable[[bytes], None]


def names() -> list[str]:
    """The names of all targets."""
    return sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def load(name: str) -> Target:
    """The target of that name."""
    module = importlib.import_module(f"tests.fuzz.fuzz_{name}")
    return Target(name, list(module.SEEDS), module.run)


def corpus(name: str) -> list[bytes]:
    """Every input that once broke the target."""
    folder = HERE / "corpus" / name
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()] if folder.is_dir() else []


def save(name: str, data: bytes) -> Path:
    """Keeps an input; its name is its hash, so the same one is kept once."""
    folder = HERE / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path
