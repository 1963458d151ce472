import errno
import shutil
import uuid
from dataclasses import replace

import pytest

from bridge.base.time import NS_PER_S
from bridge.recorder import removal as module
from bridge.recorder.retention import RetentionRule, StorageLimits
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.store.chain import What, read_chain, verify_chain
from bridge.store.layout import RECORDING_JSON
from bridge.store.rows import SegmentRow


def rules(one, **rule):
    one.disk.rule(one.settings, {one.one.stream.id: RetentionRule(**rule)})


def clean(one):
    count = 0
    while removed := one.disk.retain(urgent=False).segments:
        count += removed
    return count


def test_old_footage_goes_with_row_chain_and_file(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, age_ns=8 * NS_PER_S)
    # 20 s in ten segments: the sixth lasts a picture too long to be 8 s old.
    assert clean(one) == 5
    rows = one.rows()
    assert [row.serial for row in rows] == [6, 7, 8, 9, 10]
    assert [path.serial for path in one.folder().segments()] == [6, 7, 8, 9, 10]
    last = [read.entry for read in read_chain(one.folder())][-1]
    assert (last.what, last.serial, last.until_serial) == (What.DELETED, 1, 5)
    assert verify_chain(one.folder(), one.signer.public_key, one.index.chain_head(one.one.stream.id, 1)) == []
    assert clean(one) == 0


def test_a_clock_that_jumps_far_forward_deletes_nothing_for_its_age(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, age_ns=86_400 * NS_PER_S)
    assert clean(one) == 0
    one.clock.step_utc(86_500 * NS_PER_S)
    assert clean(one) == 0
    # Sizes go on.
    rules(one, age_ns=86_400 * NS_PER_S, size_bytes=400_000)
    assert clean(one) > 0
    left = len(one.rows())
    # Set right again in time, nothing is lost.
    one.clock.step_utc(-86_500 * NS_PER_S)
    one.clock.advance(3601 * NS_PER_S)
    assert clean(one) == 0
    # Else the clock is believed after an hour.
    one.clock.step_utc(86_500 * NS_PER_S)
    assert clean(one) == 0
    one.clock.advance(3601 * NS_PER_S)
    assert clean(one) == left > 0


def test_a_clock_that_is_set_back_deletes_nothing_and_what_is_old_goes_on_going(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, age_ns=8 * NS_PER_S)
    one.clock.step_utc(-3600 * NS_PER_S)
    assert clean(one) == 0
    one.clock.advance(3600 * NS_PER_S)
    assert clean(one) == 5


def test_an_ended_recording_ages_by_the_rule_that_it_had_last(setting):
    one = setting(recordings=2)
    one.run(20)
    one.end()
    rules(one, age_ns=8 * NS_PER_S)
    clean(one)
    assert one.folder().facts().retention_ns == 8 * NS_PER_S
    rules(one, age_ns=None)
    clean(one)
    assert one.folder().facts().retention_ns is None
    rules(one, age_ns=9 * NS_PER_S)
    clean(one)
    one.disk.rule(one.settings, {})
    one.clock.advance(5 * NS_PER_S)
    # Without a rule, and not ended: somebody is about to say.
    assert clean(one) == 0
    for recording in one.recordings:
        one.index.end_recording(recording.stream.id, one.clock.utc_ns())
    one.disk.close()
    one.restart()
    one.disk.open()
    assert one.folder().facts().ended_utc_ns is not None
    # The one that had no age stays.
    assert clean(one) == 2
    assert len(one.rows(one.recordings[1])) == 10
    one.clock.advance(50 * NS_PER_S)
    assert clean(one) == 3
    assert one.rows() == ()


def test_a_damaged_recording_json_deletes_nothing_and_stops_nothing(setting):
    one = setting()
    one.run(20)
    one.end()
    (one.folder().path / RECORDING_JSON).write_text("{")
    rules(one, age_ns=17 * NS_PER_S)
    assert clean(one) == 1
    one.index.end_recording(one.one.stream.id, one.clock.utc_ns())
    one.disk.close()
    one.restart()
    one.disk.open()
    one.clock.advance(500 * NS_PER_S)
    assert clean(one) == 0


def test_a_recording_keeps_to_its_size(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, size_bytes=200_000)
    assert clean(one) > 0
    assert 140_000 < one.index.totals(one.one.stream.id).size_bytes <= 200_000


def elsewhere(one, count, *, before_s):
    """Segments of a second each of the same recording on a storage that is not there, 10,000 bytes each."""
    on, of = one.index.storage(uuid.uuid4(), "missing", "/missing").id, one.one.stream.id
    starts = one.rows()[0].start_utc_ns - before_s * NS_PER_S
    for number in range(count):
        start = starts + number * NS_PER_S
        serial = 1000 + number
        one.index.add_segment(SegmentRow(of, serial, 1000, on, start, start + NS_PER_S, 10_000, True), 40_000_000)


