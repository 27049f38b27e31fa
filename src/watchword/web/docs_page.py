"""The API's page: the OpenAPI document as a person reads it, and as a machine gets it.

Not handled here: what the document says (``openapi.py``).

Rule: everything on the page comes from the document and the table of problems, so it cannot say anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from watchword.web import wire
from watchword.web.exchange import JSON, PAGE, Answer, Request
from watchword.web.openapi import Document, openapi
from watchword.web.pages import Pages
from watchword.web.problems import TABLE, TYPE_PREFIX, code_of
from watchword.web.route import Route
from watchword.web.services import WebConfig


class Field(NamedTuple):
    """A line in a table of fields."""

    name: str
    kind: str
    required: bool
    about: str


class Operation(NamedTuple):
    """A section of the page."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    about: str
    parameters: list[Field]
    takes: list[Field]
    gives: list[Field]
    example: str
    command: str
    answers: list[tuple[str, str]]


class DocsPages:
    """The document and its page, each made when it is first asked for."""

    def __init__(self, routes: Sequence[Route], config: WebConfig, pages: Pages) -> None:
        self._routes = routes
        self._config = config
        self._pages = pages

    async def document(self, _: Request) -> Answer:
        """The OpenAPI document."""
        return Answer(200, self._json, JSON)

    async def page(self, _: Request) -> Answer:
        """The page."""
        return Answer(200, self._html, PAGE)

    @cached_property
    def _document(self) -> Document:
        return openapi(self._routes, self._config)

    @cached_property
    def _json(self) -> bytes:
        return wire.encode(self._document)

    @cached_property
    def _html(self) -> bytes:
        document = self._document
        return self._pages.render(
            "docs.html.jinja",
            about=document["info"]["description"],
            version=document["info"]["version"],
            operations=list(_operations(document, self._config.public_url)),
            problems=_problems(),
            type_prefix=TYPE_PREFIX,
        )


def _operations(document: Document, origin: str) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get(JSON.media, {})
            success = next(status for status in told["responses"] if status.startswith("2"))
            answer = told["responses"][success].get("content", {}).get(JSON.media, {})
            yield Operation(
                name=told["operationId"],
                method=method.upper(),
                path=path,
                tag=told["tags"][0],
                summary=told["summary"],
                about=told["description"],
                parameters=[_parameter(each) for each in told.get("parameters", ())],
                takes=list(_fields(body.get("schema", {}), document)),
                gives=list(_fields(answer.get("schema", {}), document)),
                example=json.dumps(answer["example"], indent=2) if answer.get("example") else "",
                command=_command(method, path, body.get("example"), origin, keyed="security" in told),
                answers=[(status, each["description"]) for status, each in told["responses"].items()],
            )


def _command(method: str, path: str, example: Document | None, origin: str, *, keyed: bool) -> str:
    parts = ["curl -sS" + ("" if method == "get" else f" -X {method.upper()}") + f" {origin}{path}"]
    if keyed:
        parts.append('-H "Authorization: Bearer $KEY"')
    if example:
        parts += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example)}'"]
    return " \\\n  ".join(parts).replace("{id}", "$ID")


def _parameter(told: Document) -> Field:
    place = {"path": "in the path", "query": "in the address", "header": "header"}[told["in"]]
    return Field(told["name"], place, told["required"], told["description"])


def _fields(schema: Document, document: Document, before: str = "") -> Iterator[Field]:
    """The fields of an object, those of objects inside it spelled with a dot."""
    described = _resolve(schema, document)
    if described.get("type") == "array":
        yield from _fields(described["items"], document, before.removesuffix(".") + "[].")
        return
    needed = set(described.get("required", ()))
    for name, inner in described.get("properties", {}).items():
        kind = _kind(inner, document)
        yield Field(before + name, kind, name in needed, _about(inner, document))
        if "object" in kind or "list of objects" in kind:
            yield from _fields(_inside(inner, document), document, f"{before}{name}.")


def _resolve(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _inside(schema: Document, document: Document) -> Document:
    """The one choice of a schema that is not null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return _resolve(choices[0] if choices else schema, document)


def _kind(schema: Document, document: Document) -> str:
    inner = _inside(schema, document)
    kinds: Any = inner.get("type", "")
    if kinds == "array":
        items = _kind(inner["items"], document)
        return "list of objects" if items == "object" else f"list of {items}"
    return str(inner.get("format") or kinds)


def _about(schema: Document, document: Document) -> str:
    inner = _inside(schema, document)
    about = str(schema.get("description") or inner.get("description", ""))
    choices = inner.get("enum") or inner.get("items", {}).get("enum") or ()
    named = ", ".join(f"`{choice}`" for choice in choices)
    return f"{about} {'One of ' if len(choices) > 1 else 'So far '}{named}.".lstrip() if named else about


def _problems() -> list[tuple[int, str, str, str]]:
    """Status, code, title and sentence of everything that may go wrong, once for each code."""
    rows: dict[str, tuple[int, str, str, str]] = {}
    for kind, (status, title) in TABLE.items():
        code = code_of(kind)
        rows.setdefault(code, (status, code, title, kind.sentence))
    return sorted(rows.values())
