"""`python -m bench [MEASUREMENT...]`: runs the measurements, prints each target with its figure, writes both down.

Figures of every run go to bench/results/ as JSON; sections of docs/benchmarks.md are rewritten unless the run is quick.
"""

import argparse
import datetime as dt
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bench import (
    behind,
    capacity,
    fanout,
    first_picture,
    ingest,
    measure,
    media_database,
    profiles,
    recording,
    replay,
    report,
    search,
    transports,
    web,
)

RESULTS = Path(__file__).parent / "results"
DOCUMENT = measure.ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    runs: int
    seconds: float
    viewers: tuple[int, ...]
    cameras: int
    joins: int
    rounds: int
    quick: bool

    @staticmethod
    def of(options: argparse.Namespace) -> "Plan":
        """What the arguments say; --quick proves the tooling, its figures are coarse."""
        quick = options.quick
        return Plan(
            runs=options.runs or (1 if quick else 7),
            seconds=options.seconds or (2 if quick else 6),
            viewers=tuple(options.viewers) or ((50,) if quick else (200, 400)),
            cameras=100,
            joins=15 if quick else 100,
            rounds=1 if quick else 3,
            quick=quick,
        )


Measurement = Callable[[Plan, Callable[[str], None]], Any]

MEASUREMENTS: dict[str, Measurement] = {
    "fanout": lambda plan, say: fanout.run(
        runs=plan.runs, counts=plan.viewers, transports=("tcp", "udp"), seconds=plan.seconds, say=say
    ),
    "first-picture": lambda plan, say: first_picture.run(count=plan.joins, say=say),
    "behind": lambda plan, say: behind.run(runs=plan.rounds, transports=("tcp", "udp"), say=say),
    "ingest": lambda plan, say: ingest.run(runs=plan.runs, count=plan.cameras, seconds=plan.seconds, say=say),
    "recording": lambda plan, say: recording.run(
        runs=plan.rounds, quick=plan.quick, watched_s=5 * plan.seconds, say=say
    ),
    "media-database": lambda plan, say: media_database.run(quick=plan.quick, say=say),
    "search": lambda plan, say: search.run(quick=plan.quick, say=say),
    "replay": lambda plan, say: replay.run(runs=plan.runs, seconds=plan.seconds, quick=plan.quick, say=say),
    "transports": lambda plan, say: transports.run(runs=plan.runs, seconds=plan.seconds, say=say),
    "capacity": lambda plan, say: capacity.run(seconds=plan.seconds, quick=plan.quick, say=say),
    "web": lambda plan, say: web.run(runs=plan.runs, seconds=plan.seconds, say=say),
    "profiles": lambda plan, say: profiles.run(camera_counts=(32, 500), runs=max(plan.runs, 3), say=say),
}


def main(arguments: list[str]) -> int:
    """Exit code 0 when everything could be measured, whatever the figures; 1 when something could not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "measurements", nargs="*", metavar="MEASUREMENT", help=f"{', '.join(MEASUREMENTS)}; all of them"
    )
    parser.add_argument("--runs", type=int, help="alternated runs of which the median counts (7)")
    parser.add_argument("--seconds", type=float, help="length of one measured window (6)")
    parser.add_argument("--viewers", type=int, nargs="+", default=[], help="numbers of viewers (200 400)")
    parser.add_argument("--quick", action="store_true", help="a few minutes: proves the tooling, documents nothing")
    options = parser.parse_args(arguments)
    if unknown := set(options.measurements) - MEASUREMENTS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: expected any of {', '.join(MEASUREMENTS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the way out ends the servers and removes their folders
    plan = Plan.of(options)
    facts = _facts(plan)
    results, sections, failed = {}, [], False
    for name in options.measurements or MEASUREMENTS:
        _say(f"{name} …")
        try:
            results[name] = MEASUREMENTS[name](plan, _say)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            # What was measured before is worth keeping: a run of everything takes most of an hour.
            _say(f"{name} failed: {error}")
            failed = True
            continue
        sections.append(report.MAKERS[name](results[name]))
    _keep(results, facts)
    for section in sections:
        print(section.text(facts))
    if sections and not options.quick:
        report.write(DOCUMENT, sections, facts)
        _say(f"written: {DOCUMENT}")
    _summarise(sections)
    return 1 if failed else 0


def _facts(plan: Plan) -> dict[str, str]:
    now = dt.datetime.now(dt.UTC)
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(command, cwd=measure.ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "on": f"{now:%Y-%m-%d}",
        "commit": commit or "unknown",
        "runs": f"{plan.runs} of {plan.seconds:g} s",
        **measure.machine(),
    }


def _keep(results: dict[str, Any], facts: dict[str, str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": facts, "results": results}, indent=1))
    _say(f"written: {path}")


def _summarise(sections: list[report.Section]) -> None:
    targets = [target for section in sections for target in section.targets]
    missed = [target for target in targets if target.met is False]
    _say(f"{sum(target.met is True for target in targets)} targets met, {len(missed)} missed")
    for target in missed:
        what, asked, figure, _ = target.row()
        _say(f"  missed: {what}: {figure}, asked {asked}")


_BEGAN = time.monotonic()


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
