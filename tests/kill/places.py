"""What each place of two nations holds, as lines of text that are equal when the objects are."""

import hashlib
from collections.abc import Collection, Iterator

from cert import access
from cert.search.query import parse
from cert.store import aside, current, log, people
from cert.store.engine import reading
from cert.store.log import OBJECT, RECORD, Entry
from feeds import store
from tests.nations import Nations

PAGE = 5_000


def named(stix_id: str, version: int | None, digest: bytes) -> str:
    """One object by id, version and digest of its content."""
    return f"{stix_id} {version} {digest.hex()}"


def combined(objects: Collection[str]) -> str:
    """One digest for all of them, in whatever order they come; one that is there twice changes it."""
    return hashlib.sha256("\n".join(sorted(objects)).encode()).hexdigest()


def holdings(both: Nations, ids: Collection[str]) -> dict[str, list[str]]:
    """Where an object must be once it has crossed, and what is there under these ids."""
    return {
        "mx record": _in_log(both, "mx", RECORD, ids),
        "mx index": _in_index(both, "mx", ids),
        "mx to:us": _in_log(both, "mx", "to:us", ids),
        "us from:mx": _in_log(both, "us", "from:mx", ids),
        "us record": _in_log(both, "us", RECORD, ids),
        "us index": _in_index(both, "us", ids),
    }


def numbered(both: Nations, nation: str, log_name: str) -> list[tuple[int, str]]:
    """Everything in a log, number by number."""
    return [(entry.number, _name(entry)) for entry in _entries(both, nation, log_name)]


def left_over(both: Nations, nation: str) -> tuple[dict[str, int], int]:
    """How many entries each follower of a node has set aside, and how many are held back from the peer."""
    with reading(both.db(nation)) as c:
        return aside.count_aside(c), store.count_held(c)


def _in_log(both: Nations, nation: str, log_name: str, ids: Collection[str]) -> list[str]:
    return [_name(entry) for entry in _entries(both, nation, log_name) if entry.kind == OBJECT and entry.id in ids]


def _entries(both: Nations, nation: str, log_name: str) -> Iterator[Entry]:
    number = 0
    with reading(both.db(nation)) as c:
        while entries := log.after(c, log_name, number, PAGE):
            yield from entries
            number = entries[-1].number


def _in_index(both: Nations, nation: str, ids: Collection[str]) -> list[str]:
    with reading(both.db(nation)) as c:
        labels = {
            label for org in people.all_organisations(c).values() for label in access.labels_of(org, 0, access.Role)
        }
        lines = list(_indexed(both, nation, frozenset(labels)))
        entries = current.by_line(c, RECORD, lines)
    return [_name(entries[line]) for line in lines if line in entries and entries[line].id in ids]


def _indexed(both: Nations, nation: str, labels: frozenset[str]) -> Iterator[int]:
    index, place = both.sides[nation].index(), None
    while True:
        page = index.search(parse(""), labels, PAGE, place)
        yield from (hit.line for hit in page.hits)
        place = page.next
        if place is None:
            return


def _name(entry: Entry) -> str:
    return named(entry.id, entry.version, entry.digest)
