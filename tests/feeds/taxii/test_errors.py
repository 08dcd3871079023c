"""What is refused, on every address and by whatever refuses it: always an error resource."""

import base64
import json
import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.feeds.taxii.house import FAULT
from tests.feeds.taxii.node import (
    COLLECTION,
    HIDDEN,
    MANIFEST,
    MEDIA_TYPE,
    OBJECTS,
    SECRET,
    STATUS,
    House,
    Node,
    assert_error,
    indicator,
)

OBJECT = f"{OBJECTS}{indicator(1)['id']}/"
EVERYWHERE = [
    "/taxii2/",
    "/puente/",
    "/puente/collections/",
    COLLECTION,
    OBJECTS,
    MANIFEST,
    OBJECT,
    f"{OBJECT}versions/",
]
REFUSED = {
    "400": (OBJECTS + "?limit=0", {}, 400),
    "401": (OBJECTS, {"auth": ("customs", "wrong")}, 401),
    "403": (OBJECTS, {"who": "writer"}, 403),
    "404": (OBJECTS.replace("puente", "nothing"), {}, 404),
    "405": (OBJECTS, {"method": "PUT"}, 405),
    "406": (OBJECTS, {"headers": {"Accept": "text/html"}}, 406),
    "409 is nothing here": (f"{STATUS}x/", {}, 404),
}
NO_REQUEST = {
    "an address that is too long": (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a header that is too long": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "a header without a name": (b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400),
    "no HTTP": (b"HELO there\r\n\r\n", 400),
    "no version of HTTP": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
}


@pytest.mark.row("TX-01", "TX-11")
@pytest.mark.parametrize("path", EVERYWHERE)
def test_it_answers_in_taxii_wherever_all_is_well(node: Node, path: str) -> None:
    node.post(indicator(1))

    answer = node.ask(path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, MEDIA_TYPE)


@pytest.mark.row("TX-01", "TX-117")
@pytest.mark.parametrize(("path", "more", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_it_answers_in_taxii_whatever_it_refuses(node: Node, path: str, more: dict[str, object], status: int) -> None:
    assert_error(node.ask(path, **more), status)  # type: ignore[arg-type]


@pytest.mark.row("TX-01", "TX-37", "TX-66")
@pytest.mark.parametrize(("sent", "status"), NO_REQUEST.values(), ids=NO_REQUEST.keys())
def test_it_answers_in_taxii_what_is_no_request_at_all(node: Node, sent: bytes, status: int) -> None:
    address = urlsplit(node.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as line:
        line.sendall(sent)
        answer = b"".join(iter(lambda: line.recv(65_536), b""))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert f"Content-Type: {MEDIA_TYPE}".encode() in head
    assert json.loads(body)["http_status"] == str(status)
    assert json.loads(body)["title"].endswith(".")
    assert node.ask("/taxii2/").status_code == 200


@pytest.mark.row("TX-117")
def test_it_writes_the_id_of_an_error_into_its_log(node: Node, street: House) -> None:
    answer = node.ask(OBJECTS.replace("collections", "nothing"))
    node.clock.now = FAULT
    fault = node.post(indicator(1))

    written = (street.folder / "log").read_text("utf-8")
    for refused, status in ((answer, 404), (fault, 500)):
        assert re.search(rf"{refused.json()['error_id']}: {status} ", written)
    assert "ZeroDivisionError: secret detail" in written
    assert SECRET not in written
    assert base64.b64encode(f"customs:{SECRET}".encode()).decode() not in written


@pytest.mark.row("TX-97")
def test_it_says_that_it_closes_a_connection_whose_body_it_left(node: Node) -> None:
    refused = node.ask(OBJECTS, "reader", "POST", data=b"x" * 200_000)

    assert_error(refused, 403)
    assert refused.headers["Connection"] == "close"
    for _ in range(3):
        assert node.ask(OBJECTS, "reader").status_code == 200


@pytest.mark.row("TX-22")
def test_it_gives_different_errors_different_ids(node: Node) -> None:
    answers = [node.ask(f"/puente/collections/{HIDDEN}/") for _ in range(5)]

    assert len({answer.json()["error_id"] for answer in answers}) == 5
