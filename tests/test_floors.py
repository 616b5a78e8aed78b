"""Imports only go down the floors of the house, and the room knows nothing of the world outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "axenix"

FLOORS = {
    0: ["errors", "config", "written", "stderr", "tally", "logs", ""],
    1: ["room", "room.moment", "room.commands", "room.events", "room.state", "room.sdp", "room.text", "room.resume",
        "frames", "tokens", "foreign", "room_keys", "links", "media_types", "multipart", "picture_worker"],
    2: ["room.permits", "room.signals", "room.chat", "room.keys", "room.files", "room.erasure", "room.decide",
        "room.fold", "wire", "lines"],
    3: ["alarm", "audience", "turn", "scribe", "catchup", "actor", "rooms"],
    4: ["store.*", "pictures"],
    5: ["web.*"],
    6: ["app", "__main__", "commands.*"],
}
APART = {"client", "client.errors", "client.rest", "client.socket"}
"""Knows nothing of the server but its protocol."""
NOT_ACROSS = {3: 4, 4: 3}
"""The actors and the store are introduced by app.py and never import one another."""
UNKNOWN_TO_THE_ROOM = {
    "asyncio", "aiohttp", "aiosqlite", "sqlite3", "time", "random", "secrets", "os", "socket", "logging",
}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__") if name != "__init__" else ""] = path
    return found


def floor_of(name: str) -> int:
    for floor, names in FLOORS.items():
        if name in names or any(each.endswith(".*") and (name + ".").startswith(each[:-1]) for each in names):
            return floor
    raise AssertionError(f"axenix.{name} stands on no floor: add it to FLOORS")


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            base = node.module or ""
            names |= {f"{base}.{alias.name}" if _is_module(base, alias.name) else base for alias in node.names}
    return names


def _is_module(base: str, name: str) -> bool:
    folder = PACKAGE.parent.joinpath(*base.split("."))
    return (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_only_go_down(name: str) -> None:
    named = [each for each in imports(modules()[name]) if each.split(".")[0] == "axenix"]
    own = {each.removeprefix("axenix").lstrip(".") for each in named}
    if name in APART:
        assert own <= APART
        return
    floor = floor_of(name)
    for other in own:
        assert other not in APART or floor >= 5
        assert floor_of(other) <= floor, f"axenix.{name} (floor {floor}) imports axenix.{other} above it"
        assert floor_of(other) != NOT_ACROSS.get(floor), f"axenix.{name} must not know axenix.{other}"


@pytest.mark.parametrize("name", [each for each in sorted(modules()) if each == "room" or each.startswith("room.")])
def test_the_room_knows_no_plumbing_no_clock_and_no_chance(name: str) -> None:
    assert not {each.split(".")[0] for each in imports(modules()[name])} & UNKNOWN_TO_THE_ROOM
