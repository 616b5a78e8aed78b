"""JSON Schema as msgspec makes it, in the words that readers of it understand."""

from __future__ import annotations

from typing import Any


def ecma(schema: Any) -> Any:
    r"""Patterns are ECMAScript's in JSON Schema (2020-12, section 6.4): `\Z` is a plain Z there, and `$` is the end."""
    if isinstance(schema, dict):
        return {key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else ecma(value)
                for key, value in schema.items()}
    return [ecma(each) for each in schema] if isinstance(schema, list) else schema


def told(schema: dict[str, Any]) -> dict[str, Any]:
    """What the server says has all its fields, also those that it could leave out when it reads them back."""
    fields = schema.get("properties", {})
    given = {name: {key: value for key, value in field.items() if key != "default"} for name, field in fields.items()}
    needed = [name for name in fields if name in schema.get("required", ()) or "default" in fields[name]]
    return {**schema, "properties": given, "required": needed} if fields else schema


def plain(schema: Any) -> Any:
    """For AsyncAPI, whose discriminator is a mere name, and not needed where every type is a constant."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "discriminator"}
    return [plain(each) for each in schema] if isinstance(schema, list) else schema
