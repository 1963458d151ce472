import pytest

from bridge.system.data_lock import DataInUseError, hold, is_held


def test_one_at_a_time(tmp_path):
    with hold(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(DataInUseError, match="another onb service runs on"), hold(tmp_path):
            pass
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with hold(tmp_path):
        pass


def test_whoever_asks_makes_nothing(tmp_path):
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []
