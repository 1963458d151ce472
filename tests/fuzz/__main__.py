"""The fuzz runner: `python -m tests.fuzz [name ...] [--seconds 60] [--seed N]`.

A target is `tests/fuzz/fuzz_<name>.py` with `SEEDS` and `run(data)`, which raises only when a promise is broken. Inputs
come from atheris (coverage guided) where it is installed, else from the mutations of `mutate.py`. An input that breaks
a target is saved to `tests/fuzz/corpus/<name>/` and stays there: the ordinary tests run the corpus.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz import mutate
from tests.fuzz.targets import Target, corpus, load, names, save


def main() -> int:
    """Runs the named targets, or all; 1 when one broke its promise."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz targets, a minute each.")
    arguments.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(names())}; all when none is named")
    arguments.add_argument("--seconds", type=float, default=60, help="time for each target")
    arguments.add_argument("--seed", type=int, default=None, help="of the mutations; default: the clock")
    arguments.add_argument("--guided", action="store_true", help=argparse.SUPPRESS)  # the child for atheris
    chosen = arguments.parse_args()
    unknown = sorted(set(chosen.names) - set(names()))
    if unknown:
        arguments.error(f"no such target: {', '.join(unknown)}; there are {', '.join(names())}")
    if chosen.guided:
        fuzz_with_atheris(chosen.names[0], chosen.seconds)
    seed = chosen.seed if chosen.seed is not None else time.time_ns()
    broken = 0
    for name in chosen.names or names():
        if chosen.seed is None and importlib.util.find_spec("atheris"):
            # A process each: atheris ends its own.
            command = [sys.executable, "-m", "tests.fuzz", name, "--guided", "--seconds", str(chosen.seconds)]
            broken |= subprocess.run(command, check=False).returncode != 0
        else:
            broken |= fuzz(load(name), chosen.seconds, seed)
    return int(broken)


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """Runs one target for that long; 1 when it broke its promise, at the first such input."""
    inputs = mutate.Inputs([*target.seeds, *corpus(target.name)], seed)
    deadline = time.monotonic() + seconds
    started = time.monotonic()
    count = 0
    slowest_s = 0.0
    while (now := time.monotonic()) < deadline:
        data = inputs.next()
        try:
            target.run(data)
        except Exception:  # noqa: BLE001 - whatever it is, it is the find
            traceback.print_exc()
            print(f"{target.name}: broken after {count} inputs (seed {seed}); saved {save(target.name, data)}")
            return 1
        count += 1
        slowest_s = max(slowest_s, time.monotonic() - now)
    elapsed = max(time.monotonic() - started, 1e-9)
    print(f"{target.name}: {count} inputs, {count / elapsed:,.0f}/s, slowest {slowest_s * 1000:.1f} ms, nothing found")
    return 0


def fuzz_with_atheris(name: str, seconds: float) -> None:
    """Guided by coverage, for one target; does not come back."""
    import atheris  # optional, see the module

    with atheris.instrument_imports(include=["bridge"]):
        target = load(name)

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except Exception:
            print(f"{name}: broken; saved {save(name, data)}")
            raise

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate([*target.seeds, *corpus(name)]):
            (Path(folder) / str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", f"-max_len={mutate.MAX_BYTES}", folder], run)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
