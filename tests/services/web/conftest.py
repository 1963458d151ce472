"""The web door with its users, in a folder of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.web.login_setting import Members, members


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Members]:
    yield from members(tmp_path)
