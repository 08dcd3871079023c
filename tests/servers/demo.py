"""`make demo ENGINE=elastic`: the demo's two nations on a PostgreSQL and an Elasticsearch that are installed here.

Both servers are started for it, keep their data in `.demo-servers`, and end with it. The nodes are in `.demo-elastic`,
so that a demo on the embedded engines and this one leave each other alone.
"""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.servers import elastic, postgres
from tests.servers.process import NotInstalled

FOLDER, SERVERS = Path(".demo-elastic"), Path(".demo-servers")
ELASTIC_PORT, POSTGRES_PORT = 8200, 8432
FRESH = "--fresh"


def main() -> int:
    """Start the servers, then `puente demo`, told where they are; gives its exit code."""
    fresh = FRESH in sys.argv
    if fresh or not FOLDER.exists() or not SERVERS.exists():
        fresh = True  # one without the other is of no use
        shutil.rmtree(SERVERS, ignore_errors=True)
    with ExitStack() as started:
        try:
            cluster = started.enter_context(elastic.running(SERVERS / "elastic", port=ELASTIC_PORT)).url
            server = started.enter_context(postgres.running(SERVERS / "postgres", port=POSTGRES_PORT, durable=True))
        except NotInstalled as lacking:
            sys.stderr.write(f"{lacking}\n")
            return 1
        told = []
        for nation in ("mx", "us"):
            if fresh:
                server.fresh_database(name=nation)
            told += _told(
                nation, elasticsearch=cluster, database=f"postgresql://puente@127.0.0.1:{POSTGRES_PORT}/{nation}"
            )
            told += _told(nation, database_password_file=str(server.folder / "password"))
        command = (sys.executable, "-m", "config", "demo", "--folder", str(FOLDER), *told, *([FRESH] if fresh else []))
        return _run(command)


def _told(nation: str, **settings: str) -> list[str]:
    return [word for name, value in settings.items() for word in (f"--{nation}", f"{name}={value}")]


def _run(command: tuple[str, ...]) -> int:
    demo = subprocess.Popen(command)
    while True:
        try:
            return demo.wait()
        except KeyboardInterrupt:
            continue  # the terminal has told the demo too; it stops both nations, and then we stop the servers


if __name__ == "__main__":
    sys.exit(main())
