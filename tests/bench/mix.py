"""The objects that are measured with: cases such as a CERT files and a feed sends, the same for the same number.

A case is 24 objects: an incident on a shared system, what was observed, the observables, indicators, the malware, how
they hang together, and a note. Every fourth case meets addresses of an earlier one, as in life. Nothing is read from
anywhere.
"""

import hashlib
import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from cert import extension, markings
from cert.sco import sco_id
from cert.stix import Micros, format_timestamp

START: Micros = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z
MINUTE: Micros = 60_000_000
SPACE = uuid.UUID("5b0c2f0e-4f86-4f0c-9f5b-7a3c9d1e2b40")
AUTHOR = "identity--9d2f7c1a-3b60-4c55-8f0e-2a7b6c5d4e10"
LEVELS = ("green", "green", "amber", "clear", "amber+strict")
SEVERITIES = tuple(extension.CRITICALITY)
RSIT = ('availability="ddos"', 'intrusions="system-compromise"', 'fraud="phishing"', 'malicious-code="c2-server"')
WORDS = (
    *("gateway", "telemetría", "customs", "aduana", "lane", "brokers", "firmware", "túnel", "credential", "barrido"),
    *("reader", "portal", "factura", "malware", "exfiltration", "substation", "interconector", "radioenlace"),
    *("beacon", "hosting", "dominio", "payload", "sesión", "scanner"),
)
STATEMENT_EVERY = 200  # cases; a feed has few markings of its own


def objects(count: int, first_case: int = 0, levels: Sequence[str] = LEVELS) -> list[dict[str, Any]]:
    """The first `count` objects of the cases from `first_case` on, marked with these TLP levels in turn."""
    cases = itertools.chain.from_iterable(case(n, levels) for n in itertools.count(first_case))
    return list(itertools.islice(cases, count))


def case(n: int, levels: Sequence[str] = LEVELS) -> Iterator[dict[str, Any]]:
    """One case: what it refers to comes before it."""
    level = {"object_marking_refs": [markings.TLP2[levels[n % len(levels)]]]}
    if n % STATEMENT_EVERY == 0:
        yield _statement(n)
    if n % 3 == 0:
        level["object_marking_refs"].append(_statement(n - n % STATEMENT_EVERY)["id"])
    observed = list(_observables(n))
    malware = _sdo(n, "malware", "m", level, name=_text(n, 2), is_family=True, malware_types=["trojan"])
    indicators = [_indicator(n, i, seen, level) for i, seen in enumerate(observed)]
    data = _observed_data(n, observed, level)
    incident = _incident(n, level)
    yield from observed
    yield malware
    yield from indicators
    yield data
    yield incident
    for i, indicator in enumerate(indicators[:4]):
        yield _related(n, f"i{i}", "indicates", indicator, malware, level)
    yield _related(n, "c", "related-to", malware, incident, level)
    yield _related(n, "o", "related-to", data, incident, level)
    yield _sdo(n, "note", "n", level, abstract=_text(n + 1, 5), content=_text(n + 2, 60), object_refs=[incident["id"]])


def _observables(n: int) -> Iterator[dict[str, Any]]:
    shared = n - n % 4  # four cases meet the same two addresses
    digest = hashlib.sha256(b"%d" % n).hexdigest()
    yield _sco("ipv4-addr", value=f"198.18.{shared >> 8 & 255}.{shared & 255}")
    yield _sco("domain-name", value=f"host{shared}.example")
    yield _sco("ipv4-addr", value=f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
    yield _sco("domain-name", value=f"{WORDS[n % len(WORDS)].encode('idna').decode()}-{n}.example")
    yield _sco("url", value=f"https://host{n}.example/{WORDS[n % 7]}/{n}.zip")
    yield _sco("email-addr", value=f"sender{n}@host{n}.example")
    yield _sco("file", name=f"{WORDS[n % 5]}-{n}.zip", size=1000 + n, hashes={"SHA-256": digest})


def _sco(kind: str, **properties: Any) -> dict[str, Any]:
    obj = {"type": kind, "spec_version": "2.1", **properties}
    return {"id": sco_id(obj), **obj}


def _indicator(n: int, i: int, seen: dict[str, Any], level: dict[str, Any]) -> dict[str, Any]:
    if "hashes" in seen:
        pattern = f"[file:hashes.'SHA-256' = '{seen['hashes']['SHA-256']}' OR file:name = '{seen['name']}']"
    else:
        pattern = f"[{seen['type']}:value = '{seen['value']}']"
    more = {"pattern": pattern, "pattern_type": "stix", "valid_from": _at(n), "confidence": 40 + i}
    return _sdo(n, "indicator", str(i), level, name=_text(n + i, 4), indicator_types=["malicious-activity"], **more)


def _observed_data(n: int, observed: list[dict[str, Any]], level: dict[str, Any]) -> dict[str, Any]:
    times = {"first_observed": _at(n), "last_observed": _at(n + 5)}
    return _sdo(n, "observed-data", "o", level, number_observed=3, object_refs=[o["id"] for o in observed], **times)


def _incident(n: int, level: dict[str, Any]) -> dict[str, Any]:
    core = {
        "extension_type": "property-extension",
        "criticality": extension.CRITICALITY[SEVERITIES[n % 4]],
        "determination": "suspected",
        "investigation_status": "open",
    }
    ours = {"extension_type": "property-extension", "system_refs": [_id("infrastructure", n % 40, "s")]}
    return _sdo(
        n,
        "incident",
        "x",
        level,
        name=_text(n, 8),
        description=_text(n + 3, 90),
        confidence=85,
        lang="es" if n % 2 else "en",
        labels=[f"rsit:{RSIT[n % len(RSIT)]}"],
        extensions={extension.CORE: core, extension.PUENTE: ours},
    )


def _related(n: int, key: str, how: str, source: Any, target: Any, level: dict[str, Any]) -> dict[str, Any]:
    ends = {"source_ref": source["id"], "target_ref": target["id"]}
    return _sdo(n, "relationship", key, level, relationship_type=how, **ends)


def _statement(n: int) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _id("marking-definition", n, "d"),
        "created": _at(n),
        "definition_type": "statement",
        "definition": {"statement": f"Shared by feed {n}, without warranty."},
    }


def _sdo(n: int, kind: str, key: str, level: dict[str, Any], **properties: Any) -> dict[str, Any]:
    head = {"type": kind, "spec_version": "2.1", "id": _id(kind, n, key), "created": _at(n), "modified": _at(n)}
    head["created_by_ref"] = AUTHOR
    return head | properties | level


def _id(kind: str, n: int, key: str) -> str:
    number = uuid.uuid5(SPACE, f"{kind} {n} {key}").int
    return f"{kind}--{uuid.UUID(int=number, version=4)}"


def _at(n: int) -> str:
    return format_timestamp(START + n * MINUTE)


def _text(n: int, words: int) -> str:
    return " ".join(WORDS[(n * 7 + i * (3 + n % 5)) % len(WORDS)] for i in range(words))
