"""What two nations are in the middle of when a process of one dies, and what they see to afterwards.

A scene is staged once, and what it leaves on disk is copied for each death. What was decided and said is written into
a `Book` outside both nodes, by which `check` judges them when they have settled.
"""

import base64
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from sqlalchemy import select, update

from cert import filing, follow, intake
from cert.filing import Draft
from cert.follow import Follower, now_us
from cert.search import keep
from cert.store import aside, log, quota, signin
from cert.store.engine import Engine, reading, writing
from cert.store.log import ACTS, RECORD
from cert.store.tables import logs
from config import pair, signing, wiring
from config.cast import MX
from config.commands.shared import viewer_named
from config.node import IMPORT
from feeds import errands, ledger, release, store, wire
from feeds.ledger import IN, OUT
from tests.cast import indicator, made_id, marked
from tests.feeds.border import Both, copied, restored
from tests.kill.book import BENCH, Book
from tests.kill.dying import NOTHING, Told, confirm, turned

Deed = Callable[[Both, Book], None]


def nothing(_both: Both, _book: Book) -> None:
    """There is nothing to do."""


@dataclass(frozen=True)
class Scene:
    """`before` is staged; then a process `victim` of Mexico dies, again and again, at most `deaths` times.

    `told` is what the victim is told to do, `meanwhile` what others do while it runs, `after` what follows before the
    two nations settle.
    """

    victim: str
    before: Deed = nothing
    after: Deed = nothing
    told: Callable[[Both, Book], Told] = lambda _both, _book: NOTHING
    meanwhile: Callable[[Both, Book, Any], None] | None = None
    deaths: int = 2


# --- what they are in the middle of ------------------------------------------------------------------------------
def they_exchange(both: Both, book: Book, beyond: int = 0) -> None:
    """Mexico has a new key to announce and acts of release, one of which cannot be read; pages wait at the other
    nation, with one object in them that Mexico must refuse."""
    us_gives(both, book, beyond)
    with writing(both.mx.db) as c:
        signing.rotate(c, both.mx.settings)
        log.append_acts(c, RECORD, release.ACT, [{"by": "nobody"}], now_us())
    book.unreadable += 1
    mx_gives(both, book, beyond + 11, beyond + 12)
    both.mx.give(indicator(beyond + 13, object_marking_refs=marked("red")), indicator(beyond + 14))
    book.given["mx"].held.add(made_id("indicator", beyond + 13))
    book.given["mx"].taken.add(made_id("indicator", beyond + 14))


def us_gives(both: Both, book: Book, beyond: int = 0) -> None:
    """Several pages wait at the other nation, one of their objects written in Mexico's name. `beyond` is the number
    after which its indicators are counted."""
    forged = indicator(beyond + 5, created_by_ref=MX.identity)
    good = [indicator(beyond + n) for n in (1, 2, 3, 4, 6, 7, 8)]
    both.us.give(*good[:4], forged, *good[4:])
    while both.us.tasks["release"].turn():
        pass
    book.given["us"].taken |= {obj["id"] for obj in good}
    book.given["us"].refused.add(forged["id"])


def it_was_mirrored(both: Both, book: Book) -> None:
    """Mexico's mirror holds what the other nation gave, and nothing of it is admitted yet."""
    us_gives(both, book)
    turned([both.mx.tasks["pull"]])


def it_was_admitted(both: Both, book: Book) -> None:
    """And it has been admitted, but the receipt for it has not left yet."""
    it_was_mirrored(both, book)
    turned([both.mx.tasks["admit"]])


def mx_gives(both: Both, book: Book, *numbers: int) -> None:
    """Mexico has released some indicators; its border process has not seen it yet."""
    both.mx.give(*map(indicator, numbers))
    book.given["mx"].taken |= {made_id("indicator", n) for n in numbers}


def an_older_version_ran(both: Both, book: Book) -> None:
    """Mexico's log holds entries that an older version appended without closing them."""
    mx_gives(both, book, 21, 22, 23)
    followed(both.mx.db, wiring.peer_followers(both.mx.peer, lambda *_: None)[0])
    assert len(both.mx.entries("to:us")) > len(both.mx.seals("to:us"))


def followed(db: Engine, follower: Follower) -> None:
    """Turn one follower until it has nothing to do."""
    while follow.turn(db, follower, now_us):
        pass


