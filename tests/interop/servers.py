"""Other people's TAXII 2.1 servers, each in an environment of its own, made once and kept between runs."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.nations import free_ports

CACHE = Path.home() / ".cache" / "puente-tests" / "interop"
MEDALLION = ("medallion==3.0.0",)
OPENTAXII = ("OpenTAXII==0.9.3",)
SOON_S = 30
USER, PASSWORD = "mx", "s" * 40
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
TITLE = "Shared indicators"
MEDIA_TYPE = "application/taxii+json;version=2.1"
PER_POST = 50

_OPENTAXII = """
auth_api:
  class: opentaxii.auth.sqldb.SQLDatabaseAPI
  parameters: {{db_connection: "sqlite:///{folder}/auth.db", create_tables: yes, secret: "{secret}"}}
taxii1:
taxii2:
  persistence_api:
    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI
    parameters: {{db_connection: "sqlite:///{folder}/data.db", create_tables: yes}}
  title: OpenTAXII
  public_discovery: no
  max_content_length: 10000000
logging: {{opentaxii: error, root: error}}
"""
_FILL = """
import datetime, json, sys
from opentaxii.cli import app, server
from opentaxii.persistence.sqldb.taxii2models import STIXObject

user, password, title = sys.argv[1:]
UTC = datetime.timezone.utc
with app.app_context():
    server.auth.api.create_account(username=user, password=password, is_admin=True)
    api = server.servers.taxii2.persistence.api
    root = api.add_api_root("Root", default=True)
    collection = api.add_collection(root.id, title)
    objects = json.load(sys.stdin)
    api.add_objects(root.id, collection.id, [obj for obj in objects if "modified" in obj])
    for obj in (obj for obj in objects if "modified" not in obj):  # it knows no object without a version
        rest = {name: said for name, said in obj.items() if name not in ("id", "type", "spec_version")}
        known = {"id": obj["id"], "type": obj["type"], "spec_version": "2.1", "serialized_data": rest}
        dates = {"date_added": datetime.datetime.now(UTC), "version": datetime.datetime(1970, 1, 1, tzinfo=UTC)}
        api.db.session.add(STIXObject(collection_id=collection.id, **known, **dates))
    api.db.session.commit()
"""
_SERVE = """
import json, sys
from opentaxii.cli import app

# As released it cannot write the id of a collection, a UUID, as JSON: its list of collections, and so all, answers 500.
json.JSONEncoder.default = lambda self, value: str(value)
app.debug = False
app.run(port=int(sys.argv[1]))
"""


@contextmanager
def medallion(folder: Path, objects: Sequence[Any]) -> Iterator[str]:
    """medallion 3.0.0 with these objects posted to it; gives its discovery address."""
    python = environment("medallion", MEDALLION)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    shown = {"id": COLLECTION, "title": TITLE, "can_read": True, "can_write": True}
    shown |= {"media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": []}
    roots = [f"{url}/root/"]
    about = {"title": "Root", "versions": [MEDIA_TYPE], "max_content_length": 10_000_000}
    data = {
        "/discovery": {"title": "medallion", "default": roots[0], "api_roots": roots},
        "root": {"information": about, "status": [], "collections": [shown]},
    }
    (folder / "data.json").write_text(json.dumps(data), "utf-8")
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(folder / "data.json"),
    }
    told = {"backend": backend, "users": {USER: PASSWORD}, "taxii": {"max_page_size": 100}}
    (folder / "medallion.json").write_text(json.dumps(told), "utf-8")
    words = ("-m", "medallion.scripts.run", "--port", str(port), str(folder / "medallion.json"))
    with _running(python, words, folder, {}, f"{url}/taxii2/"):
        for start in range(0, len(objects), PER_POST):
            _post(f"{roots[0]}collections/{COLLECTION}/objects/", objects[start : start + PER_POST])
        yield f"{url}/taxii2/"


@contextmanager
def opentaxii(folder: Path, objects: Sequence[Any]) -> Iterator[str]:
    """OpenTAXII 0.9.3 with these objects put into its store: its POST answers 500 as released.

    So does its list of collections, which is mended here: without it nobody can read from it at all.
    """
    python = environment("opentaxii", OPENTAXII)
    (folder / "opentaxii.yml").write_text(_OPENTAXII.format(folder=folder, secret=PASSWORD), "utf-8")
    env = {"OPENTAXII_CONFIG": str(folder / "opentaxii.yml")}
    fill = [str(python), "-c", _FILL, USER, PASSWORD, TITLE]
    subprocess.run(fill, input=json.dumps(objects).encode(), check=True, env=os.environ | env, capture_output=True)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/taxii2/"
    with _running(python, ("-c", _SERVE, str(port)), folder, env, url):
        yield url


def environment(name: str, wanted: tuple[str, ...]) -> Path:
    """The Python that has this software. It is installed when it is first asked for; without a network, skips."""
    mark = hashlib.sha256(" ".join((*wanted, sys.version)).encode()).hexdigest()[:12]
    place = CACHE / f"{name}-{mark}"
    python = place / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
            words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
            installed = subprocess.run(words, check=False, capture_output=True, text=True)
            if installed.returncode:
                pytest.skip(f"{' '.join(wanted)} cannot be installed: {installed.stderr.strip()[-300:]}")
            (place / "done").touch()
    return python


@contextmanager
def _running(python: Path, words: Sequence[str], folder: Path, env: dict[str, str], url: str) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen([str(python), *words], stdout=said, stderr=said, env=os.environ | env)
        try:
            _until_up(process, url, log)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _until_up(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"It does not start: {log.read_text('utf-8')[-2_000:]}")


def _post(url: str, objects: Sequence[Any]) -> None:
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
    answer = requests.post(url, json={"objects": list(objects)}, auth=(USER, PASSWORD), headers=headers, timeout=SOON_S)
    assert answer.status_code == 202, answer.text
    assert answer.json()["failure_count"] == 0, answer.text
