"""Views: arrangements of cameras that users keep for the page, their own and shared ones. Kept in config.db.

All calls block for the database. Who may see and change which is the door's to ask; here are the bounds.
"""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.database import Database
from bridge.system.schema import views

MAX_PER_USER = 100


class TooManyViewsError(BridgeError):
    """He has MAX_PER_USER already."""


@dataclass(frozen=True, slots=True)
class View:
    """definition: JSON text, as the door has it."""

    id: str
    owner: str
    name: str
    shared: bool
    definition: str
    changed_utc_ns: int


class Views:
    """Listed, saved, removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen_by(self, user: str) -> tuple[View, ...]:
        """His own and shared ones, by name."""
        query = sa.select(views).where(sa.or_(views.c.owner == user, views.c.shared)).order_by(views.c.name, views.c.id)
        return self._database.read(lambda connection: _views(connection.execute(query).mappings()))

    def find(self, view_id: str) -> View | None:
        """The one of that id."""
        query = sa.select(views).where(views.c.id == view_id)
        found = self._database.read(lambda connection: _views(connection.execute(query).mappings()))
        return found[0] if found else None

    def save(
        self, view_id: str | None, owner: str, name: str, definition: str, utc_ns: UtcNs, *, shared: bool
    ) -> View | None:
        """Puts it in the place of what was there; None: that id is another user's.

        view_id: None: one of its own. Raises TooManyViewsError.
        """
        view = View(view_id or secrets.token_hex(8), owner, name, shared, definition, utc_ns)
        row = {
            "id": view.id,
            "owner": owner,
            "name": name,
            "shared": shared,
            "definition": definition,
            "changed_utc_ns": utc_ns,
        }

        def put(connection: sa.Connection) -> View | None:
            has = connection.execute(sa.select(views.c.owner).where(views.c.id == view.id)).scalar_one_or_none()
            if has is not None and has != owner:
                return None
            if has is not None:
                connection.execute(sa.update(views).where(views.c.id == view.id).values(row))
                return view
            mine = sa.select(sa.func.count()).select_from(views).where(views.c.owner == owner)
            if connection.execute(mine).scalar_one() >= MAX_PER_USER:
                raise TooManyViewsError(f"you have {MAX_PER_USER} views already: remove one first")
            connection.execute(sa.insert(views), row)
            return view

        return self._database.write(put)

    def remove(self, view_id: str) -> bool:
        """Whether it was there."""
        statement = sa.delete(views).where(views.c.id == view_id)
        return self._database.write(lambda connection: connection.execute(statement).rowcount) > 0


def _views(rows: sa.MappingResult) -> tuple[View, ...]:
    return tuple(View(**row) for row in rows)
