"""The order of the suite: fast tests first; a fault shows in a minute, and no encoder of the demo slows them down.

No example of a property has a deadline: how fast the machine is, is not what is tested.
"""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("bridge", parent=settings(), deadline=None)
settings.load_profile("bridge")

INTEROP = Path(__file__).parent / "interop"


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    """Those with real sockets and foreign clients come last; among themselves all stay in their order."""
    items.sort(key=_is_interop)


def _is_interop(item: "pytest.Item") -> bool:
    return INTEROP in item.path.parents
