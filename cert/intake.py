"""The way in for machines: an object is deposited at a workbench, and `intake` alone carries it to the record."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cert import door
from cert.access import Organisation
from cert.errors import NotFound, Phrase, Refused
from cert.stix import Checked, Micros
from cert.store import aside, log, pages, people, quota
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import BATCH, RECORD, Entry, Verdict

WORKBENCH = "bench:"
NAMED = 5  # the most properties that a conflict names


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one deposited object: `stored`, `duplicate`, `conflict` or `refused`, and the reason.

    `added` is when it was added, if it is an object without versions: there it stands for one.
    """

    outcome: str
    id: str
    version: Micros | None
    sentence: str = ""
    added: Micros | None = None
    checked: Checked | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was kept of it although it was not understood or not quite right."""
        return door.notes(self.checked) if self.checked else ()


@dataclass(frozen=True, slots=True)
class Workbench:
    """A log that machine accounts of one organisation post to and read."""

    log: str
    org: Organisation
    may_not_speak_for: frozenset[str]  # the identities of the nations and agencies that are somebody else
    handling: str | None = None  # for what carries no marking, where not the organisation's default
    limited: bool = False  # whether it has a quota, which `cert.store.quota` counts


def workbench(c: Connection, log_name: str, handling: str | None = None) -> Workbench:
    """The workbench behind a log, with the identities that its organisation must not speak for (TX-31).

    Raises `NotFound` if there is none.
    """
    if log_name not in log.names(c):
        name = log_name.removeprefix(WORKBENCH)
        raise NotFound("workbench", f"There is no workbench named {name}. `puente workbench add {name}` makes one.")
    everyone = people.all_organisations(c)
    org = log.owner(c, log_name)
    others = frozenset(o.identity_id for o in everyone.values() if o.n != org and o.kind != "feed")
    terms = quota.terms(c, log_name)
    limited = (terms.objects_a_day, terms.bytes_a_day) != (None, None)
    return Workbench(log_name, everyone[org], others, handling or terms.handling, limited)


def deposit(
    db: Engine, bench: Workbench, objects: Iterable[Any], clock: Callable[[], Micros], batch: int = BATCH
) -> Iterator[list[Outcome]]:
    """Check each object at the door and append the good ones to the workbench, a batch a transaction.

    Gives the outcomes batch by batch, in the order of the objects; a batch is durable when it is given.
    """
    waiting: list[Any] = []
    for obj in objects:
        waiting.append(obj)
        if len(waiting) == batch:
            yield _deposit_batch(db, bench, waiting, clock())
            waiting = []
    if waiting:
        yield _deposit_batch(db, bench, waiting, clock())


def _deposit_batch(db: Engine, bench: Workbench, objects: Sequence[Any], now: Micros) -> list[Outcome]:
    judged = [_judge(bench, obj, now) for obj in objects]
    good = [checked for checked in judged if isinstance(checked, Checked)]
    said = [log.statement(checked, bench.org.n, bench.handling) for checked in good]
    with writing(db, bulk=True) as c:
        verdicts = log.append(c, bench.log, said, now)
        kept = zip(said, verdicts, strict=True)
        variants = [(v.number, s.digest, s.body, v.differs) for s, v in kept if v.outcome == "conflict"]
        aside.keep_variants(c, bench.log, variants, now)
        added = pages.dates(c, bench.log, [v.number for s, v in zip(said, verdicts, strict=True) if s.version is None])
    left = iter(verdicts)
    return [_outcome(j, next(left), added) if isinstance(j, Checked) else j for j in judged]


def _judge(bench: Workbench, obj: Any, now: Micros) -> Checked | Outcome:
    try:
        checked = door.check(obj, now)
        author = checked.obj.get("created_by_ref")
        if author in bench.may_not_speak_for:
            raise Refused(
                "author", f"{bench.org.name} may not speak for {author}. Leave created_by_ref out, or set your own."
            )
        if checked.id in bench.may_not_speak_for:
            raise Refused("identity", f"{bench.org.name} may not say who {checked.id} is. Leave that object out.")
    except Refused as refusal:
        claimed = obj.get("id") if isinstance(obj, dict) else None
        return Outcome("refused", claimed if isinstance(claimed, str) else "", None, str(refusal))
    return checked


def _outcome(checked: Checked, verdict: Verdict, added: Mapping[int, Micros]) -> Outcome:
    sentence = str(verdict.why) if verdict.why else ""
    if verdict.outcome == "conflict":
        names = ", ".join(verdict.differs[:NAMED]) + (" and more" if len(verdict.differs) > NAMED else "")
        sentence = (
            f"This version is held with other content (differs in: {names}). The first is kept; send a new version."
        )
    when = added.get(verdict.number)
    return Outcome(verdict.outcome, checked.id, checked.version, sentence, when, checked)


def carry(name: str, bench: str) -> Callable[[Connection, Sequence[Entry], Micros], None]:
    """What the follower `intake` of one workbench does with a batch: append it to the record, under its own origin.

    What was deleted at the workbench meanwhile is carried too: a DELETE never touches the record.
    """

    def to_record(c: Connection, batch: Sequence[Entry], now: Micros) -> None:
        said = [log.restated(entry, door.refs(entry.obj())) for entry in batch]
        for entry, verdict in zip(batch, log.append(c, RECORD, said, now), strict=True):
            if verdict.outcome in {"conflict", "refused"}:
                differs = {"differs": ", ".join(verdict.differs)}
                why = verdict.why or Phrase("The record holds this version with other %(differs)s.", differs)
                aside.put_aside(c, aside.Aside(name, bench, entry.number, entry.id, verdict.outcome, why, now))

    return to_record


def workbenches(db: Engine) -> list[str]:
    """The names of the logs that are workbenches."""
    with reading(db) as c:
        return [name for name in log.names(c) if name.startswith(WORKBENCH)]
