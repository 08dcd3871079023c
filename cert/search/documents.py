"""A line of the record as the index knows it (pure). Made here, not in an engine, so that all engines answer alike."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from cert import extension
from cert.keys import keys
from cert.search.words import stem, tokens
from cert.stix import Micros
from cert.store.log import Entry

TEXT_MAX = 200_000  # characters of one object that are searched by words


@dataclass(frozen=True, slots=True)
class Document:
    """What is found, and what it is found by. `exact` is the words in their order, `words` their stems, once each."""

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
        words=" ".join({stem(word) for word in text}),
        exact=" ".join(text),
        keys=(id_key(entry.id), *keys(obj)),
        systems=extension.systems(obj),
        handling=handling,
        rsit=extension.rsit(obj).partition(":")[0].lower(),
        severity=extension.severity(obj),
        time=entry.version if entry.version is not None else entry.date_added,
    )


def id_key(stix_id: str) -> str:
    """The key that every line with this STIX id is found by. Correlation never asks for it."""
    return f"id:{stix_id}"


def _texts(obj: dict[str, Any]) -> Iterator[str]:
    """Everything in an object that a person could have written or would look for, from the top down."""
    waiting: list[Any] = [obj]
    for part in waiting:
        for name, value in part.items() if isinstance(part, dict) else (("", item) for item in part):
            if name in _NO_TEXT:
                continue
            if isinstance(value, str):
                if not name.endswith("_ref") and not _is_time(value):
                    yield value
            elif isinstance(value, dict | list) and not name.endswith("_refs"):
                waiting.append(value)


def _is_time(value: str) -> bool:
    return 20 <= len(value) <= 35 and value[-1] == "Z" and value[10] == "T" and value[4] == "-"


_NO_TEXT = frozenset(
    {
        *("type", "id", "spec_version", "lang", "pattern_type", "pattern_version", "extension_type"),
        *("granular_markings", "payload_bin", "defanged"),
    }
)
