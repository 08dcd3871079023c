"""What may be asked for and sent, over HTTP."""

import contextlib
import http.client
from urllib.parse import urlsplit

import pytest

from tests.feeds.taxii.node import (
    BENCH,
    MANIFEST,
    MEDIA_TYPE,
    OBJECTS,
    START,
    STATUS,
    Node,
    assert_error,
    ids,
    indicator,
)

COLLECTION = OBJECTS.removesuffix("objects/")
RESOURCES = ["/taxii2/", "/puente/", "/puente/collections/", COLLECTION, OBJECTS, MANIFEST]
OBJECT = f"{OBJECTS}{indicator(1)['id']}/"
GOOD = {
    "TX-02 bare": "application/taxii+json",
    "TX-03 as in the standard": MEDIA_TYPE,
    "TX-03 with a space": "application/taxii+json; version=2.1",
    "TX-04 quoted": 'application/taxii+json;version="2.1"',
    "TX-04 in capitals": "Application/TAXII+JSON;Version=2.1",
    "TX-04 weighted": "application/taxii+json;version=2.1;q=0.5",
    "TX-05 a list": "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
    "TX-05 a list with weights": "text/html;q=0, application/taxii+json;q=0.1",
    "TX-06 anything": "*/*",
    "TX-06 any application": "application/*",
}
BAD = {
    "TX-05 excluded": "*/*, application/taxii+json;q=0",
    "TX-07 html": "text/html",
    "TX-07 TAXII 2.0": "application/vnd.oasis.taxii+json; version=2.0",
    "TX-07 a later TAXII": "application/taxii+json;version=9.9",
    "TX-07 no weight": "application/taxii+json;q=much",
}
REFUSED_BODIES = {
    "TX-09 no type": None,
    "TX-09 json": "application/json",
    "TX-09 stix": "application/stix+json;version=2.1",
    "TX-09 text": "text/plain",
    "TX-09 a later TAXII": "application/taxii+json;version=9.9",
    "TX-10 UTF-16": f"{MEDIA_TYPE};charset=utf-16",
}


@pytest.mark.row("TX-02", "TX-03", "TX-04", "TX-05", "TX-06", "TX-11")
@pytest.mark.parametrize("accept", GOOD.values(), ids=GOOD.keys())
def test_it_serves_every_way_to_ask_for_taxii(node: Node, accept: str) -> None:
    for path in RESOURCES:
        answer = node.ask(path, headers={"Accept": accept})

        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"] == MEDIA_TYPE  # TX-11


@pytest.mark.row("TX-06", "TX-121")
@pytest.mark.parametrize("path", RESOURCES)
def test_it_serves_who_names_neither_type_nor_agent(node: Node, path: str) -> None:
    assert node.ask(path, headers={"Accept": None, "User-Agent": None}).status_code == 200


@pytest.mark.row("TX-05", "TX-07")
@pytest.mark.parametrize("accept", BAD.values(), ids=BAD.keys())
def test_it_refuses_who_wants_something_else(node: Node, accept: str) -> None:
    for path in RESOURCES:
        assert_error(node.ask(path, headers={"Accept": accept}), 406)


@pytest.mark.row("TX-08", "TX-10")
@pytest.mark.parametrize("kind", ["application/taxii+json", MEDIA_TYPE, f"{MEDIA_TYPE};charset=UTF-8"])
def test_it_takes_every_way_to_send_taxii(node: Node, kind: str) -> None:
    assert node.post(indicator(1), headers={"Content-Type": kind}).status_code == 202


