import getpass
import json
import uuid

import pytest

from bridge.base.time import parse_utc
from bridge.system.database import open_database
from bridge.system.evidence import EvidenceLocks
from tests.cli.onb import onb
from tests.store.segments import RECORDING

FROM, UNTIL = "2026-11-18T11:06:42.000Z", "2026-11-18T11:06:43.000Z"
FACTS = ("--why", "theft", "--who", "op")


def lock(*options, since=FROM, until=UNTIL, camera="cam-1"):
    return onb("recordings", "lock", "--camera", camera, "--from", since, "--until", until, *options)


def listed():
    return json.loads(onb("recordings", "locks", "--json").stdout)


def test_a_lock_counts_at_once_and_lies_beside_the_footage(archive):
    second = archive.add_storage("second")
    archive.write(6, storage="second")
    archive.close()
    result = lock(*FACTS, "--expires", "2199-01-01T00:00:00Z")
    assert (result.exit_code, result.stderr) == (0, "")
    number, token = result.stdout.split()
    assert token == "rec-cam-1.main"
    (row,) = listed()
    created = row.pop("created")
    assert row == {
        "id": number,
        "recording": token,
        "from": FROM,
        "until": UNTIL,
        "who": "op",
        "why": "theft",
        "expires": "2199-01-01T00:00:00.000Z",
    }
    database = open_database(archive.data)
    ranges = EvidenceLocks(database).ranges_of(RECORDING, parse_utc(created))
    database.close()
    assert ranges == ((parse_utc(FROM), parse_utc(UNTIL)),)
    for storage in (archive.storages["default"], second):
        (copy,) = storage.recording(RECORDING).locks()
        assert (copy.uuid, copy.why) == (uuid.UUID(number), "theft")
    assert onb("recordings", "unlock", number).exit_code == 0
    assert listed() == []
    assert second.recording(RECORDING).locks() == archive.folder().locks() == ()
    assert onb("recordings", "check").exit_code == 0


def test_who_is_the_user_of_the_host(archive):
    lock("--why", "theft")
    (row,) = listed()
    assert (row["who"], row["expires"]) == (getpass.getuser(), None)
    assert onb("recordings", "locks").stdout.split("\t")[-1] == "never\n"


def test_all_streams_and_recordings_of_the_camera_that_have_the_stretch(archive):
    index = archive.index
    ended = index.ensure_recording(uuid.UUID(int=5), "cam-1", "main", 0, ended_utc_ns=5)
    sub = index.ensure_recording(uuid.UUID(int=6), "cam-1", "sub", 0)
    index.ensure_recording(uuid.UUID(int=7), "cam-2", "main", 0)
    archive.close()
    result = lock(*FACTS)
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == ["rec-cam-1.main", "rec-cam-1.sub"]
    assert "rec-cam-1.sub: nothing of that stretch is finished yet; what comes is locked" in result.stderr
    assert lock(*FACTS, "--stream", "sub").stdout.split()[1] == "rec-cam-1.sub"
    assert {row["recording"] for row in listed()} == {"rec-cam-1.main", "rec-cam-1.sub"}
    assert ended.uuid != sub.uuid


@pytest.mark.parametrize(
    ("options", "changes", "code", "sentence"),
    [
        ((), {"since": "today"}, 2, "--from: 'today' is not an RFC 3339 time"),
        ((), {"until": "2026"}, 2, "--until: '2026' is not an RFC 3339 time"),
        ((), {"until": FROM}, 2, "is not after --from"),
        (("--expires", "soon"), {}, 2, "--expires: 'soon' is not an RFC 3339 time"),
        (("--expires", "2020-01-01T00:00:00Z"), {}, 2, "is past"),
        ((), {"camera": "gate"}, 1, "camera gate: nothing was recorded of it from"),
        (("--stream", "sub"), {}, 1, "camera cam-1, stream sub: nothing was recorded of it from"),
        ((), {"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}, 1, "nothing was recorded of it"),
    ],
)
def test_what_cannot_be_locked(archive, options, changes, code, sentence):
    result = lock(*FACTS, *options, **changes)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert listed() == []


def test_without_anything_recorded(folder):
    assert lock(*FACTS).exit_code == 1
    assert onb("recordings", "unlock", str(uuid.UUID(int=1))).exit_code == 1


def test_a_list_makes_nothing(folder):
    assert listed() == []
    assert not (folder / "data").exists()


def test_unlocking_what_is_not_there(archive):
    assert "no id; `onb recordings locks` shows them" in onb("recordings", "unlock", "gate").stderr
    result = onb("recordings", "unlock", str(uuid.UUID(int=1)))
    assert (result.exit_code, f"there is no evidence lock {uuid.UUID(int=1)}" in result.stderr) == (1, True)