def mx_was_restored(both: Both, book: Book) -> None:
    """Mexico was put back to an older copy, and gave and got things since."""
    backup = copied(both.mx)
    us_gives(both, book)
    mx_gives(both, book, *range(31, 39))
    both.settle()
    mx_gives(both, book, 39)
    both.settle()
    restored(both.mx, backup)
    mx_gives(both, book, 40)


def lies(name: str, both: Both, book: Book) -> None:
    """The other nation's log of this name ends with another link than it had."""
    mx_gives(both, book, 41)
    both.settle()
    with reading(both.us.db) as c:
        last = ledger.last_seal(c, name, b"")
    book.kept |= {"log": name, "last": last}
    _relink(both, name, last.number, bytes(32))


def _relink(both: Both, name: str, number: int, link: bytes) -> None:
    of = select(logs.c.n).where(logs.c.name == name).scalar_subquery()
    seal = update(ledger.seals).where(ledger.seals.c.log == of, ledger.seals.c.number == number)
    with writing(both.us.db) as c:
        c.execute(seal.values(link=link))


def people_talk(direction: str, both: Both, book: Book) -> None:
    """Mexico has stopped, once, and took nothing; the other nation mends its log, and an operator lets it go on."""
    before = both.mx.entries("from:us"), both.mx.entries("to:us")
    turned(list(both.mx.tasks.values()))
    assert (both.mx.frozen(direction), both.mx.frozen({IN: OUT, OUT: IN}[direction])) == ("fork", "")
    assert (both.mx.entries("from:us"), both.mx.entries("to:us")) == before
    _relink(both, book.kept["log"], book.kept["last"].number, book.kept["last"].link)
    with writing(both.mx.db) as c:
        assert len(ledger.all_evidence(c, "us", 9)) == 1
        assert ledger.settle(c, "us", direction, now_us())


# --- ways in -----------------------------------------------------------------------------------------------------
POSTED = [indicator(n) for n in range(51, 55)]
_MEDIA = "application/taxii+json;version=2.1"


def post(both: Both, port: int, secret: str = "") -> dict[str, Any]:
    """Post to the workbench, and give the status; what is said otherwise is its code, 0 for no answer."""
    described = pair.described(both.mx.settings.data.parent)["mx"]
    path = described["workbench"].partition("/puente/")[2]
    signed = base64.b64encode(f"{described['machine']['user']}:{secret or described['machine']['password']}".encode())
    headers = {"Authorization": f"Basic {signed.decode()}", "Content-Type": _MEDIA, "Accept": _MEDIA}
    body = orjson.dumps({"objects": POSTED})
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/puente/{path}objects/", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310 it is our own server
            status: dict[str, Any] = orjson.loads(answer.read())
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return {"code": refused.code}
    except (OSError, urllib.error.URLError):
        return {"code": 0}


def posts(both: Both, book: Book, port: int) -> None:
    """Somebody posts to the server that is about to die; what it acknowledges must be there."""
    status = post(both, port)
    assert status.get("code", 0) == 0, status
    if "success_count" in status:
        book.posted |= {obj["id"] for obj in POSTED}


def posts_again(both: Both, book: Book) -> None:
    """Nobody got an answer, so the same is posted once more, and the worker carries it to the record."""
    held = {entry.id for entry in both.mx.entries(BENCH)}
    assert book.posted <= held
    status = post(both, both.mx.settings.taxii_port)
    assert (status["total_count"], status["success_count"]) == (len(POSTED), len(POSTED))
    book.posted |= {obj["id"] for obj in POSTED}
    followed(both.mx.db, wiring.intake_follower(BENCH))


def the_workbench_has_a_quota(both: Both, _book: Book) -> None:
    """So that what is posted is counted, too."""
    with writing(both.mx.db) as c:
        quota.set_terms(c, BENCH, quota.Terms("green", 1_000_000, 1_000_000_000))


def deletes(both: Both, _book: Book, port: int) -> None:
    """Somebody deletes what was posted."""
    assert _delete(both, port) in {0, 200}


