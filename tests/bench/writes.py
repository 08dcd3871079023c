"""How fast objects go in: by the form, by command, by TAXII, by the append beneath, and on to the record."""

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import orjson

from cert import door, extract, filing, follow, intake, stix
from cert.filing import Draft
from cert.follow import Follower, now_us
from cert.intake import WORKBENCH
from cert.store import log
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD, Statement
from config import wiring
from config.cast import SYSTEMS
from config.commands.shared import viewer_named
from config.node import IMPORT
from tests.bench import mix
from tests.bench.bare import Bare
from tests.bench.clock import EACH, Turn, seconds, speed
from tests.bench.site import OBJECTS_PATH, Site, workbench

CHUNK = 20_000  # of one imported file
SAMPLE = 4_000
TIMES = 5
FILINGS = 60
FORM = "/incidents/new"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def importing(site: Site) -> Iterator[Turn]:
    """Fill both nodes: one by `puente import`, which starts anew for each file, the other in process."""
    bench = workbench(site.twin)
    file = site.folder / "import.json"
    for start in range(0, site.held, CHUNK):
        count = min(CHUNK, site.held - start)
        file.write_bytes(orjson.dumps({"objects": site.fresh(count)}))
        by_command = speed(count, partial(_import, site, str(file)))
        in_process = speed(count, partial(_deposit, site.twin, bench, [file.read_bytes()]))
        if start + TIMES * CHUNK >= site.held:
            yield Turn("import, by command", "objects", by_command, "deposit", in_process)


def posting(site: Site) -> Iterator[Turn]:
    """POST envelopes of `BATCH` objects; beside it the same envelopes, parsed and deposited in process."""
    bench = workbench(site.twin)
    site.client.connection.close()  # which the server may have let go of meanwhile; a request opens it again
    for _ in range(TIMES):
        objects = site.fresh(SAMPLE)
        envelopes = [orjson.dumps({"objects": objects[i : i + BATCH]}) for i in range(0, SAMPLE, BATCH)]
        over_http = speed(SAMPLE, partial(_post, site, envelopes))
        in_process = speed(SAMPLE, partial(_deposit, site.twin, bench, envelopes))
        yield Turn("TAXII POST", "objects", over_http, "parse and deposit", in_process)


def carrying(site: Site) -> Iterator[Turn]:
    """Intake carries the workbench to the record, on both nodes; what is measured is the end of it, on the full one."""
    follower = wiring.intake_follower(WORKBENCH + IMPORT)
    follow_to_end(site.twin, follower)
    for start, end, took_s in last_parts(site.served, follower):
        yield Turn("intake to the record", "objects", (end - start) / took_s)


def filing_incidents(site: Site) -> Iterator[Turn]:
    """File by the form, with five observables that have been looked at; beside it such a draft, filed in process."""
    found = _TOKEN.search(site.portal.get(FORM).text)
    assert found
    with reading(site.served) as c:
        ana = viewer_named(c, "ana")
    for n in range(0, 2 * FILINGS, 2):
        sent = {"csrf_token": found[1], **_form(_draft(n))}
        by_form = speed(1, partial(_send, site, sent))
        in_process = speed(1, partial(filing.file_incident, site.served, ana, _draft(n + 1), now_us()))
        yield Turn("file an incident, by the form", EACH, by_form, "build and append it", in_process)


def appending(site: Site) -> Iterator[Turn]:
    """Append to the record, references included; beside it the rows that this wrote, by the driver alone."""
    bare = Bare(site)
    origin = workbench(site.served).org.n
    for _ in range(TIMES):
        said = [log.statement(door.check(obj, now_us()), origin) for obj in site.fresh(SAMPLE)]
        took_s = bare_took_s = 0.0
        for start in range(0, SAMPLE, BATCH):
            took_s += seconds(partial(_append, site.served, said[start : start + BATCH]))
            bare_took_s += seconds(partial(bare.insert, bare.new_rows()))
        beside, mark = "its rows, by bare executemany or COPY", "60%"
        yield Turn("append to the record", "objects", SAMPLE / took_s, beside, SAMPLE / bare_took_s, mark)
    bare.close()


def _append(db: Engine, said: Sequence[Statement]) -> None:
    with writing(db, bulk=True) as c:
        log.append(c, RECORD, said, now_us())


def _import(site: Site, file: str) -> None:
    command = [sys.executable, "-m", "config", "--settings", str(site.both.folder / "mx.toml"), "import", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _post(site: Site, envelopes: Sequence[bytes]) -> None:
    for envelope in envelopes:
        site.client.ask(OBJECTS_PATH, envelope)


def _deposit(db: Engine, bench: intake.Workbench, texts: Sequence[bytes]) -> None:
    for text in texts:
        for outcomes in intake.deposit(db, bench, stix.objects_of(stix.parse_json(text)), now_us):
            assert not any(outcome.sentence for outcome in outcomes)


def _draft(n: int) -> Draft:
    host = f"lectores-{n}.example"
    digest = hashlib.sha256(host.encode()).hexdigest()
    pasted = f"203.0.113.{n}\nhttps://{host}/panel\nguardia@{host}\n2001:db8::{n:x}\n{digest}"
    return Draft(
        title=f"Panel de lectores expuesto {n}",
        text=" ".join(mix.WORDS) * 3,
        handling="amber",
        language="es",
        rsit=f"rsit:{mix.RSIT[n % len(mix.RSIT)]}",
        severity="high",
        confidence=85,
        systems=(SYSTEMS[0].ids["mx"],),
        observables=tuple(extract.extract(pasted)),
    )


def _form(draft: Draft) -> dict[str, Any]:
    """A draft as the form sends it."""
    values = [f"{one.type}|{one.value}" for one in draft.observables]
    same = {name: getattr(draft, name) for name in ("title", "text", "handling", "rsit", "severity", "confidence")}
    pasted = "\n".join(one.value for one in draft.observables)
    looked_at = {"paste": pasted, "seen": values, "keep": values}
    return {**same, **looked_at, "lang": draft.language, "systems": list(draft.systems), "action": "file"}


def _send(site: Site, sent: dict[str, Any]) -> None:
    answer = site.portal.session.post(site.portal.portal + FORM, data=sent, timeout=60, allow_redirects=False)
    assert answer.status_code == 302, answer.text


def follow_to_end(db: Engine, follower: Follower) -> None:
    """Let a follower read its log to the end."""
    while follow.turn(db, follower, now_us):
        pass


def last_parts(db: Engine, follower: Follower) -> Iterator[tuple[int, int, float]]:
    """Let a follower read its log to the end.

    Gives the last parts, which it does when all the rest is held: where each began and ended, and how long it took.
    """
    with reading(db) as c:
        end = log.head(c, follower.log)
    position = _follow(db, follower, end - TIMES * SAMPLE)
    for part in range(TIMES):
        start = position
        started = time.perf_counter()
        position = _follow(db, follower, end - (TIMES - 1 - part) * SAMPLE)
        yield start, position, time.perf_counter() - started


def _follow(db: Engine, follower: Follower, to: int) -> int:
    """Let a follower read on to a number, and perhaps a batch further; gives where it stands then."""
    with reading(db) as c:
        position = log.cursor(c, follower.name)
    while position < to:
        follow.turn(db, follower, now_us)
        with reading(db) as c:
            position = log.cursor(c, follower.name)
    return position
