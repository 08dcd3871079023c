"""WHO MAY SEE WHAT: the handling rules, and nowhere else.

An object's *audience* is a set of labels; a viewer carries a few labels; he may see it if they have one in common.
Index, pages, exports and panels all ask the same question, so there is nothing to keep in step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cert import markings
from cert.errors import NotAllowed


class Role(StrEnum):
    """What a person may do here."""

    RESPONDER = "responder"
    RELEASER = "releaser"
    DUTY_OFFICER = "duty-officer"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A national CERT, one of its agencies, a peer or a feed. `ours` says that it belongs to this node's nation."""

    n: int
    name: str
    kind: str
    nation: str
    identity_id: str
    default_handling: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks: a person, with an organisation, roles and the labels that follow from them."""

    person: int
    login: str
    name: str
    org: Organisation
    roles: frozenset[Role]
    language: str
    labels: frozenset[str]


EVERYONE = "everyone"  # anybody who is signed in
NATION = "nation"  # every organisation of this nation
CERT = "cert"  # the staff of our national CERT

LEVELS = ("clear", "green", "amber", "amber+strict", "red")
"""TLP 2.0, least strict first."""

UNKNOWN = "unknown"
"""The handling of an object under a marking that nobody here knows."""


def labels_of(org: Organisation, person: int, roles: Iterable[Role]) -> frozenset[str]:
    """The labels a person carries."""
    labels = {EVERYONE, f"org:{org.n}", f"person:{person}"}
    labels |= {f"org:{org.n}:{role}" for role in roles}
    if org.ours:
        labels.add(NATION)
    if org.ours and org.kind == "cert":
        labels |= {CERT, *(f"{CERT}:{role}" for role in roles)}
    return frozenset(labels)


def marking_ids(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the markings on an object and on its parts: all that its `handling` depends on."""
    ids = tuple(obj.get("object_marking_refs", ()))
    granular = obj.get("granular_markings")
    return ids + tuple(g["marking_ref"] for g in granular if "marking_ref" in g) if granular else ids


def handling(obj: Mapping[str, Any], default: str, known: Mapping[str, Any] | None = None) -> str:
    """The strictest TLP level that the object's markings ask for, or `unknown`; `default` where it has none.

    Levels are decided by marking id alone (SX-70), a granular level counts for the whole object (SX-66), statements
    restrict nothing, and any other marking is unknown unless `known` holds its definition and that is a statement.
    """
    return handling_under(marking_ids(obj), default, known)


def handling_under(ids: Iterable[str], default: str, known: Mapping[str, Any] | None = None) -> str:
    """The `handling` of an object with these `marking_ids`."""
    levels = set()
    for marking_id in ids:
        level = markings.level_of(marking_id)
        if level is None and not _is_statement((known or {}).get(marking_id)):
            return UNKNOWN
        if level is not None:
            levels.add(level)
    return max(levels, key=LEVELS.index) if levels else default


def foreign_markings(obj: Mapping[str, Any]) -> list[str]:
    """The ids of the markings whose definition must be looked up before `handling` can know them."""
    return [marking_id for marking_id in marking_ids(obj) if is_foreign(marking_id)]


def is_foreign(marking_id: str) -> bool:
    """Whether a marking is none of TLP, so that its definition says what it means."""
    return markings.level_of(marking_id) is None


def audience(level: str, origin: Organisation) -> frozenset[str]:
    """The labels that admit to an object of this `handling`, as stated by `origin`.

    CLEAR: everyone. GREEN: every organisation of this nation. AMBER and AMBER+STRICT: the origin's organisation and
    our CERT, which has it from them (the two differ in what may cross the border). RED: the releasers and duty
    officers of these two, who are its named recipients. Unknown: the origin's organisation only.
    """
    own = f"org:{origin.n}"
    match level:
        case "clear":
            return frozenset({EVERYONE})
        case "green":
            return frozenset({NATION, own})
        case "amber" | "amber+strict":
            return frozenset({CERT, own})
        case "red":
            return frozenset(_officers(own)) | frozenset(_officers(CERT))
        case _:
            return frozenset({own})


def may_see(viewer: Viewer, labels: frozenset[str]) -> bool:
    """Whether one of the viewer's labels is among these."""
    return not viewer.labels.isdisjoint(labels)


def may_release(viewer: Viewer) -> bool:
    """Whether this person may decide that something crosses the border: a releaser of our national CERT."""
    return CERT in viewer.labels and Role.RELEASER in viewer.roles


def may_run_exchange(viewer: Viewer) -> bool:
    """Whether this person sees how the exchange with the peers goes, may pause it, and look into the quarantine.

    A duty officer or administrator of our CERT: its counts are of everything that crosses, seen or not.
    """
    return CERT in viewer.labels and not viewer.roles.isdisjoint({Role.DUTY_OFFICER, Role.ADMINISTRATOR})


def may_file(viewer: Viewer) -> bool:
    """Whether this person may file incidents and notes."""
    return viewer.org.ours and not viewer.roles.isdisjoint({Role.RESPONDER, Role.RELEASER, Role.DUTY_OFFICER})


def may_handle_red(viewer: Viewer) -> bool:
    """Whether TLP:RED objects of this person's organisation are for his eyes."""
    return not viewer.labels.isdisjoint(_officers(f"org:{viewer.org.n}"))


def demand(allowed: bool, sentence: str) -> None:
    """Raise `NotAllowed` with this sentence unless allowed."""
    if not allowed:
        raise NotAllowed("not-allowed", sentence)


def _officers(group: str) -> set[str]:
    return {f"{group}:{Role.RELEASER}", f"{group}:{Role.DUTY_OFFICER}"}


def _is_statement(definition: Any) -> bool:
    return isinstance(definition, Mapping) and definition.get("definition_type") == "statement"
