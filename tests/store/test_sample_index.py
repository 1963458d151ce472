import threading

import pytest

from bridge.store.sample_index import DAMAGED, KEY, SampleIndex, Samples


def filled(times, key_every=3):
    samples = Samples()
    flags = [KEY if number % key_every == 0 else 0 for number in range(len(times))]
    samples.extend(times, times, times, range(100, 100 + 7 * len(times), 7), [7] * len(times), flags)
    return samples


def test_samples_column_by_column():
    samples = Samples()
    samples.extend([10, 20], [1, 2], [0, 1], [500, 530], [30, 40], [KEY, DAMAGED])
    samples.extend([30], [3], [2], [900], [50], [KEY | DAMAGED])
    assert len(samples) == 3
    assert list(samples.at) == [500, 530, 900]
    assert list(samples.size) == [30, 40, 50]
    assert list(samples.utc_ns) == [10, 20, 30]
    assert list(samples.media_time) == [1, 2, 3]
    assert list(samples.dts) == [0, 1, 2]
    assert list(samples.flags) == [KEY, DAMAGED, KEY | DAMAGED]
    assert list(samples.keys) == [0, 2]


@pytest.mark.parametrize(("utc_ns", "number"), [(9, None), (10, 0), (39, 0), (40, 3), (69, 3), (70, 6), (10**12, 6)])
def test_the_key_sample_before_a_time(utc_ns, number):
    assert filled([10, 20, 30, 40, 50, 60, 70]).key_at(utc_ns) == number


def test_nothing_has_no_key_sample():
    assert Samples().key_at(10) is None


def test_columns_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="another length"):
        Samples().extend([1, 2], [1, 2], [1, 2], [0, 5], [5, 5], [KEY])


def test_all_tracks_count():
    index = SampleIndex(2)
    index.tracks[0].extend([1], [1], [1], [0], [1], [KEY])
    index.tracks[1].extend([1, 2], [1, 2], [1, 2], [0, 1], [1, 1], [KEY, KEY])
    assert len(index) == 3


def test_a_reader_sees_whole_samples_while_another_thread_appends():
    samples = Samples()
    wrong = []

    def append():
        for number in range(0, 30_000, 10):
            times = list(range(number, number + 10))
            samples.extend(times, times, times, times, [1] * 10, [KEY] * 10)

    thread = threading.Thread(target=append)
    thread.start()
    while thread.is_alive():
        count = len(samples)
        if count:
            last = count - 1
            seen = (samples.utc_ns[last], samples.media_time[last], samples.dts[last], samples.at[last])
            if seen != (last,) * 4 or samples.key_at(last) != last:
                wrong.append((last, seen))
    thread.join()
    assert wrong == []
