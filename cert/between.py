"""The rules of STIX that one object alone cannot show: they need what is held, and what comes with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cert.errors import Refused

TYPES = frozenset({"marking-definition", "language-content"})
"""The types that `problem` has anything to say of."""

Held = Callable[[str], Mapping[str, Any] | None]
"""Gives the newest object held under an id, or None."""


def problem(obj: Mapping[str, Any], held: Held) -> Refused | None:
    """Why an object does not fit what is held, or None. What is not held proves nothing: it may come later (SX-14)."""
    match obj.get("type"):
        case "marking-definition":
            return _circle(obj, held)
        case "language-content":
            return _unequal_lists(obj, held)
        case _:
            return None


def _circle(obj: Mapping[str, Any], held: Held) -> Refused | None:
    """Markings may carry markings, but not in a circle (STIX 2.1 section 7.2.1, SX-67)."""
    edge, seen = list(_marks(obj)), set[str]()
    while edge:
        marking = edge.pop()
        if marking == obj["id"]:
            return Refused(
                "marking-circle",
                "object_marking_refs leads back to this marking itself. Take one of the references out.",
                property="object_marking_refs",
            )
        if marking not in seen:
            seen.add(marking)
            edge += _marks(held(marking) or {})
    return None


def _marks(obj: Mapping[str, Any]) -> Sequence[str]:
    found = obj.get("object_marking_refs", ())
    return [ref for ref in found if isinstance(ref, str)] if isinstance(found, list) else []


def _unequal_lists(obj: Mapping[str, Any], held: Held) -> Refused | None:
    """A translated list has as many items as the list it translates, "" for what is not translated (SX-74)."""
    target = held(str(obj.get("object_ref")))
    if target is None or obj.get("object_modified") not in {None, target.get("modified")}:
        return None
    for language, translated in obj["contents"].items():
        for name, value in translated.items() if isinstance(translated, Mapping) else ():
            original = target.get(name)
            if isinstance(value, list) and isinstance(original, list) and len(value) != len(original):
                return Refused(
                    "translation-length",
                    "contents.%(language)s.%(name)s has %(has)d items and the original %(needs)d. "
                    'Give as many, "" for what is not translated.',
                    property="contents",
                    language=language,
                    name=name,
                    has=len(value),
                    needs=len(original),
                )
    return None
