"""Puts objects into the store of OpenTAXII, as somebody else asks for it. Runs in OpenTAXII's own environment.

It makes an account, a root and a collection, and says in one line of JSON where its objects are. Then it reads lines:
`{"objects": […]}` are added by the persistence API, as a POST does when it has validated them; `{"file": …, "count": …,
"start": …, "seconds": …}` are rows for its table, from a file of one object a line, as many as fit into the time, dated
a microsecond after another. Each line is answered, when all is committed, by how many objects it holds.
"""

import itertools
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from opentaxii.cli import app, server
from opentaxii.persistence.sqldb.taxii2models import STIXObject
from sqlalchemy import insert

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
PART = 5_000


def main() -> None:
    """Make the collection, and do what the lines say."""
    user, password, title = sys.argv[1:]
    with app.app_context():
        server.auth.api.create_account(username=user, password=password, is_admin=True)
        api = server.servers.taxii2.persistence.api
        root = api.add_api_root("Root", default=True)
        collection = api.add_collection(root.id, title)
        _say({"objects": f"/taxii2/{root.id}/collections/{collection.id}/objects/"})
        held = 0
        for line in sys.stdin:
            asked = json.loads(line)
            if "objects" in asked:
                held += _add(api, root.id, collection.id, asked["objects"])
            else:
                start = datetime.fromisoformat(asked["start"])
                held += _rows(api, collection.id, asked["file"], asked["count"], start, asked["seconds"])
            _say({"held": held})


def _add(api: Any, root: str, collection: str, objects: list[dict[str, Any]]) -> int:
    """By the API what has a version, and by its table what has none: it knows no such objects."""
    api.add_objects(root, collection, [obj for obj in objects if "modified" in obj])
    rest = [_row(collection, obj, datetime.now(UTC)) for obj in objects if "modified" not in obj]
    _insert(api, rest)
    return len(objects)


def _rows(api: Any, collection: str, file: str, count: int, start: datetime, seconds: float) -> int:
    until, held = time.monotonic() + seconds, 0
    with open(file, encoding="utf-8") as lines:
        while (part := list(itertools.islice(lines, min(PART, count - held)))) and time.monotonic() < until:
            dated = ((json.loads(line), start + timedelta(microseconds=held + n)) for n, line in enumerate(part))
            _insert(api, [_row(collection, obj, added) for obj, added in dated])
            held += len(part)
    return held


def _insert(api: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        api.db.session.execute(insert(STIXObject), rows)
        api.db.session.commit()


def _row(collection: str, obj: dict[str, Any], added: datetime) -> dict[str, Any]:
    rest = {name: said for name, said in obj.items() if name not in ("id", "type", "spec_version")}
    version = datetime.fromisoformat(obj["modified"]) if "modified" in obj else NEVER
    known = {"id": obj["id"], "type": obj["type"], "spec_version": "2.1", "serialized_data": rest}
    return known | {"collection_id": collection, "date_added": added, "version": version}


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