def deletes_again(both: Both, book: Book) -> None:
    """Nobody got an answer, so it is asked once more; it is gone from the workbench and was carried to the record."""
    assert _delete(both, both.mx.settings.taxii_port) in {200, 404}
    assert [entry.kind for entry in both.mx.entries(BENCH) if entry.id == POSTED[0]["id"]] == ["deleted"]
    with reading(both.mx.db) as c:
        assert sum(act.kind == "taxii-delete" for act in log.after(c, ACTS, 0, 10_000)) == 1
    followed(both.mx.db, wiring.intake_follower(BENCH))


def _delete(both: Both, port: int) -> int:
    described = pair.described(both.mx.settings.data.parent)["mx"]
    path = described["workbench"].partition("/puente/")[2]
    signed = base64.b64encode(f"{described['machine']['user']}:{described['machine']['password']}".encode())
    address = f"http://127.0.0.1:{port}/puente/{path}objects/{POSTED[0]['id']}/"
    headers = {"Authorization": f"Basic {signed.decode()}", "Accept": _MEDIA}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, None, headers, method="DELETE"), timeout=20
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except (OSError, urllib.error.URLError):
        return 0


def mx_posts_to_us(both: Both, book: Book) -> None:
    """The United States' server cannot fetch, so Mexico posts; one object is not for a feed to say."""
    told = both.mx.settings.data.parent / "mx.toml"
    told.write_text(told.read_text("utf-8").replace("[peers.us]", '[peers.us]\npost_to = "import"'), "utf-8")
    with writing(both.us.db) as c:
        signin.grant(c, "mx", IMPORT, can_read=True, can_write=True)
    mx_gives(both, book, 61, 62)


def was_posted_once(both: Both, _book: Book) -> None:
    """Each came to the workbench once, or is set aside once, with the reason."""
    both.mx.restart()
    both.settle()
    came = [entry.id for entry in both.us.entries(BENCH)]
    with reading(both.mx.db) as c:
        refused = [one.stix_id for one in aside.all_aside(c, 999, "post:us")]
        sent = {e.id for e in log.after(c, "to:us", 0, 10_000) if e.kind == log.OBJECT and not wire.kind(e.obj())}
    assert sorted([*came, *refused]) == sorted(sent)
    assert refused


def guesses(both: Both, _book: Book, port: int) -> None:
    """Somebody tries a wrong secret."""
    assert post(both, port, "wrong")["code"] in {0, 401}


def still_knows_us(both: Both, book: Book) -> None:
    """The right secret is taken, whatever became of the wrong one, which is refused."""
    assert post(both, both.mx.settings.taxii_port, "wrong")["code"] in {401, 429}
    posts_again(both, book)


def things_were_posted(both: Both, book: Book) -> None:
    """Objects wait at the workbench, and the index is level with the record."""
    with wiring.worker_tasks(both.mx.settings) as (_, tasks):
        turned(tasks)
    with reading(both.mx.db) as c:
        bench = intake.workbench(c, BENCH)
    for _batch in intake.deposit(both.mx.db, bench, POSTED, now_us):
        book.posted |= {obj["id"] for obj in POSTED}


def works_on(both: Both, _book: Book) -> None:
    """The worker is started again; its index then equals the record."""
    with wiring.worker_tasks(both.mx.settings) as (db, tasks):
        turned(tasks)
    with closing(wiring.shelf_of(both.mx.settings).live()) as index:
        found = keep.compare(db, index, lambda *_: None)
    assert (found.wrong, found.behind) == (0, 0)


def ana_has_filed(both: Both, book: Book) -> None:
    """There is an incident that was not released yet."""
    with reading(both.mx.db) as c:
        ana = viewer_named(c, "ana")
    draft = Draft(title="Otay", text="Otay.", handling="green", language="es")
    book.kept["root"] = filing.file_incident(both.mx.db, ana, draft, now_us()).id
    book.given["mx"].taken.add(book.kept["root"])


def ana_confirms_again(both: Both, book: Book) -> None:
    """She saw no answer, so she looks and confirms once more, whatever has crossed meanwhile."""
    turned(list(both.mx.tasks.values()))
    confirm(both.mx.settings, book.kept["root"])


def ana_looks(_both: Both, book: Book) -> Told:
    return {"root": book.kept["root"]}


def sofia_has_signed_in(both: Both, book: Book) -> None:
    """The duty officer is at her desk, and what she will find in quarantine could be taken by now."""
    us_gives(both, book)
    both.settle()
    number = next(e.number for e in both.mx.entries("from:us") if e.id == made_id("indicator", 5))
    both.mx.give(indicator(5, created_by_ref=MX.identity))  # so the other nation did not forge it
    with writing(both.mx.db) as c:
        book.kept |= {"token": signin.open_session(c, viewer_named(c, "sofia").person, now_us()), "number": number}


