"""The folder of an embedded index: each index in a folder of its own, and links that say which is live or offered.

    index/live -> 2-5f1c…/        index/next -> 2-77aa…/

A link is replaced in one step, so a reader finds the old index or the new one and never half of either.
"""

import os
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from cert.errors import Missing

FORMAT = "2"  # of the fields in `embedded.schema`; another one means: build the index anew
LIVE, NEXT = "live", "next"
_OURS = re.compile(r"\.?[0-9]+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make(path: Path, fill: Callable[[Path], object]) -> str:
    """Make the folder of a new index, into which `fill` puts it empty, and give its name."""
    name = f"{FORMAT}-{uuid.uuid4()}"
    fresh = path / f".{name}"
    if (path / "generation").exists():
        shutil.rmtree(path)  # an index of format 1, which was this folder itself
    try:
        fresh.mkdir(parents=True)
        fill(fresh)
        fresh.rename(path / name)
    except OSError as fault:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Missing(
            "index-folder",
            "No search index can be made at %(path)s: %(reason)s.",
            path=str(path),
            reason=fault.strerror,
        ) from fault
    return name


def named(path: Path, link: str) -> str | None:
    """The name of the index that a link leads to; None if there is none, or it is of another format."""
    try:
        name = (path / link).readlink().name
    except OSError:
        return None
    return name if name.startswith(f"{FORMAT}-") and (path / name).is_dir() else None


def point(path: Path, link: str, name: str) -> None:
    """Let a link lead to an index, in one step."""
    fresh = path / f".{link}-{uuid.uuid4()}"
    fresh.symlink_to(name)
    fresh.replace(path / link)
    _sync(path)


def unpoint(path: Path, link: str) -> None:
    """Take a link away."""
    (path / link).unlink(missing_ok=True)


def others(path: Path, kept: frozenset[str | None]) -> list[str]:
    """The names of all indexes in the folder, half-made ones too, that are not to be kept."""
    if not path.is_dir():
        return []
    return sorted(one.name for one in path.iterdir() if _OURS.fullmatch(one.name) and one.name not in kept)


def remove(path: Path, name: str) -> None:
    """Remove an index. Who reads it just now keeps its files until he lets go."""
    shutil.rmtree(path / name, ignore_errors=True)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
