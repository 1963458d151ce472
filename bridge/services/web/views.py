"""`/api/v1/views`: arrangements of cameras on the page, one's own and shared ones.

A cell whose camera the caller may not see is an empty cell for him. Only its owner changes a view; an administrator may
remove any that he sees.
"""

import json
import re
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from bridge.base.time import Clock, format_utc
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.stills import InThread
from bridge.services.web.times import bad_input
from bridge.system.access import Action, Gatekeeper, Principal, Role
from bridge.system.views import TooManyViewsError, View, Views

VIEWS = "/api/v1/views"
VIEW = "/api/v1/views/{id}"
MAX_CELLS = 64

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


class Cell(BaseModel):
    """stream: the main one where it is empty; camera: empty: nothing is shown there."""

    model_config = ConfigDict(extra="forbid")

    camera: str = Field(default="", max_length=64)
    stream: str = Field(default="", max_length=64)


class ViewWanted(BaseModel):
    """layout: the page's own word, such as `2x2`; cells: from the left, row by row."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    layout: str = Field(min_length=1, max_length=32, pattern=r"^[^\x00-\x1f\x7f]+$")
    cells: list[Cell] = Field(max_length=MAX_CELLS)
    shared: bool = False


class ViewShown(BaseModel):
    """A view. mine: whether the caller may change it."""

    id: str
    name: str
    layout: str
    cells: list[Cell]
    shared: bool
    owner: str
    mine: bool
    changed: str


class ViewPages:
    """See the module."""

    def __init__(
        self,
        views: Views,
        gatekeeper: Gatekeeper,
        in_thread: InThread,
        clock: Clock,
        changed: Callable[[str | None], None],
    ) -> None:
        """changed: told of a user's view, or with None of a shared one."""
        self._views, self._gatekeeper, self._in_thread = views, gatekeeper, in_thread
        self._clock, self._changed = clock, changed

    async def all(self, asked: Asked) -> list[ViewShown]:
        """GET."""
        found: tuple[View, ...] = await self._in_thread(lambda: self._views.seen_by(asked.principal.name))
        return [self._shown(asked.principal, view) for view in found]

    async def one(self, asked: Asked) -> ViewShown:
        """GET of one."""
        return self._shown(asked.principal, await self._found(asked))

    async def make(self, asked: Asked) -> ViewShown:
        """POST: with an id of our choice."""
        return await self._save(asked, None, None)

    async def put(self, asked: Asked) -> ViewShown:
        """PUT: in the place of his view of that id, or as a new one."""
        view_id = asked.place["id"]
        if not _ID.fullmatch(view_id):
            raise bad_input("id", "1 to 40 of A-Z, a-z, 0-9, - and _")
        before: View | None = await self._in_thread(lambda: self._views.find(view_id))
        if before is not None and before.owner != asked.principal.name:
            # What is there and not shared looks like an id that nobody may have.
            raise _of_another() if before.shared else not_found()
        return await self._save(asked, view_id, before)

    async def remove(self, asked: Asked) -> None:
        """DELETE."""
        view = await self._found(asked)
        if view.owner != asked.principal.name and asked.principal.role is not Role.ADMINISTRATOR:
            raise _of_another()
        await self._in_thread(lambda: self._views.remove(view.id))
        self._changed(None if view.shared else view.owner)

    async def _found(self, asked: Asked) -> View:
        if not _ID.fullmatch(asked.place["id"]):
            raise not_found()
        view: View | None = await self._in_thread(lambda: self._views.find(asked.place["id"]))
        if view is None or not (view.shared or view.owner == asked.principal.name):
            raise not_found()
        return view

    async def _save(self, asked: Asked, view_id: str | None, before: View | None) -> ViewShown:
        body, owner, now = asked.body, asked.principal.name, self._clock.utc_ns()
        definition = json.dumps({"layout": body.layout, "cells": [cell.model_dump() for cell in body.cells]})
        try:
            saved: View | None = await self._in_thread(
                lambda: self._views.save(view_id, owner, body.name, definition, now, shared=body.shared)
            )
        except TooManyViewsError as error:
            raise ProblemError(409, "conflict", str(error)) from None
        if saved is None:
            raise not_found()
        self._changed(None if body.shared or (before is not None and before.shared) else owner)
        return self._shown(asked.principal, saved)

    def _shown(self, principal: Principal, view: View) -> ViewShown:
        definition = json.loads(view.definition)
        return ViewShown(
            id=view.id,
            name=view.name,
            layout=definition["layout"],
            cells=[self._cell(principal, Cell(**cell)) for cell in definition["cells"]],
            shared=view.shared,
            owner=view.owner,
            mine=view.owner == principal.name,
            changed=format_utc(view.changed_utc_ns),
        )

    def _cell(self, principal: Principal, cell: Cell) -> Cell:
        actions = (Action.LIVE, Action.PLAYBACK)
        return cell if any(self._gatekeeper.may(principal, action, cell.camera) for action in actions) else Cell()


def view_routes(pages: ViewPages) -> list[Route]:
    """See the module."""
    return [
        Route("GET", VIEWS, pages.all, Who.USER, "Your views and shared ones", answer=list[ViewShown]),
        Route(
            "POST",
            VIEWS,
            pages.make,
            Who.USER,
            "A new view",
            body=ViewWanted,
            answer=ViewShown,
            status=201,
            problems=("conflict",),
        ),
        Route("GET", VIEW, pages.one, Who.USER, "One view", answer=ViewShown),
        Route(
            "PUT",
            VIEW,
            pages.put,
            Who.USER,
            "Save your view under an id; it is made where there is none",
            body=ViewWanted,
            answer=ViewShown,
            problems=("conflict", "forbidden"),
        ),
        Route("DELETE", VIEW, pages.remove, Who.USER, "Remove a view", status=204, problems=("forbidden",)),
    ]


def _of_another() -> ProblemError:
    return ProblemError(403, "forbidden", "the view is another user's: only he changes it")
