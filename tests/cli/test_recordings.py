import json

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
