"""The rooms of the house and the direction of imports between them, as ARCHITECTURE.md draws them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ENGINE = Path(__file__).parents[3] / "engine"

GROUND = {"model", "stats", "schedule", "clock", "errors", "net"}
BRACES = {"respond", "messages", "insight", "privacy", "channels", "crm", "desks", "brokers"}
# Each room with the rooms right below it; what is below those is allowed too.
BELOW: dict[str, set[str]] = {
    "cli": {"daemon", "checks", "plan"},
    "daemon": {"web", "plan"},
    "plan": {"lab", "checks"},
    "web": {"runtime"},
    "lab": {"runtime"},
    "checks": {"rules", "stats"},
    "runtime": BRACES,
    **{room: {"connections", "deploy"} for room in BRACES},
    "connections": {"store"},
    "deploy": {"store"},
    "store": {"rules"},
    "rules": {"dsl"},
    "dsl": set(),
}
WITHIN_BRACES = {("channels", "respond"), ("channels", "messages")}
# The definitions are made of durations, and an error is an error everywhere: the ground floor has its own order.
GROUND_ORDER = {
    "model": {"schedule", "errors"},
    "stats": {"errors", "schedule"},
    "schedule": {"errors"},
    "clock": {"errors"},
    "errors": set(),
    "net": {"errors", "clock", "model"},
}


def _allowed(room: str) -> set[str]:
    if room in GROUND:
        return GROUND_ORDER[room] | {room}
    graph: nx.DiGraph[str] = nx.DiGraph([(upper, lower) for upper, lowers in BELOW.items() for lower in lowers])
    below = nx.descendants(graph, room) if room in graph else set()
    return below | GROUND | {room} | {lower for upper, lower in WITHIN_BRACES if upper == room}


def _files() -> list[Path]:
    return sorted(ENGINE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            parts = name.split(".")
            if parts[0] == "engine" and len(parts) > 1:
                yield node.lineno, parts[1]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_a_room_imports_only_from_rooms_below_it(path: Path) -> None:
    room = _room(path)
    if room in ("__init__", "__main__"):
        return
    allowed = _allowed(room)
    wrong = [f"line {line}: {room} imports {target}" for line, target in _imports(path) if target not in allowed]
    assert not wrong


def test_every_room_has_a_place_in_the_house() -> None:
    rooms = {_room(path) for path in _files()} - {"__init__", "__main__"}
    assert rooms <= set(BELOW) | GROUND


@pytest.mark.parametrize("path", [p for p in _files() if _room(p) in ("dsl", "rules")], ids=lambda p: p.relative_to(ENGINE).as_posix())
def test_language_and_rules_do_no_io(path: Path) -> None:
    if path.name == "source.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    forbidden = {"os", "io", "socket", "subprocess", "asyncio", "sqlite3", "time", "random", "urllib", "aiohttp"}
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    opened = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open"]
    assert not names & forbidden
    assert not opened


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_domain_time_enters_through_the_clock_alone(path: Path) -> None:
    if path.name == "clock.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            node.func.attr in ("utcnow", "today")
            or (node.func.attr == "now" and ast.unparse(node.func.value) in ("dt.datetime", "datetime"))
        )
        and ast.unparse(node.func.value) not in ("meaning",)
    ]
    assert not calls


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_no_sql_stands_outside_the_store(path: Path) -> None:
    if _room(path) == "store":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if text.startswith(("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE "))]


def test_a_file_holds_one_concept() -> None:
    long = {
        path.relative_to(ENGINE).as_posix(): count for path in _files() if (count := path.read_text(encoding="utf-8").count("\n")) > 420
    }
    assert not long
