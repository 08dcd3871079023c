"""The folder an embedded index lives in: made whole or not at all, and named when it is made."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from cert.errors import Missing

FORMAT = "1"  # of the fields in `embedded.schema`; another one means: build the index anew
_NAME = "generation"


def make(path: Path, fill: Callable[[Path], object]) -> None:
    """Make an index folder in one step; `fill` puts the empty index in. The folder of a faster process stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (path / _NAME).exists():
        shutil.rmtree(path)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    fill(fresh)
    with (fresh / _NAME).open("w") as out:
        out.write(f"{FORMAT} {uuid.uuid4()}\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        fresh.rename(path)
    except OSError as fault:
        shutil.rmtree(fresh)
        if not (path / _NAME).exists():
            raise Missing(
                "index-folder",
                "No search index can be made at %(path)s: %(reason)s.",
                path=str(path),
                reason=fault.strerror,
            ) from fault


def generation(path: Path) -> str:
    """The name the index got when it was made. Raises `Missing` if it is not there, or of another format."""
    try:
        made_as, _, name = (path / _NAME).read_text().strip().partition(" ")
    except OSError as fault:
        raise Missing(
            "index-missing",
            "The search index at %(path)s is missing. Start `puente work`; it builds it again from the record.",
            path=path,
        ) from fault
    if made_as != FORMAT or not name:
        raise Missing(
            "index-format",
            "The search index at %(path)s was made by another version of Puente. "
            "Start `puente work`; it builds it again from the record.",
            path=path,
        )
    return name
