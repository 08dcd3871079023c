"""A line of the record as the index knows it (pure). Made here, not in an engine, so that all engines answer alike."""

import hashlib
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from cert import extension
from cert.keys import keys
from cert.search.words import stem, tokens
from cert.stix import Micros
from cert.store.log import Entry

TEXT_MAX = 200_000  # characters of one object that are searched by words
FIELD_MAX = 300
"""Characters of a value that is filtered by. A longer one is known by its beginning: Lucene takes no endless terms."""


class Document(NamedTuple):
    """What is found, and what it is found by.

    `exact` is the words in their order, `words` their stems, sorted, once each. Equal lines give equal documents, in
    every process.
    """

    line: int
    number: int
    id: str
    type: str
    origin: int
    nation: str
    labels: tuple[str, ...]
    words: str
    exact: str
    keys: tuple[str, ...]
    systems: tuple[str, ...]
    handling: str
    rsit: str
    severity: str
    time: Micros

    @property
    def digest(self) -> int:
        """63 bits that stand for all that an engine keeps of the document: equal ones need not be written again."""
        kept = [
            *(self.line, self.type, self.nation, self.labels, self.words, self.exact, self.keys, self.systems),
            *(self.handling, self.rsit, self.severity, self.time),
        ]
        return int.from_bytes(hashlib.blake2b(orjson.dumps(kept), digest_size=8).digest()) >> 1


def document(entry: Entry, labels: Collection[str], nation: str, handling: str) -> Document:
    """The document of a line, made from its newest entry.

    `labels` is the audience of the line, `handling` its TLP level, `nation` that of its origin. The time is the
    version's, or the day it came here for an object without versions. Raises `ValueError` for an entry without a line.
    """
    if entry.line is None:
        raise ValueError(f"entry {entry.number} is an act and has no line")
    obj = entry.obj()
    text = tokens("\n".join(_texts(obj))[:TEXT_MAX])
    return Document(
        line=entry.line,
        number=entry.number,
        id=entry.id,
        type=obj["type"],
        origin=entry.origin,
        nation=nation,
        labels=tuple(sorted(labels)),
        words=" ".join(sorted(set(map(stem, text)))),
        exact=" ".join(text),
        keys=(id_key(entry.id), *sorted(keys(obj))),
        systems=tuple(dict.fromkeys(one[:FIELD_MAX] for one in extension.systems(obj))) if "extensions" in obj else (),
        handling=handling,
        rsit=extension.rsit(obj).partition(":")[0].lower()[:FIELD_MAX],
        severity=extension.severity(obj),
        time=entry.version if entry.version is not None else entry.date_added,
    )


def id_key(stix_id: str) -> str:
    """The key that every line with this STIX id is found by. Correlation never asks for it."""
    return f"id:{stix_id}"


def _texts(obj: dict[str, Any]) -> list[str]:
    """Everything in an object that a person could have written or would look for, from the top down."""
    found: list[str] = []
    waiting: list[Any] = [obj]
    for part in waiting:
        for name, value in part.items() if type(part) is dict else [("", item) for item in part]:
            kind = type(value)
            if kind is str:
                if name not in _NO_TEXT and name[-4:] != "_ref" and not (value[-1:] == "Z" and _is_time(value)):
                    found.append(value)
            elif (kind is list or kind is dict) and name[-5:] != "_refs" and name not in _NO_TEXT:
                waiting.append(value)
    return found


def _is_time(value: str) -> bool:
    return 20 <= len(value) <= 35 and value[10] == "T" and value[4] == "-"


_NO_TEXT = frozenset(
    {
        # Most of what comes, and found here quicker than by its end.
        *("created_by_ref", "object_marking_refs", "object_refs", "source_ref", "target_ref"),
        *("type", "id", "spec_version", "lang", "pattern_type", "pattern_version", "extension_type"),
        *("granular_markings", "payload_bin", "defanged"),
    }
)