def test_what_lies_on_a_missing_storage_delays_nothing(setting):
    one = setting()
    one.run(20)
    one.end()
    elsewhere(one, 50, before_s=500)
    rules(one, age_ns=8 * NS_PER_S)
    assert clean(one) == 5
    assert len(one.rows()) == 55


def test_the_oldest_goes_first_wherever_it_lies(setting):
    one = setting()
    one.run(20)
    one.end()
    here = one.index.totals(one.one.stream.id, 1).size_bytes
    elsewhere(one, 50, before_s=500)
    # The storage that has the oldest deletes it, should it be there; what lies here is not too much by itself.
    rules(one, size_bytes=here)
    assert clean(one) == 0
    rules(one, size_bytes=here - 1)
    assert clean(one) == 1


def test_what_lies_elsewhere_counts_for_the_size_of_the_oldest(setting):
    one = setting()
    one.run(20)
    one.end()
    elsewhere(one, 50, before_s=-500)
    rules(one, size_bytes=500_000)
    assert clean(one) == 10
    assert one.index.totals(one.one.stream.id).size_bytes == 500_000


def test_a_recording_that_was_moved_ages_where_it_was(setting):
    one = setting(recordings=2)
    one.run(20)
    one.end()
    one.clock.advance(NS_PER_S)
    # No lane is needed for it.
    one.disk.rule(one.settings, {one.recordings[1].stream.id: RetentionRule(age_ns=0)})
    assert clean(one) == 10
    assert one.index.recordings_on(1) == (one.one.stream.id,)


def test_the_storage_keeps_to_its_size_the_oldest_of_all_first(setting):
    one = setting(recordings=2)
    one.run(20)
    one.end()
    one.settings = replace(one.settings, limits=StorageLimits(max_bytes=500_000))
    one.disk.rule(one.settings, {})
    before = [one.rows(recording) for recording in one.recordings]
    removed = clean(one)
    assert removed > 0
    after = [one.rows(recording) for recording in one.recordings]
    assert abs(after[0][0].start_utc_ns - after[1][0].start_utc_ns) <= 2 * NS_PER_S
    assert one.disk.room[0] <= 500_000
    # Of each recording it is told what there is, and what went.
    told = [one.disk.kept[recording.stream.camera, recording.stream.stream] for recording in one.recordings]
    for kept, old, new in zip(told, before, after, strict=True):
        assert (kept.segments, kept.oldest_utc_ns) == (len(new), new[0].start_utc_ns)
        assert kept.size_bytes == sum(row.size_bytes for row in new)
        assert kept.removed_segments == len(old) - len(new)
        assert kept.removed_bytes == sum(row.size_bytes for row in old) - kept.size_bytes
    assert sum(kept.removed_segments for kept in told) == removed


def test_locked_footage_stays_by_no_rule_does_it_go(setting):
    one = setting()
    one.run(20)
    one.end()
    rows = one.rows()
    one.locks[one.one.stream.recording] = [(rows[2].start_utc_ns + 1, rows[4].start_utc_ns + 1)]
    one.settings = replace(one.settings, limits=StorageLimits(max_bytes=1))
    rules(one, age_ns=0, size_bytes=0)
    assert clean(one) == 7
    assert [row.serial for row in one.rows()] == [3, 4, 5]
    assert one.disk.retain(urgent=False).stuck.endswith("nothing may be deleted")
    with pytest.raises(StorageProblemError) as problem:
        one.disk.retain(urgent=True)
    assert problem.value.state is StorageState.FULL


def test_where_locks_cannot_be_asked_nothing_goes(setting):
    one = setting()
    one.run(6)

    def fail(recording):
        raise OSError(errno.EIO, "config.db")

    one.disk._removal._keeper = replace(one.keeper, locked=fail)
    rules(one, age_ns=0)
    with pytest.raises(OSError, match="config"):
        clean(one)
    assert len(one.rows()) > 1


def test_without_room_and_nothing_to_delete_recording_stops(setting, monkeypatch):
    one = setting()
    one.run(1)
    usage = shutil.disk_usage(one.path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    one.run(12)
    assert one.status.state is StorageState.FULL
    assert "nothing may be deleted" in one.status.sentence
    one.run(12)
    assert one.status.state is StorageState.FULL
    assert one.one.lane.lost_units > 200
    monkeypatch.undo()
    one.run(12)
    assert one.status.state is StorageState.OK
