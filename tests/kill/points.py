"""Every step of the exchange before and after which a process may die, found in the source.

A step is a commit, a lock, a question to a peer, what is sent and received for it, or an effect outside the database.
Each has a name, such as `feeds.pull._mirror:1`: the first step in that function.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = "before", "after"
COMMIT = "commit"
KINDS = {
    COMMIT: r"(\w+\.)?writing|\w+\.(begin|commit)",
    "lock": r"(\w+\.)?take_lock",
    "question": r"(\w+\.)*(line|mirror|released)\.(page|objects)",
    "send": r"(\w+\.)*(session|requests)\.(get|post|put|delete|request|send)|(\w+\.)*sendall|(\w+\.)*urlopen",
    "receive": r"(.*\.)?(read1|recv|recv_into)|(.*\.)?stream\.read",
    "effect": r"(\w+\.)*outside|(\w+\.)*index\.write|os\.(fsync|replace|rename|link)|(\w+\.)*write_(text|bytes)",
}
"""What is called in a step of each kind, as it is written."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, its kind, and the call that does it."""

    name: str
    kind: str
    call: ast.Call


def sources() -> dict[str, Path]:
    """The modules that are looked through, by name: the exchange, what carries it, and its ways in."""
    files = [*(ROOT / "feeds").rglob("*.py"), *(ROOT / "cert" / name for name in ("follow.py", "intake.py", "acts.py"))]
    named = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in sorted(files)}
    return {name: file for name, file in named.items() if not name.endswith("__init__")}


def steps(module: str, tree: ast.Module) -> Iterator[Step]:
    """The steps in a module, numbered in each function in the order in which they are written."""
    counts: dict[str, int] = {}
    for where, call in _calls(tree, module):
        kind = next((kind for kind, text in KINDS.items() if re.fullmatch(text, ast.unparse(call.func))), None)
        if kind is not None:
            counts[where] = counts.get(where, 0) + 1
            yield Step(f"{where}:{counts[where]}", kind, call)


def _calls(node: ast.AST, where: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield where, child
        name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""
        yield from _calls(child, f"{where}.{name}" if name else where)


@lru_cache(maxsize=1)
def all_steps() -> dict[str, str]:
    """The kind of every step there is, by its name."""
    trees = {module: ast.parse(file.read_text("utf-8")) for module, file in sources().items()}
    return {step.name: step.kind for module, tree in trees.items() for step in steps(module, tree)}
