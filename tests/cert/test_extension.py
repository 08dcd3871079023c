"""What Puente reads out of an incident, whoever wrote it: nonsense is nothing, and never a fault."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert import door, extension
from cert.extension import CORE, PUENTE
from tests.cast import OTAY, START, concerns, incident

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
READERS = (
    *(extension.systems, extension.severity, extension.state, extension.occurred, extension.number),
    *(extension.rsit, extension.is_shared_system),
)


def ours(**change: Any) -> dict[str, Any]:
    return {"extensions": {PUENTE: {"extension_type": "property-extension", **change}}}


def core(**change: Any) -> dict[str, Any]:
    return {"extensions": {CORE: {"extension_type": "property-extension", **change}}}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "labels": st.lists(st.text(max_size=9) | st.just('rsit:fraud="phishing"'), max_size=3),
            "external_references": st.lists(JUNK, max_size=3),
            "extensions": JUNK | st.fixed_dictionaries({}, optional={CORE: JUNK, PUENTE: JUNK}),
        },
    )
)
def test_it_reads_anything_without_a_fault(obj: dict[str, Any]) -> None:
    for read in READERS:
        read(obj)


def test_it_reads_the_systems_an_incident_names() -> None:
    assert extension.systems(incident(1, extensions=concerns(OTAY["mx"], OTAY["us"]))) == (OTAY["mx"], OTAY["us"])


def test_it_takes_only_ids_of_systems_for_systems() -> None:
    """What is no id of an infrastructure would end in the index, in counts and in questions to the database."""
    named = [OTAY["mx"], "x" * 100_000, 5, None, "incident--00000000-0000-4000-8000-000000000001", OTAY["mx"].upper()]

    assert extension.systems(ours(system_refs=named)) == (OTAY["mx"],)


def test_it_reads_no_more_systems_than_an_incident_can_concern() -> None:
    many = [f"infrastructure--00000000-0000-4000-8000-{n:012}" for n in range(100_000)]

    assert 100 <= len(extension.systems(ours(system_refs=many))) <= 1_000


@pytest.mark.parametrize(
    ("criticality", "severity"),
    [
        *((1, "low"), (29, "low"), (30, "medium"), (49, "medium"), (50, "high"), (89, "high"), (90, "critical")),
        *((100, "critical"), (0, ""), (101, ""), (-5, ""), ("70", ""), (True, ""), (None, ""), (70.5, "")),
    ],
)
def test_it_reads_the_severity_in_the_bands_of_the_core_extension(criticality: Any, severity: str) -> None:
    assert extension.severity(core(criticality=criticality)) == severity


@pytest.mark.parametrize("severity", extension.CRITICALITY)
def test_it_reads_back_the_severity_that_it_writes(severity: str) -> None:
    assert extension.severity(core(criticality=extension.CRITICALITY[severity])) == severity


def test_it_reads_when_an_incident_began_and_ended() -> None:
    told = ours(start_time="2026-05-04T09:30:00Z", end_time="2026-05-04T10:30:00Z")

    assert extension.occurred(told) == ("2026-05-04T09:30:00Z", "2026-05-04T10:30:00Z")


@pytest.mark.parametrize("nonsense", ["yesterday", "", 5, None, ["2026-05-04T09:30:00Z"], "2026-02-30T09:30:00Z"])
def test_it_takes_nonsense_for_no_time(nonsense: Any) -> None:
    """A page that draws the time must not fail for it."""
    assert extension.occurred(ours(start_time=nonsense, end_time=nonsense)) == ("", "")


def test_it_reads_the_number_that_people_say() -> None:
    refs = [
        {"source_name": "cve", "external_id": "CVE-2026-1"},
        {"source_name": "puente", "external_id": "MX-2026-K7Q4ZD"},
    ]

    assert extension.number({"external_references": refs}) == "MX-2026-K7Q4ZD"


@pytest.mark.parametrize(
    "forged",
    [
        *('x"; filename="evil.exe', "MX-2026-K7Q4ZD\r\nSet-Cookie: a=b", "MX-2026-K7Q4ZD\u202e", "../../etc/passwd"),
        *("M" * 100_000, "", 5, None, "mx-2026-k7q4zd", "MX-2026-K7Q4ZD ", "\uff2d\uff38-2026-K7Q4ZD"),
    ],
)
def test_it_takes_nothing_else_for_a_number(forged: Any) -> None:
    """It goes into file names, headings and mails, and comes from the peer (P8, P12)."""
    assert extension.number({"external_references": [{"source_name": "puente", "external_id": forged}]}) == ""


@pytest.mark.parametrize(
    ("label", "rsit"),
    [('rsit:fraud="phishing"', "fraud:phishing"), ("rsit:fraud=phishing", "fraud:phishing"), ("rsit:fraud", "")],
)
def test_it_reads_the_class_from_the_first_rsit_label(label: str, rsit: str) -> None:
    assert extension.rsit({"labels": ["x", label]}) == rsit


def test_it_publishes_a_definition_that_passes_the_door() -> None:
    door.check(extension.DEFINITION_AUTHOR, max(START, 2_000_000_000_000_000))
    door.check(extension.DEFINITION, max(START, 2_000_000_000_000_000))
