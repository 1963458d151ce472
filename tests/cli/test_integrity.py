import json
import shutil

from bridge.cli import integrity
from bridge.store.layout import LockFacts
from bridge.system.data_lock import hold
from tests.cli.onb import onb
from tests.store.archive import state
from tests.store.segments import RECORDING, START_NS

CLEAN = "recordings: 1, segments: 4 (10 kB), chain entries: 4; no faults\n"


def check(folder, *options):
    """Nothing changes by it."""
    before = state(folder)
    result = onb("recordings", "check", *options)
    assert state(folder) == before
    return result


def test_nothing_is_clean(folder):
    result = check(folder)
    assert (result.exit_code, result.stdout) == (
        0,
        "recordings: 0, segments: 0 (0 B), chain entries: 0; no faults\n",
    )


def test_a_clean_recording(folder, archive):
    for options in ((), ("--digests",)):
        result = check(folder, *options)
        assert (result.exit_code, result.stdout, result.stderr) == (0, CLEAN, "")


def test_faults_are_a_line_each(folder, archive):
    path = archive.folder().find(2)
    path.unlink()
    (path.parent / "film\n\udcff.mkv").touch()
    result = check(folder)
    assert result.exit_code == 1
    foreign, missing, summary = result.stdout.splitlines()
    assert foreign.endswith("film  .mkv: not ours")
    assert missing.startswith(f"{path}: is missing: a segment of ")
    assert summary.endswith("; faults: 2")
    result = check(folder, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["faults"][1]["path"] == str(path)
    assert found["faults"][1]["fault"].startswith("is missing")
    assert found["faults"][1]["byte"] is None
    assert (found["recordings"], found["segments"], found["chain_entries"]) == (1, 3, 4)


def test_beside_a_service(folder, archive, monkeypatch):
    monkeypatch.setattr(integrity, "SECOND_LOOK_S", 0)
    archive.leave_open(6)
    result = check(folder)
    assert "not finished; the service recovers it at its next start" in result.stdout
    with hold(archive.data):
        result = onb("recordings", "check")
        assert (result.exit_code, "1 being written" in result.stdout) == (0, True)
        archive.folder().find(2).unlink()
        assert onb("recordings", "check").exit_code == 1


def test_what_it_cannot_be_held_against(folder, archive):
    (archive.data / "secret.key").unlink()
    result = check(folder)
    assert (result.exit_code, "secret.key cannot be used" in result.stderr) == (1, True)
    (archive.data / "config.db").unlink()
    assert "config.db does not say whose keys are right" in check(folder).stdout


def test_wrong_usage(folder):
    assert onb("recordings", "check", "--colour").exit_code == 2
    assert onb("recordings", "check", "--config", "none.toml").exit_code == 2
    assert onb("recordings", "reindex", "--config", "none.toml").exit_code == 2


def listed():
    return json.loads(onb("recordings", "list", "--json").stdout)


def test_the_index_is_made_anew(folder, archive):
    before = listed()
    for ending in ("", "-wal", "-shm"):
        (archive.data / f"index.db{ending}").unlink(missing_ok=True)
    assert listed() == []
    assert "there is no index: `onb recordings reindex` makes one" in check(folder).stdout
    result = onb("recordings", "reindex")
    assert (result.exit_code, result.stdout) == (0, "recordings: 1, segments: 4 (10 kB); no faults\n")
    assert f"{archive.folder().path}: 4 segments" in result.stderr
    assert listed() == before
    assert check(folder).exit_code == 0
    assert onb("recordings", "reindex").exit_code == 0
    assert listed() == before


def test_not_beside_a_service(folder, archive):
    with hold(archive.data):
        result = onb("recordings", "reindex")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"onb: the service runs on {archive.data}: stop it first\n"


def test_not_without_knowing_who_we_are(folder, archive):
    (archive.data / "config.db").unlink()
    result = onb("recordings", "reindex")
    assert (result.exit_code, "restore it first" in result.stderr) == (1, True)
    assert not (archive.data / "config.db").exists()


def test_a_damaged_index_is_moved_aside(folder, archive):
    before = listed()
    (archive.data / "index.db").write_bytes(b"no database" * 1000)
    assert "is damaged" in check(folder).stderr
    result = onb("recordings", "reindex")
    assert (result.exit_code, "it is index.db.damaged now" in result.stderr) == (0, True)
    assert listed() == before
    assert (archive.data / "index.db.damaged").read_bytes().startswith(b"no database")


def test_faults_are_named(folder, archive):
    (archive.folder().path / "notes.txt").touch()
    result = onb("recordings", "reindex")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"{archive.folder().path / 'notes.txt'}: not ours, left as it is"
    assert result.stdout.endswith("; faults: 1\n")


def test_missing_storages_stop_it_unless_told(folder, archive):
    with (folder / "onb.toml").open("a") as file:
        file.write(f'[[recording.storage]]\n[[recording.storage]]\nname = "disk"\npath = "{folder / "disk"}"\n')
    before = listed()
    shutil.rmtree(archive.folder().path)
    result = onb("recordings", "reindex")
    assert result.exit_code == 1
    assert f"storage disk: {folder / 'disk'} is no storage now" in result.stderr
    assert "nothing was changed" in result.stderr
    assert listed() == before
    result = onb("recordings", "reindex", "--without-missing")
    assert (result.exit_code, listed()) == (0, [])


def test_a_storage_that_left_the_configuration_is_kept_as_long_as_it_holds_segments(folder, archive):
    archive.add_storage("old")
    archive.write(6, storage="old")
    archive.close()
    before = listed()
    assert onb("recordings", "reindex").exit_code == 0
    assert listed() == before
    assert check(folder).exit_code == 0
    (folder / "old").rename(folder / "away")
    assert onb("recordings", "reindex").exit_code == 1
    assert listed() == before


def test_lost_locks_are_taken_over(folder, archive):
    copy = LockFacts(RECORDING, START_NS, START_NS + 1, "op", "theft", START_NS, None)
    archive.folder().write_locks([copy])
    result = onb("recordings", "reindex")
    assert "evidence locks that config.db did not know: 1, taken over" in result.stderr
    (row,) = json.loads(onb("recordings", "locks", "--json").stdout)
    assert (row["id"], row["recording"], row["who"]) == (str(RECORDING), "rec-cam-1.main", "op")
    assert "taken over" not in onb("recordings", "reindex").stderr
