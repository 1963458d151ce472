"""The order of the suite: fast tests first; a fault shows in a minute, and no encoder of the demo slows them down."""

from pathlib import Path

import pytest

INTEROP = Path(__file__).parent / "interop"


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    """Those with real sockets and foreign clients come last; among themselves all stay in their order."""
    items.sort(key=_is_interop)


def _is_interop(item: "pytest.Item") -> bool:
    return INTEROP in item.path.parents
