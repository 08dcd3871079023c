"""How values look on a page."""

from collections.abc import Iterator

import pytest
from flask import Flask

from cert.portal import formats, languages

NOON_US = 1_795_528_927_000_000  # 2026-11-24T14:02:07Z


@pytest.fixture
def app() -> Flask:
    app = Flask("cert.portal")
    languages.install(app, default="en", of_person=lambda: None, zone="America/Mexico_City")
    formats.install(app, theirs=("America/New_York",))
    return app


@pytest.fixture
def page(app: Flask) -> Iterator[Flask]:
    with app.test_request_context():
        yield app


def drawn(app: Flask, template: str, **context: object) -> str:
    return app.jinja_env.from_string(template).render(**context)


@pytest.mark.parametrize(
    ("stix_type", "value", "shown"),
    [
        ("ipv4-addr", "203.0.113.7", "203[.]0[.]113[.]7"),
        ("ipv6-addr", "2001:db8::1", "2001[:]db8::1"),
        ("domain-name", "evil.example", "evil[.]example"),
        ("url", "https://evil.example/a.php?b=1", "hxxps://evil[.]example/a.php?b=1"),
        ("email-addr", "a.b@evil.example", "a[.]b[@]evil[.]example"),
        ("indicator", "Address 203.0.113.7.", "Address 203[.]0[.]113[.]7."),
        ("file", "invoice.pdf.exe", "invoice.pdf.exe"),
        ("incident", "Outage at 3.30 a.m.", "Outage at 3.30 a.m."),
    ],
)
def test_it_shows_an_indicator_so_that_nothing_opens_it(stix_type: str, value: str, shown: str) -> None:
    assert formats.defang(value, stix_type) == shown


def test_it_shows_a_time_locally_then_in_utc_then_at_the_peers(page: Flask) -> None:
    shown = drawn(page, "{{ time|moment_full }}", time=NOON_US)
    assert 'datetime="2026-11-24T14:02:07Z"' in shown
    assert shown.index("08:02 CST") < shown.index("14:02 UTC") < shown.index("09:02 EST")


def test_it_names_the_day_of_another_zone_only_where_it_differs(page: Flask) -> None:
    late_evening_in_mexico = NOON_US + 12 * 3600 * 1_000_000
    assert "Nov 25 02:02 UTC" in drawn(page, "{{ time|moment }}", time=late_evening_in_mexico)
    assert "Nov 24 14:02 UTC" not in drawn(page, "{{ time|moment }}", time=NOON_US)


def test_it_writes_handling_as_a_word_not_only_a_colour(page: Flask) -> None:
    assert drawn(page, "{{ 'amber+strict'|handling }}") == '<span class="tlp tlp-amber-strict">TLP:AMBER+STRICT</span>'
    assert "unmarked" in drawn(page, "{{ none|handling }}")


def test_it_finds_the_strictest_handling_of_a_page() -> None:
    assert formats.highest(["green", None, "amber+strict", "amber"]) == "amber+strict"
    assert formats.highest([None, "nonsense"]) is None


def test_it_shows_what_is_typed_as_it_is_spelt_and_escapes_the_rest() -> None:
    assert formats.commands("Run `puente <x>`, & look.") == (
        'Run <code translate="no">puente &lt;x&gt;</code>, &amp; look.'
    )
    assert formats.commands("A lonely ` stays.") == "A lonely ` stays."


def test_it_marks_found_words_and_escapes_the_rest() -> None:
    shown = formats.highlight("<b>Aduana</b> y aduanas", ["aduanas", "aduana"])
    assert shown == "&lt;b&gt;<mark>Aduana</mark>&lt;/b&gt; y <mark>aduanas</mark>"


def test_it_links_ids_on_the_page_and_escapes_every_other_text() -> None:
    here = "incident--5a1a7f2c-0d5a-4b53-9a3e-6f0f5a5e2c11"
    shown = formats.stix_json({"name": '"<script>', "source_ref": here, "revoked": False}, [here])
    assert "<script>" not in shown
    assert f'href="#{here}"' in shown
    assert '<span class="j-word">false</span>' in shown
