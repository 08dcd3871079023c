"""The two stores that promises are held on, and nodes that are made once on either and copied for each test."""

import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.nations import on_postgres
from tests.servers.postgres import Door

SQLITE, POSTGRES = STORES = ("sqlite", "postgres")


@dataclass(slots=True)
class Stock:
    """A folder with nodes in it. Their databases are files there too, unless they stand on a server."""

    folder: Path
    server: Door | None = None
    databases: list[str] = field(default_factory=list)

    def told(self) -> Mapping[str, str]:
        """What the settings of a node that is about to be made here must say of its database."""
        if self.server is None:
            return {}
        url = self.server.fresh_database()
        self.databases.append(url.rpartition("/")[2])
        return on_postgres(self.folder.parent, url)

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Path]:
        """A copy of the nodes in this folder, for as long as the block."""
        fresh = {name: f"t{secrets.token_hex(6)}" for name in self.databases}
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        for settings in folder.glob("*.toml"):
            text = settings.read_text("utf-8")
            for old, new in {str(self.folder): str(folder), **fresh}.items():
                text = text.replace(old, new)
            settings.write_text(text, "utf-8")
        for old, new in fresh.items():
            self._server.copy(old, new)
        try:
            yield folder
        finally:
            self._drop(fresh.values())

    def drop(self) -> None:
        """Drop the databases on the server."""
        self._drop(self.databases)

    def _drop(self, databases: Iterable[str]) -> None:
        for name in databases:
            self._server.drop(self._server.url(name))

    @property
    def _server(self) -> Door:
        assert self.server
        return self.server
