import json
from pathlib import Path

import pytest

from tests.cli.onb import onb


def test_a_list_makes_nothing(folder):
    assert json.loads(onb("recordings", "list", "--json").stdout) == []
    assert not (folder / "data").exists()


def test_the_list(archive):
    (row,) = json.loads(onb("recordings", "list", "--json").stdout)
    assert (row["recording"], row["camera"], row["stream"]) == ("rec-cam-1.main", "cam-1", "main")
    assert (row["from"], row["until"]) == ("2026-11-18T11:06:41.000Z", "2026-11-18T11:06:46.000Z")
    assert (row["segments"], row["ended"], row["gaps"]) == (4, False, [])
    line = onb("recordings", "list").stdout
    assert line.split() == ["rec-cam-1.main", row["from"], row["until"], "10", "kB", "4", "0"]


def export(*more):
    return onb("recordings", "export", "--camera", "cam-1", *more)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "today", "--until", "2026-11-18T11:06:43Z"), "'today' is not an RFC 3339 time"),
        (("--from", "2026-11-18T11:06:43Z", "--until", "2026-11-18T11:06:43Z"), "is not after --from"),
    ],
)
def test_wrong_times(archive, arguments, sentence):
    result = export(*arguments, "out.mp4")
    assert (result.exit_code, Path("out.mp4").exists()) == (2, False)
    assert sentence in result.stderr


def test_what_is_not_there_is_not_exported(archive):
    times = ("--from", "2026-11-18T11:06:41Z", "--until", "2026-11-18T11:06:43Z")
    assert (
        "camera gate: nothing was recorded of it"
        in onb("recordings", "export", "--camera", "gate", *times, "out.mp4").stderr
    )
    Path("out.mp4").touch()
    assert export(*times, "out.mp4").exit_code == 2
    result = export("--from", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z", "other.mp4")
    assert (result.exit_code, Path("other.mp4").exists(), Path("other.mp4.part").exists()) == (1, False, False)


def test_a_stretch_is_exported(archive):
    result = export("--from", "2026-11-18T11:06:41Z", "--until", "2026-11-18T11:06:43Z", "out.mp4")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("out.mp4: 2026-11-18T11:06:41.000Z to ")
    assert Path("out.mp4").read_bytes()[4:8] == b"ftyp"
