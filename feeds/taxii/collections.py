"""The collections of the account that asks, and the one way to any of them (TAXII 2.1 sections 5.1 and 5.2).

A collection is an audience, checked when an entry is appended and never filtered on read. One in which an account has
no right looks exactly like one that does not exist (TX-22).
"""

from functools import partial
from typing import Any

from flask import Flask, Response

from cert.errors import NotAllowed, NotFound
from cert.intake import WORKBENCH
from cert.store import signin
from cert.store.engine import Connection, reading
from cert.store.signin import Collection
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.negotiation import STIX_MEDIA_TYPE
from feeds.taxii.service import ROOT, Service
from feeds.taxii.signin import account

COLLECTION = f"{ROOT}collections/<collection>/"


def install(app: Flask, service: Service) -> None:
    """Serve the list and each collection."""
    app.add_url_rule(f"{ROOT}collections/", "collections", partial(_collections, service))
    app.add_url_rule(COLLECTION, "collection", partial(_collection, service))


def of_account(c: Connection, root: str | None = None, name: str | None = None) -> list[Collection]:
    """The collections of the asking account, as far as its token reaches: of one root, with one id or alias, or all."""
    return signin.collections_of(c, account().n, name, root=root, scope=account().scope)


def of_root(c: Connection, root: str) -> list[Collection]:
    """The collections of the asking account under a root. Raises `NotFound` for a root that is not for it (TX-37).

    The root that every node has is there for every account, as its name is no secret.
    """
    found = of_account(c, root)
    if not found and root != signin.ROOT:
        raise NotFound("root", SENTENCES[404])
    return found


def readable(c: Connection, root: str, name: str) -> Collection:
    """The collection with this id or alias, if the asking account may read it (TX-21, TX-46)."""
    found = _find(c, root, name)
    if not found.can_read:
        raise NotAllowed("no-read", "This account may write to the collection but not read it.")
    return found


def writable(c: Connection, root: str, name: str) -> Collection:
    """The collection with this id or alias, if the asking account may write to it."""
    found = _find(c, root, name)
    if not _can_write(found):
        raise NotAllowed("no-write", "This account may read the collection but not write to it. Nothing was changed.")
    return found


def deletable(c: Connection, root: str, name: str) -> Collection:
    """The collection with this id or alias, if the asking account may delete from it: it has both rights (TX-47)."""
    return writable(c, root, readable(c, root, name).id)


def _collections(service: Service, root: str) -> Response:
    with reading(service.db) as c:
        found = of_root(c, root)
    return answer({"collections": [_resource(collection) for collection in found]} if found else {})


def _collection(service: Service, root: str, collection: str) -> Response:
    with reading(service.db) as c:
        return answer(_resource(_find(c, root, collection)))


def _find(c: Connection, root: str, name: str) -> Collection:
    found = of_account(c, root, name)
    if not found:
        raise NotFound("collection", SENTENCES[404])
    return found[0]


def _can_write(collection: Collection) -> bool:
    """Only a workbench is ever written to from outside, whatever right was granted."""
    return collection.can_write and collection.log.startswith(WORKBENCH)


def _resource(collection: Collection) -> dict[str, Any]:
    return {
        "id": collection.id,
        "title": collection.title,
        "alias": collection.alias,
        "can_read": collection.can_read,
        "can_write": _can_write(collection),
        "media_types": [STIX_MEDIA_TYPE],
    }
