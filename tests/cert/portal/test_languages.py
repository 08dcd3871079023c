"""The reader's language and colours, and the headers of every answer."""

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from cert.portal import headers, languages


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("cert.portal")
    headers.install(app)
    languages.install(app, default="es", of_person=lambda: None, zone="America/Mexico_City")
    app.add_url_rule(
        "/<path:name>", "page", lambda name: render_template_string("{{ language }} {{ theme }} {{ here() }}")
    )
    return app.test_client()


def test_it_begins_in_the_nations_language_and_the_systems_colours(client: FlaskClient) -> None:
    assert client.get("/search?q=a").text == "es auto /search?q=a"


def test_it_remembers_a_choice_and_stays_on_the_same_address(client: FlaskClient) -> None:
    answer = client.get("/search?q=a%26b&lang=en&theme=dark")
    assert answer.status_code == 303
    assert answer.location == "/search?q=a%26b"
    assert client.get("/search?q=1").text == "en dark /search?q=1"


def test_it_ignores_a_language_it_does_not_speak(client: FlaskClient) -> None:
    assert client.get("/search?lang=xx").text == "es auto /search?lang=xx"


def test_it_never_redirects_to_another_host(client: FlaskClient) -> None:
    answer = client.get("/x", environ_overrides={"PATH_INFO": "//elsewhere.example/", "QUERY_STRING": "lang=en"})
    assert not (answer.location or "").startswith("//")


def test_it_sends_one_strict_policy_with_every_answer(client: FlaskClient) -> None:
    sent = client.get("/anything").headers
    assert "default-src 'none'" in sent["Content-Security-Policy"]
    assert "unsafe" not in sent["Content-Security-Policy"]
    assert sent["Cache-Control"] == "no-store"
    with client.get("/static/puente.css") as style:
        assert style.headers["Content-Security-Policy"] == headers.POLICY
