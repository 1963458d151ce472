"""The folder that the commands run in."""

import pytest

from tests.cli.onb import CONFIG


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONB_CONFIG", raising=False)
    (tmp_path / "onb.toml").write_text(CONFIG)
    return tmp_path
