"""A public feed's whole history, sent again: many objects in several versions, in any order, as MITRE has it of ATT&CK.

Each release holds every object as it is then. Most have not changed since the release before; some have a new version;
and one in five of the old ones is told in other words under the version that it had.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cert.stix import format_timestamp
from cert.store import aside, log
from cert.store.engine import reading
from tests.feeds.taxii.node import MANIFEST, OBJECTS, SECOND, START, Node

Object = dict[str, Any]
Held = dict[tuple[str, str], Object]
"""The object under each id and version."""

COUNT, RELEASES = 160, 6
AUTHOR = f"identity--{uuid.UUID(int=99, version=4)}"
TYPES = ("attack-pattern", "course-of-action", "x-mitre-data-source", "relationship")
ORDERS: dict[str, Callable[[list[list[Object]]], list[list[Object]]]] = {
    "as they came": lambda history: history,
    "backwards": lambda history: history[::-1],
    "shuffled": lambda history: random.Random(1).sample(history, len(history)),  # noqa: S311 the same each time
}


def made_id(n: int) -> str:
    return f"{TYPES[n % 4]}--{uuid.UUID(int=100 + n, version=4)}"


def date(r: int) -> str:
    """When a release came out: one a year, the last one a year ago."""
    return format_timestamp(START - (RELEASES - r) * 365 * 86_400 * SECOND)


def release(r: int) -> list[Object]:
    """All that there is in a release: an object appears in one of the first three, and most change now and then."""
    return [thing(n, r) for n in range(COUNT) if n % 3 <= r]


def thing(n: int, r: int) -> Object:
    """An object as it stands in a release."""
    first, deprecated, revoked = n % 3, n % 20 == 3 and r >= 4, n % 20 == 6 and r == RELEASES - 1
    changed = max([first, *(at for at in range(first, r + 1) if (n + at) % 3 == 0)] + [4] * deprecated + [r] * revoked)
    reworded = [at for at in range(changed + 1, r + 1) if (n + at) % 5 == 0]
    obj: Object = {
        "type": TYPES[n % 4],
        "spec_version": "2.1",
        "id": made_id(n),
        "created_by_ref": AUTHOR,
        "created": date(first),
        "modified": date(changed),
        "revoked": revoked,
        "x_mitre_deprecated": deprecated,
        "x_mitre_version": f"1.{changed}",
        "description": f"What {n} does (Citation: {n})" + ", in other words" * len(reworded),
    }
    named = {"relationship_type": "uses", "source_ref": made_id(n - 3), "target_ref": made_id(n - 2)}
    return obj | (named if obj["type"] == "relationship" else {"name": f"Técnica {n}"})


def replay(node: Node, releases: Sequence[Sequence[Object]]) -> Held:
    """Send the releases in this order. Gives what must be held then: of each version the content that came first."""
    held: Held = {}
    for objects in releases:
        status = node.post(*objects).json()
        conflicts = [obj for obj in objects if held.setdefault(key(obj), obj) != obj]
        assert (status["total_count"], status["failure_count"]) == (len(objects), len(conflicts))
        assert [(one["id"], one["version"]) for one in status.get("failures", ())] == list(map(key, conflicts))
    return held


def key(obj: Object) -> tuple[str, str]:
    return obj["id"], obj.get("modified") or obj["created"]


def drained(node: Node, path: str, query: str) -> Iterator[Object]:
    """All that a question gives, page by page."""
    token = ""
    while True:
        page = node.ask(f"{path}?limit=150&{query}{token}").json()
        yield from page.get("objects", ())
        if not page.get("more"):
            return
        token = f"&next={page['next']}"


def chosen(held: Held, of: Callable[[list[str]], str]) -> Held:
    """Of each object the version that `of` picks from all of its."""
    versions: dict[str, list[str]] = {}
    for name, version in held:
        versions.setdefault(name, []).append(version)
    return {(name, of(all_of)): held[name, of(all_of)] for name, all_of in versions.items()}


def check(node: Node, held: Held) -> None:
    """What is served of every, the last and the first version is what was sent, value for value, and no more."""
    for asked, expected in (("all", held), ("last", chosen(held, max)), ("first", chosen(held, min))):
        served = list(drained(node, OBJECTS, f"match[version]={asked}"))
        listed = [(one["id"], one["version"]) for one in drained(node, MANIFEST, f"match[version]={asked}")]
        assert {key(obj): obj for obj in served} == expected
        assert len(served) == len(expected)
        assert listed == list(map(key, served))


@pytest.mark.row("TX-93", "TX-94", "TX-92", "TX-85", "TX-60", "TX-58")
@pytest.mark.parametrize("order", ORDERS)
def test_it_holds_the_history_of_a_feed_in_whatever_order_it_comes(node: Node, order: str) -> None:
    history = [release(r) for r in range(RELEASES)]
    reworded = {(obj["id"], obj["modified"], obj["description"]) for objects in history for obj in objects}
    assert len(reworded) > len({of[:2] for of in reworded}) * 1.2  # as in ATT&CK

    held = replay(node, ORDERS[order](history))

    check(node, held)
    assert sum(obj["revoked"] for obj in chosen(held, max).values()) == COUNT // 20
    assert len(held) > 2 * COUNT


@pytest.mark.row("TX-93")
def test_it_tells_of_a_feed_s_contradictions_once_a_post_and_keeps_each_once(node: Node) -> None:
    history = [release(r) for r in range(RELEASES)]
    held = replay(node, history)
    before = len(list(drained(node, OBJECTS, "match[version]=all")))

    for objects in history:
        node.post(*objects)

    others = {(*key(obj), obj["description"]) for objects in history for obj in objects if obj != held[key(obj)]}
    with reading(node.db) as c:
        kept = [(one.stix_id, one.differs) for one in aside.all_variants(c, "bench:customs", 10_000)]
        told = [entry.obj() for entry in log.after(c, "acts", 0, 1_000)]
    assert sorted(kept) == sorted((name, ("description",)) for name, *_ in others)
    assert len(told) == 2 * sum(any(obj != held[key(obj)] for obj in objects) for objects in history)
    assert len(list(drained(node, OBJECTS, "match[version]=all"))) == before == len(held)
