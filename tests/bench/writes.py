"""How fast objects go in: by command, by TAXII, by the append beneath, and on to the record and the index."""

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import orjson

from cert import access, door, follow, intake, sight, stix
from cert.follow import Follower, now_us
from cert.intake import WORKBENCH
from cert.search.documents import document
from cert.search.embedded import open_embedded
from cert.store import current, log
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD, Statement
from config import wiring
from config.node import IMPORT
from tests.bench.bare import Bare
from tests.bench.clock import Measured, speed
from tests.bench.site import OBJECTS_PATH, Site, workbench

CHUNK = 20_000  # of one imported file
SAMPLE = 4_000
TIMES = 5


def importing(site: Site, held: int) -> Measured:
    """Fill both nodes: one by `puente import`, which starts anew for each file, the other in process."""
    by_command, in_process = [], []
    bench = workbench(site.twin)
    for start in range(0, held, CHUNK):
        count = min(CHUNK, held - start)
        file = site.folder / "import.json"
        file.write_bytes(orjson.dumps({"objects": site.fresh(count)}))
        by_command.append(speed(count, partial(_import, site, file)))
        in_process.append(speed(count, partial(_deposit, site.twin, bench, [file.read_bytes()])))
    last = slice(-TIMES, None)
    return Measured("import, by command", "objects", by_command[last], "deposit", in_process[last])


def posting(site: Site) -> Measured:
    """POST envelopes of `BATCH` objects; beside it the same envelopes, parsed and deposited in process."""
    over_http, in_process = [], []
    bench = workbench(site.twin)
    for _ in range(TIMES):
        objects = site.fresh(SAMPLE)
        envelopes = [orjson.dumps({"objects": objects[i : i + BATCH]}) for i in range(0, SAMPLE, BATCH)]
        over_http.append(speed(SAMPLE, partial(_post, site, envelopes)))
        in_process.append(speed(SAMPLE, partial(_deposit, site.twin, bench, envelopes)))
    return Measured("TAXII POST", "objects", over_http, "parse and deposit", in_process)


def carrying(site: Site) -> Measured:
    """Intake carries the workbench to the record, on both nodes; what is measured is the end of it, on the full one."""
    name = WORKBENCH + IMPORT
    follow_to_end(site.twin, wiring.intake_follower(name))
    speeds = last_part(site.served, wiring.intake_follower(name))
    return Measured("intake to the record", "objects", speeds)


def indexing(site: Site) -> Measured:
    """Search follows the record; beside it the writing of documents that are ready, into an index of its own."""
    index = open_embedded(site.settings().index, writer=True, create=True)
    speeds = last_part(site.served, wiring.search_follower(site.served, index))
    with reading(site.served) as c:
        entries = log.after(c, RECORD, log.head(c, RECORD) - TIMES * SAMPLE, TIMES * SAMPLE)
        found = list(current.by_line(c, RECORD, {e.line for e in entries if e.line}).values())
        levels = sight.handlings(c, found)
    docs = [document(e, access.audience(lv, o), o.nation, lv) for e, (lv, o) in zip(found, levels, strict=True)]
    bare = open_embedded(site.folder / "bare-index", writer=True, create=True)
    step = wiring.INDEX_BATCH
    parts = [docs[i : i + step] for i in range(0, len(docs), step)]
    bare_speeds = [speed(len(part), partial(bare.write, part)) for part in parts]
    for one in (index, bare):
        one.close()
    return Measured("search index", "documents", speeds, "write ready documents", bare_speeds)


def appending(site: Site) -> Measured:
    """Append to the record, references included; beside it a bare `executemany` of the rows that this wrote."""
    bare = Bare(site.served, site.folder / "bare.db")
    origin = workbench(site.served).org.n
    speeds, bare_speeds = [], []
    for _ in range(TIMES):
        said = [log.statement(door.check(obj, now_us()), origin) for obj in site.fresh(SAMPLE)]
        took_s = bare_took_s = 0.0
        for start in range(0, SAMPLE, BATCH):
            took_s += BATCH / speed(BATCH, partial(_append, site.served, said[start : start + BATCH]))
            bare_took_s += BATCH / speed(BATCH, partial(bare.insert, bare.new_rows(site.served)))
        speeds.append(SAMPLE / took_s)
        bare_speeds.append(SAMPLE / bare_took_s)
    bare.close()
    return Measured("append to the record", "objects", speeds, "bare executemany of its rows", bare_speeds)


def _append(db: Engine, said: Sequence[Statement]) -> None:
    with writing(db, bulk=True) as c:
        log.append(c, RECORD, said, now_us())


def _import(site: Site, file: Path) -> None:
    settings = site.both.folder / "mx.toml"
    command = [sys.executable, "-m", "config", "--settings", str(settings), "import", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _post(site: Site, envelopes: Sequence[bytes]) -> None:
    for envelope in envelopes:
        site.client.ask(OBJECTS_PATH, envelope)


def _deposit(db: Engine, bench: intake.Workbench, texts: Sequence[bytes]) -> None:
    for text in texts:
        for outcomes in intake.deposit(db, bench, stix.objects_of(stix.parse_json(text)), now_us):
            assert not any(outcome.sentence for outcome in outcomes)


def follow_to_end(db: Engine, follower: Follower) -> None:
    """Let a follower read its log to the end."""
    while follow.turn(db, follower, now_us):
        pass


def last_part(db: Engine, follower: Follower) -> list[float]:
    """Let a follower read its log to the end. Gives its speed over the last parts, when all the rest is held."""
    with reading(db) as c:
        end = log.head(c, follower.log)
    _follow(db, follower, end - TIMES * SAMPLE)
    speeds = []
    for part in range(TIMES):
        started = time.perf_counter()
        count = _follow(db, follower, end - (TIMES - 1 - part) * SAMPLE)
        speeds.append(count / (time.perf_counter() - started))
    return speeds


def _follow(db: Engine, follower: Follower, to: int) -> int:
    """Let a follower read on to a number, and perhaps a batch further; gives how many entries that were."""
    with reading(db) as c:
        start = position = log.cursor(c, follower.name)
    while position < to:
        follow.turn(db, follower, now_us)
        with reading(db) as c:
            position = log.cursor(c, follower.name)
    return position - start
