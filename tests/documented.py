"""Whether an answer is one that /openapi.json tells of: its status, its reason and its shape.

Knows the document alone. `living.asked` shows it every answer that the contract's tests get.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs

from axenix.web.docs.openapi import openapi

OF_HTTP = {"not_found", "method_not_allowed", "bad_request"}
"""Reasons of answers to what is no request of the document's."""


class Operation(NamedTuple):
    path: re.Pattern[str]
    method: str
    responses: dict[str, Any]
    name: str


@cache
def operations() -> list[Operation]:
    """Those with the fewest parameters first: `/api/users/me/device_key` is no `/api/users/{id}/device_key`."""
    found = [Operation(re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path))), method.upper(),
                       operation["responses"], operation["operationId"])
             for path, methods in openapi()["paths"].items() for method, operation in methods.items()]
    return sorted(found, key=lambda each: each.path.groups)


def operation_of(method: str, path: str) -> Operation | None:
    path = path.partition("?")[0]
    return next((each for each in operations() if each.method == method and each.path.fullmatch(path)), None)


@cache
def validator(name: str, status: str) -> Any:
    (operation,) = (each for each in operations() if each.name == name)
    content = operation.responses[status].get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return schema and jsonschema_rs.Draft202012Validator({**schema, "components": openapi_parts()})


@cache
def openapi_parts() -> dict[str, Any]:
    components: dict[str, Any] = openapi()["components"]
    return {"schemas": components["schemas"]}


def must_say(method: str, path: str, status: int, body: Any) -> None:
    """Fails on an answer that the document does not tell of."""
    operation = operation_of(method, path)
    if operation is None or (isinstance(body, dict) and body.get("reason") in OF_HTTP and status in (404, 405)):
        return
    where = f"{method} {path} answered {status} {body!r:.300}"
    assert str(status) in operation.responses, f"{where}, which {operation.name} does not tell of"
    if isinstance(body, dict) and (check := validator(operation.name, str(status))):
        faults = [error.message for error in check.iter_errors(body)]
        assert not faults, f"{where}: {faults}"
