"""What is filed on the form is STIX 2.1 that other tools accept; here without a browser and without JavaScript."""

import json
import re

import stix2
from stix2validator import ValidationOptions, validate_string

from config.cast import SYSTEMS
from tests.journeys.caller import Caller
from tests.journeys.conftest import Call

PASTED = """\
203[.]0[.]113[.]7
hxxps://lectores-otay[.]example/panel
guardia@lectores-otay[punto]example
2001:db8::7
e3b1c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8aa"""
FORM = {
    "title": "Panel de lectores expuesto",
    "text": "Un panel de administración de los lectores respondía desde fuera.",
    "occurred_from": "2026-05-04T06:10",
    "occurred_to": "2026-05-04T07:40",
    "rsit": 'rsit:vulnerable="vulnerable-system"',
    "severity": "critical",
    "confidence": "85",
    "lang": "es",
    "handling": "amber",
    "systems": [SYSTEMS[0].ids["mx"], SYSTEMS[1].ids["mx"]],
    "paste": PASTED,
}


def test_it_exports_what_was_filed_as_stix_that_other_tools_accept(call: Call) -> None:
    sofia = call("mx", "sofia")
    address = file_incident(sofia)

    answer = sofia.get(f"{address}/stix.json")

    assert answer.headers["Content-Type"] == "application/stix+json;version=2.1"
    assert re.search(r'filename="MX-\d{4}-\w{6}-TLP-AMBER\.json"', answer.headers["Content-Disposition"])
    kinds = [obj["type"] for obj in json.loads(answer.content)["objects"]]
    assert {"ipv4-addr", "ipv6-addr", "url", "email-addr", "file", "observed-data", "infrastructure"} <= set(kinds)
    assert kinds.count("indicator") == 5
    assert len(stix2.parse(answer.content).objects) == len(kinds)
    checked = validate_string(answer.text, ValidationOptions(version="2.1"))
    assert checked.is_valid, checked.object_results


def file_incident(caller: Caller) -> str:
    """File with everything filled in and every value ticked; gives the address of its page."""
    read = caller.post("/incidents/new", "/incidents/new", **FORM, action="read").text
    values = [value.replace("&#34;", '"') for value in re.findall(r'name="seen" value="([^"]+)"', read)]
    assert len(values) == 5
    filed = caller.post("/incidents/new", "/incidents/new", **FORM, seen=values, keep=values, action="file")
    assert filed.status_code == 302, filed.text
    return filed.headers["Location"]