@pytest.mark.row("TX-09", "TX-10")
@pytest.mark.parametrize("kind", REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
def test_it_refuses_a_body_of_another_kind(node: Node, kind: str | None) -> None:
    assert_error(node.post(headers={"Content-Type": kind}, json=None, data=b'{"objects":[{}]}'), 415)
    assert node.ask(OBJECTS).json() == {}


@pytest.mark.row("TX-97")
def test_it_refuses_a_compressed_body(node: Node) -> None:
    assert_error(node.post(indicator(1), headers={"Content-Encoding": "gzip"}), 415)


@pytest.mark.row("TX-12")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", RESOURCES)
def test_it_knows_no_address_without_its_slash(node: Node, method: str, path: str) -> None:
    for wrong in (path.rstrip("/"), f"{path}/"):
        answer = node.ask(wrong, method=method)
        assert_error(answer, 405 if "Allow" in answer.headers else 404)


@pytest.mark.row("TX-13")
def test_it_answers_head_as_get_without_the_body(node: Node) -> None:
    node.post(indicator(1), indicator(2))

    for path in [*RESOURCES, f"{OBJECTS}?limit=1", OBJECT, f"{OBJECT}versions/", "/nothing/"]:
        got, headed = node.ask(path), node.ask(path, method="HEAD")
        assert headed.status_code == got.status_code
        assert headed.content == b""
        assert {**headed.headers, "Date": ""} == {**got.headers, "Date": ""}


@pytest.mark.row("TX-14")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", [*RESOURCES, f"{STATUS}x/", f"{OBJECTS}x/versions/"])
def test_it_names_the_methods_it_takes(node: Node, method: str, path: str) -> None:
    answer = node.ask(path, method=method)

    assert_error(answer, 405)
    assert "GET" in answer.headers["Allow"]
    assert ("POST" in answer.headers["Allow"]) == (path == OBJECTS)


@pytest.mark.row("TX-15")
@pytest.mark.parametrize("path", [OBJECTS, "/nothing/"])
def test_it_lets_nobody_keep_an_answer(node: Node, path: str) -> None:
    headers = node.ask(path).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Vary"] == "Accept, Accept-Encoding, Authorization"


@pytest.mark.row("TX-15")
def test_it_compresses_a_large_answer_for_whoever_takes_that(node: Node) -> None:
    node.post(*map(indicator, range(20)))

    plain, small = (node.ask(OBJECTS + query, headers={"Accept-Encoding": None}) for query in ("", "?limit=1"))
    packed = node.ask(OBJECTS, headers={"Accept-Encoding": "br, gzip;q=0.5"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 4
    assert packed.content == plain.content
    for answer in (plain, small, node.ask(OBJECTS, headers={"Accept-Encoding": "gzip;q=0"})):
        assert "Content-Encoding" not in answer.headers
    assert "Content-Encoding" not in node.ask(f"{OBJECTS}?limit=1", headers={"Accept-Encoding": "gzip"}).headers


def ask_raw(node: Node, path: str) -> tuple[int, str | None]:
    """Status and media type for a path that `requests` would mend before it sends it."""
    auth = node.ask("/taxii2/").request.headers["Authorization"]
    with contextlib.closing(http.client.HTTPConnection(urlsplit(node.url).netloc, timeout=10)) as connection:
        connection.request("GET", path, headers={"Authorization": auth})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"]


@pytest.mark.row("TX-37")
@pytest.mark.parametrize("root", ["other", "%2e%2e", "..", "a" * 8_000, "%00", "%ff%fe", BENCH])
def test_it_knows_no_other_root(node: Node, root: str) -> None:
    assert ask_raw(node, f"/{root}/collections/") == (404, MEDIA_TYPE)


@pytest.mark.row("TX-65")
@pytest.mark.parametrize("query", ["match[id]=%zz", "limit=1%", "%=1"])
def test_it_refuses_a_broken_escape(node: Node, query: str) -> None:
    assert ask_raw(node, f"{OBJECTS}?{query}") == (400, MEDIA_TYPE)


@pytest.mark.row("TX-16")
@pytest.mark.parametrize("text", ["😀", "a\u2028b", "مرحبا", "e\u0301", "é", '"\\/'])
def test_it_gives_back_text_as_it_came(node: Node, text: str) -> None:
    sent = indicator(1, START, name=text, x_empty="")

    assert node.post(sent).json()["success_count"] == 1
    assert node.ask(OBJECTS).json()["objects"] == [sent]
    assert ids(node.ask(MANIFEST)) == [sent["id"]]
