"""The folder that the commands run in."""

import pytest

from tests.cli.onb import CONFIG
from tests.cli.recorded import archive_in


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONB_CONFIG", raising=False)
    (tmp_path / "onb.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def archive(folder):
    """See tests/cli/recorded.py. Closed: whoever opens it closes it again."""
    archive = archive_in(folder)
    yield archive
    archive.close()
