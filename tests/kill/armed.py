"""Lets this process die by SIGKILL at one step: whoever imports this gets the exchange with every step wrapped.

The source on disk stays as it is: as its modules are imported, each call that `points` finds is put through `_at`. So
this must be imported before them, in a process of its own.
"""

import ast
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

from tests.kill import points
from tests.kill.points import AFTER, BEFORE, COMMIT

_SOURCES = points.sources()
_deadly, _left = "", 0
_one = threading.Lock()


def arm(point: str, times: int) -> None:
    """Die when this point, such as `feeds.pull._mirror:1:before`, is reached so often."""
    global _deadly, _left
    _deadly, _left = point, times


def _reach(point: str) -> None:
    global _left
    if point == _deadly:
        with _one:
            _left -= 1
            if _left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _at(name: str, kind: str, does: Callable[..., Any]) -> Callable[..., Any]:
    """What does a step, between its two points. For a commit, that is when the whole transaction has been written."""
    before, after = f"{name}:{BEFORE}", f"{name}:{AFTER}"

    @contextmanager
    def commit(*args: Any, **options: Any) -> Iterator[Any]:
        with does(*args, **options) as c:
            yield c
            _reach(before)
        _reach(after)

    def step(*args: Any, **options: Any) -> Any:
        _reach(before)
        done = does(*args, **options)
        _reach(after)
        return done

    return commit if kind == COMMIT else step


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path))
        for step in points.steps(fullname, tree):
            words = [ast.Constant(step.name), ast.Constant(step.kind), step.call.func]
            step.call.func = ast.Call(ast.Name("__at__", ast.Load()), words, [])
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__at__"] = _at
        super().exec_module(module)


class _Finder:
    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        file = _SOURCES.get(name)
        return spec_from_file_location(name, file, loader=_Loader(name, str(file))) if file else None


if early := _SOURCES.keys() & sys.modules.keys():
    raise ImportError(f"{', '.join(sorted(early))}: imported before they could be armed")
sys.meta_path.insert(0, _Finder())
for _module in (*_SOURCES, "config.pages", "cert.search.embedded"):
    importlib.import_module(_module)
