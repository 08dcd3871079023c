"""An incident as a bundle for other tools: whole, and nothing that its reader may not see."""

from cert import export, extension
from cert.store.engine import reading
from config.cast import MX, US
from tests.cast import Node, incident, indicator, made_id, marked, relationship

EVENT = made_id("incident", 1)


def ids(mx: Node, login: str, ref: str) -> list[str]:
    with reading(mx.db) as c:
        return [str(obj["id"]) for obj in export.bundle(c, mx.viewer(login), mx.newest(ref)[0])["objects"]]


def test_it_brings_the_author_the_markings_and_the_extensions_along(mx: Node) -> None:
    entry = mx.file("luis", paste="203.0.113.7", occurred_from=mx.clock())

    found = ids(mx, "luis", entry.id)

    assert {MX.identity, extension.PUENTE, extension.AUTHOR, *marked("amber")} <= set(found)
    assert len(found) == len(set(found))


def test_it_leaves_out_what_the_reader_may_not_see(mx: Node) -> None:
    mx.say(
        incident(1, object_marking_refs=marked("green")),
        indicator(2, object_marking_refs=marked("red")),
        relationship(3, "indicates", made_id("indicator", 2), EVENT, object_marking_refs=marked("green")),
    )

    assert made_id("indicator", 2) not in ids(mx, "luis", EVENT)
    assert made_id("indicator", 2) in ids(mx, "ana", EVENT)


def test_it_states_each_id_once_as_its_owner_does(mx: Node) -> None:
    """What a stranger says under an id of ours, or of our name, does not travel in our bundle as if we had said it."""
    mx.say(incident(1, created_by_ref=MX.identity))
    named = {"type": "identity", "id": MX.identity, "name": "CERT Falso", "identity_class": "organization"}
    mx.say(incident(1, mx.clock() + 5_000, **named, object_marking_refs=marked("clear")), org=US.name)
    with reading(mx.db) as c:
        objects = export.bundle(c, mx.viewer("luis"), mx.newest(EVENT)[0])["objects"]

    assert [obj["name"] for obj in objects if obj["id"] == MX.identity] == [MX.name]
