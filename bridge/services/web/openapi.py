"""The OpenAPI 3.1 document, made of the table of routes and the models in it: what is not in the table is not there.

WebSockets have no place in OpenAPI; they are told as the GET requests that they begin as.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from bridge.net.http import Reply
from bridge.services.web.door import JSON_TYPE
from bridge.services.web.problems import NAMES, PROBLEM_TYPE, TYPES
from bridge.services.web.routes import Asked, Route, Routes, Who

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
Json = dict[str, Any]
"""Any: JSON."""

PATH = "/api/v1/openapi.json"
_REFS = "#/components/schemas/{model}"
_IN_PATH = re.compile(r"\{([^}]+)\}")


class Problem(BaseModel):
    """Of an error (RFC 9457). Kinds may have members of their own."""

    type: str
    title: str
    status: int
    detail: str
    errors: list["InputFault"] = []


class InputFault(BaseModel):
    """What is wrong with one value of the input. field: `streams[0].url`."""

    field: str
    expected: str


class ProblemKind(BaseModel):
    """A kind of problem. type: as it stands in a problem document; title: what it means."""

    name: str
    type: str
    title: str


def openapi_routes(routes: Routes, sockets: Routes, version: str, in_thread: InThread) -> list[Route]:
    """routes, sockets: as they are when somebody asks first; making the document takes a tenth of a second."""
    made: list[bytes] = []

    async def document(asked: Asked) -> Reply:
        if not made:
            told = await in_thread(lambda: json.dumps(describe(routes.rows, sockets.rows, version)).encode())
            made.append(told)
        return Reply(200, made[0], JSON_TYPE, (("Cache-Control", "no-cache"),))

    def problems(asked: Asked) -> list[ProblemKind]:
        return [ProblemKind(name=name, type=TYPES + name, title=title) for name, title in NAMES.items()]

    return [
        Route("GET", PATH, document, Who.ANYBODY, "This document", answer=dict[str, Any]),
        Route("GET", "/api/v1/problems", problems, Who.ANYBODY, "The kinds of problems", answer=list[ProblemKind]),
    ]


def describe(rows: Iterable[Route], sockets: Iterable[Route], version: str) -> Json:
    """The document. version: of the program."""
    rows, sockets = sorted(rows, key=lambda row: row.path), sorted(sockets, key=lambda row: row.path)
    schemas = _Schemas([*rows, *sockets])
    paths: dict[str, Json] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    for row in sockets:
        told = _operation(row, schemas)
        told["responses"]["101"] = {"description": "A WebSocket from here on (RFC 6455)"}
        del told["responses"][str(row.status)]
        paths.setdefault(row.path, {}).setdefault("get", told)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Open Network Bridge",
            "version": version,
            "description": "Cameras, live and recorded. Errors are problem documents (RFC 9457); a thing that the "
            "caller has no right to is not there for him (404).",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a log-in (POST /api/v1/session) or one made for a program "
                    "(POST /api/v1/tokens)",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-onb_access",
                    "description": "Of a browser; over plain HTTP it is called onb_access. Requests that change "
                    "something must come from the page itself (Origin)",
                },
            },
        },
    }


class _Schemas:
    """JSON schemas of all models of the rows, by model and whether it goes in or out."""

    def __init__(self, rows: Sequence[Route]) -> None:
        come = _unique(one for row in rows for one in (row.query, row.body) if one is not None)
        go = _unique([Problem, *(row.answer for row in rows if row.answer is not None)])
        ways: list[tuple[JsonSchemaMode, list[Any]]] = [("validation", come), ("serialization", go)]
        inputs = [(_key(one), way, TypeAdapter(one)) for way, models in ways for one in models]
        found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REFS)
        self._by_key = found
        self.components: Json = definitions.get("$defs", {})

    def body(self, model: Any) -> Json:
        """Of what comes in."""
        return self._by_key[_key(model), "validation"]

    def answer(self, model: Any) -> Json:
        """Of what goes out."""
        return self._by_key[_key(model), "serialization"]

    def fields(self, model: type[BaseModel]) -> tuple[Json, Sequence[str]]:
        """Of a query: the schema of each field, and which of them must be there."""
        schema = self.body(model)
        while "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]]
        return schema.get("properties", {}), schema.get("required", ())


def _operation(row: Route, schemas: _Schemas) -> Json:
    told: Json = {
        "operationId": _operation_id(row),
        "summary": row.summary,
        "tags": [_tag(row.path)],
        "parameters": [*_in_path(row), *_in_query(row, schemas)],
        "responses": _responses(row, schemas),
        "security": [] if row.who is Who.ANYBODY else [{"token": []}, {"cookie": []}],
    }
    if row.who is Who.ADMINISTRATOR:
        told["description"] = "For administrators."
    if row.body is not None:
        told["requestBody"] = {
            "required": row.needs_body,
            "content": {JSON_TYPE: {"schema": schemas.body(row.body)}},
        }
    return told


def _in_path(row: Route) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _IN_PATH.findall(row.path)
    ]


def _in_query(row: Route, schemas: _Schemas) -> list[Json]:
    if row.query is None:
        return []
    properties, required = schemas.fields(row.query)
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    ]


def _responses(row: Route, schemas: _Schemas) -> Json:
    problem = {"content": {PROBLEM_TYPE: {"schema": schemas.answer(Problem)}}}
    good: Json = {"description": "Done"}
    if row.answer is not None:
        good["content"] = {JSON_TYPE: {"schema": schemas.answer(row.answer)}}
    elif row.content:
        good["content"] = {row.content.partition(";")[0]: {"schema": {}}}
    told: Json = {str(row.status): good}
    if row.who is not Who.ANYBODY:
        told["401"] = {"description": NAMES["log-in"]} | problem
    if row.who is Who.ADMINISTRATOR:
        told["403"] = {"description": NAMES["forbidden"]} | problem
    if row.body is not None:
        told["415"] = {"description": NAMES["media-type"]} | problem
    if row.body is not None or row.query is not None:
        told["422"] = {"description": NAMES["input"]} | problem
    names = [*row.problems, "not-found", "body"]
    told["4XX"] = {"description": "; ".join(f"`{name}`: {NAMES[name]}" for name in dict.fromkeys(names))} | problem
    told["5XX"] = {"description": NAMES["failed"]} | problem
    return told


def _operation_id(row: Route) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", row.path.removeprefix("/api/v1")) if word]
    return "-".join([row.method.lower(), *words]) or row.method.lower()


def _tag(path: str) -> str:
    return path.removeprefix("/api/v1").split("/")[1] or "page"


def _key(model: Any) -> str:
    return repr(model)


def _unique(models: Iterable[Any]) -> list[Any]:
    return list({_key(model): model for model in models}.values())