def sofia_asks(method: str, page: str, _both: Both, book: Book) -> Told:
    return {"token": book.kept["token"], "method": method, "page": page.format(number=book.kept["number"])}


def sofia_looks(kind: str, both: Both, book: Book) -> None:
    """What the trail says was done has been done, and the other way round; she does what is left to do."""
    done = [entry for entry in both.mx.entries(ACTS) if entry.kind == kind]
    with writing(both.mx.db) as c:
        rests = ledger.unpause(c, "us", OUT)
        waits = bool(aside.all_aside(c, 9, "admit:us"))
    assert len(done) == {"peer-pause": rests, "quarantine-retry": not waits}.get(kind, len(done))
    if kind == "quarantine-retry":
        book.given["us"].taken |= book.given["us"].refused if not waits else set()
        book.given["us"].refused -= book.given["us"].taken


def sofia_has_pressed(both: Both, book: Book) -> None:
    """The duty officer has asked for a test and for what came to be fetched again; more is on its way."""
    they_exchange(both, book)
    with writing(both.mx.db) as c:
        errands.ask(c, both.mx.peer, errands.TEST, "sofia", now_us())
        errands.ask(c, both.mx.peer, errands.AGAIN, "sofia", now_us(), 2)


def all_is_answered(both: Both, _book: Book) -> None:
    """Whoever is started again does what was asked for, and says so."""
    turned(list(both.mx.tasks.values()))
    with reading(both.mx.db) as c:
        assert [one.ok for one in store.all_errands(c, "us")] == [True, True]


def sofia_looks_for_the_answer(both: Both, _book: Book) -> None:
    """What the trail says was asked for waits for the border process, and the other way round."""
    done = [entry for entry in both.mx.entries(ACTS) if entry.kind == "peer-test"]
    with reading(both.mx.db) as c:
        assert len(store.all_errands(c, "us")) == len(done)


SCENES = {
    "exchange": Scene("border", they_exchange),
    "admission": Scene("border", it_was_mirrored),
    "receipt": Scene("border", it_was_admitted),
    "start": Scene("whole_border", they_exchange),
    "old log": Scene("border", an_older_version_ran),
    "restored": Scene("border", mx_was_restored),
    "errands": Scene("border", sofia_has_pressed, all_is_answered),
    "fork": Scene("border", partial(lies, "to:mx"), partial(people_talk, IN)),
    "fork of ours": Scene("border", partial(lies, "from:mx"), partial(people_talk, OUT)),
    "reconcile": Scene("command", us_gives, told=lambda *_: {"words": ["reconcile", "us"]}),
    "post": Scene("taxii", the_workbench_has_a_quota, posts_again, meanwhile=posts),
    "delete": Scene("taxii", things_were_posted, deletes_again, meanwhile=deletes, deaths=1),
    "posted on": Scene("border", mx_posts_to_us, was_posted_once, deaths=1),
    "wrong secret": Scene("taxii", nothing, still_knows_us, meanwhile=guesses, deaths=1),
    "work": Scene("worker", things_were_posted, works_on),
    "release": Scene("releaser", ana_has_filed, ana_confirms_again, ana_looks, deaths=1),
    "pause": Scene(
        "portal",
        sofia_has_signed_in,
        partial(sofia_looks, "peer-pause"),
        partial(sofia_asks, "POST", "/exchange/us/out"),
        deaths=1,
    ),
    "retry": Scene(
        "portal",
        sofia_has_signed_in,
        partial(sofia_looks, "quarantine-retry"),
        partial(sofia_asks, "POST", "/exchange/us/quarantine/{number}"),
        deaths=1,
    ),
    "ask": Scene(
        "portal",
        sofia_has_signed_in,
        sofia_looks_for_the_answer,
        partial(sofia_asks, "POST", "/exchange/us/test"),
        deaths=1,
    ),
    "look": Scene(
        "portal",
        sofia_has_signed_in,
        partial(sofia_looks, "read-quarantine"),
        partial(sofia_asks, "GET", "/exchange/us/quarantine/{number}"),
        deaths=1,
    ),
}
