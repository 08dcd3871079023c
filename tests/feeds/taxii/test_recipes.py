"""feeds/taxii/RECIPES.md is run, unchanged but for address, password and token, against `puente serve taxii`.

The server pages by three objects here, so that every client has several pages to go through.
"""

import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth
from taxii2client.common import TokenAuth
from taxii2client.v21 import ApiRoot, Collection

from tests.catalogues import ROOT
from tests.feeds.certificates import authority
from tests.feeds.taxii.node import MEDIA_TYPE, indicator
from tests.feeds.taxii.recipes import EXAMPLE, PAGE, ApiKey, Connector, Here, block, blocks
from tests.servers.process import end, free_ports, locked, wait

EVENT = ROOT / "tests" / "samples" / "misp-event.json"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "puente-tests" / "recipes"


@pytest.fixture(scope="module")
def made(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Here:
    """A node of the cast that ends TLS itself, on which the first recipe was run."""
    here = Here(tmp_path_factory.mktemp("recipes"), free_ports(1)[0])
    shutil.copytree(pristine, here.folder, dirs_exist_ok=True)
    ours = authority()
    ours.root.write(here.folder, "ca")
    ours.issue().write(here.folder, "server")
    ours.issue("siem.port.example").write(here.folder, "port-siem")
    with (here.folder / "mx.toml").open("a", encoding="utf-8") as settings:
        settings.write(
            f'taxii_port = {here.port}\npage_limit = 3\ntaxii_client_ca_file = "ca.pem"\n'
            'taxii_tls_cert_file = "server.pem"\ntaxii_tls_key_file = "server.key"\n'
        )
    here.said["collections"] = [here.puente(line[2:]) for line in block("console", "org add").splitlines()][-1]
    return here


@pytest.fixture(scope="module")
def served(made: Here) -> Iterator[Here]:
    """The node, served."""
    with (made.folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "config", "--settings", str(made.folder / "mx.toml"), "serve", "taxii"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait(lambda: _answers(made), process, made.folder / "log")
        yield made
    finally:
        end(process)


@pytest.fixture
def here(served: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The node, served, with an empty workbench."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", served.ca)
    with served.workbench() as port:
        for obj in served.held():
            port.delete_object(obj["id"])
    return served


def _answers(here: Here) -> bool:
    try:
        return here.ask("/taxii2/").status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture
def curl() -> None:
    if not shutil.which("curl"):
        pytest.skip("no curl: apt-get install curl")


@pytest.fixture(scope="session")
def misp() -> Path:
    """The programs that the page has one install for MISP, in the versions that it names; installed once a machine."""
    wanted = shlex.split(block("bash", "pip install misp-stix"))[2:]
    assert all("==" in one for one in wanted)
    folder = CACHE / hashlib.sha256(f"{sys.version} {wanted}".encode()).hexdigest()[:12]
    with locked(CACHE / "lock"):
        if not (folder / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=120)
            subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *wanted], check=True, timeout=300)
            (folder / "done").touch()
    return folder / "bin"


def test_it_has_no_block_that_nobody_runs() -> None:
    run = ["org add", "export TAXII", "-K taxii.curl", "Bearer $TOKEN", "as_pages", "base64", "pip install misp-stix"]
    run += ["misp_stix_converter", "connector-taxii2"]

    assert PAGE.count("\n```") == 2 * sum(len(blocks(r"\w+", holding)) for holding in run) == 2 * len(run)


def test_it_makes_a_workbench_accounts_and_a_token(made: Here) -> None:
    assert "/puente/collections/port/  port: " in made.said["collections"]
    assert "port-siem (read and write)" in made.said["collections"]
    assert "opencti (read)" in made.said["collections"]


def test_it_names_every_value_that_the_blocks_need() -> None:
    assert re.findall(r"^export (\w+)=", block("bash", "export TAXII"), re.MULTILINE) == ["TAXII", "PASSWORD", "TOKEN"]


@pytest.mark.usefixtures("curl")
def test_it_talks_by_curl(here: Here) -> None:
    wrote = here.run(block("bash", "-K taxii.curl"))

    assert '"api_roots"' in wrote
    assert '"max_content_length"' in wrote
    assert '"can_write"' in wrote
    assert re.search(r'"success_count": ?2\b', wrote)
    assert '"versions"' in wrote
    pages = [json.loads((here.folder / f"page-{n}.json").read_text()) for n in (1, 2)]
    assert [obj["type"] for page in pages for obj in page["objects"]] == ["ipv4-addr", "indicator"]
    assert [page.get("more", False) for page in pages] == [True, False]
    assert [obj["type"] for obj in here.held()] == ["ipv4-addr"]
    assert (here.folder / "taxii.curl").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("curl")
def test_it_signs_in_by_token_and_by_certificate(here: Here) -> None:
    assert here.run(block("bash", "Bearer $TOKEN")).count('"api_roots"') == 2


def test_it_talks_by_python(here: Here) -> None:
    here.send(*map(indicator, range(7)))

    wrote = here.run(block("python", "as_pages"), sys.executable, "-")

    assert wrote.split() == ["1", "taken;", "8", "to", "begin", "with,", "then", "0"]


# --- MISP --------------------------------------------------------------------------------------------------------


def test_it_sends_an_event_of_misp(here: Here, misp: Path) -> None:
    shutil.copy(EVENT, here.folder / "event.json")

    wrote = here.run(block("bash", "misp_stix_converter"), path=str(misp))

    sent = json.loads((here.folder / "event.stix.json").read_text("utf-8"))["objects"]
    assert wrote.splitlines()[-1] == f"{len(sent)} taken, 0 refused"
    held = {obj["id"]: obj for obj in here.held()}
    assert held == {obj["id"]: obj for obj in sent}
    marked = {obj["type"] for obj in held.values() if "object_marking_refs" in obj}
    assert marked == {"report"}  # what the page says of the tag
    here.run(block("bash", "misp_stix_converter"), path=str(misp))
    assert len(here.held()) == len(sent)


def test_it_answers_what_misp_asks_and_pushes(here: Here) -> None:
    """The requests of its TaxiiServer model and of its taxii_push.py, in the same spelling."""
    key = here.run(block("bash", "base64"))
    login = {"Authorization": f"basic {key}", "Accept": MEDIA_TYPE, "Content-type": MEDIA_TYPE}

    def ask(uri: str, **query: str) -> Any:
        answer = requests.get(here.url + uri, query, headers=login, timeout=20)
        assert answer.status_code == 200
        return answer.json()

    root = ask("/taxii2/")["api_roots"][0].strip("/").split("/")[-1]
    port = next(one["id"] for one in ask(f"/{root}/collections/")["collections"] if one["can_write"])
    auth = HTTPBasicAuth(*base64.b64decode(key).split(b":"))
    with ApiRoot(f"{here.url}/{root}", auth=auth) as its_root:
        assert its_root.max_content_length > 10_000
    with Collection(f"{here.url}/{root}/collections/{port}", auth=auth) as collection:
        body = json.dumps({"objects": [indicator(n) for n in range(5)]}).encode()
        assert collection.add_objects(body, wait_for_completion=False).failure_count == 0
    page = ask(f"/{root}/collections/{port}/objects/", limit="50")
    rest = ask(f"/{root}/collections/{port}/objects/", limit="50", next=page["next"])
    assert page["objects"] + rest["objects"] == [indicator(n) for n in range(5)]
    assert ask(f"/{root}/collections/{port}/objects/{indicator(2)['id']}/")["objects"] == [indicator(2)]


# --- OpenCTI -----------------------------------------------------------------------------------------------------


def test_it_feeds_the_connector_of_opencti(here: Here) -> None:
    sent = [indicator(n) for n in range(8)]
    here.send(*sent)
    connector = Connector(here)

    assert connector.run() == sent
    here.send(*(indicator(n) for n in range(8, 16)))
    assert connector.run()[-8:] == [indicator(n) for n in range(8, 16)]  # its dates are whole seconds: some come twice


@pytest.mark.parametrize(
    ("sign_in", "is_taken"), [(lambda token: ApiKey("Authorization", f"Bearer {token}"), True), (TokenAuth, False)]
)
def test_it_lets_the_connector_in_by_a_token_as_an_api_key_only(here: Here, sign_in: Any, is_taken: bool) -> None:
    connector = Connector(here, sign_in(here.said["token add port-siem"]))

    if is_taken:
        assert connector.run() == []
    else:
        with pytest.raises(requests.HTTPError, match="401"):
            connector.run()


@pytest.mark.parametrize("collection", ["port", "its id"])
@pytest.mark.parametrize("by", ["basic", "bearer"])
def test_it_feeds_the_feed_of_opencti(here: Here, collection: str, by: str) -> None:
    """A page at each turn; the date with which it goes on has milliseconds."""
    sent = [indicator(n) for n in range(8)]
    here.send(*sent)
    server = PAGE.partition("TAXII server URL\n`")[2].partition("`")[0].replace(EXAMPLE, "")
    if collection != "port":
        collection = here.ask(f"{server}collections/port/").json()["id"]
    auth = ApiKey("Authorization", f"Bearer {here.said['token add port-siem']}") if by == "bearer" else None
    path = f"{server}collections/{collection}/objects/"
    state: dict[str, str] = {}
    found, more = [], True
    while more:
        answer = here.ask(path, auth or here.account("opencti"), **state)
        page = answer.json()
        found += page["objects"]
        more = page.get("more", False)
        state = (
            {"next": page["next"]} if more else {"added_after": answer.headers["X-TAXII-Date-Added-Last"][:23] + "Z"}
        )

    assert found == sent
    here.send(indicator(8))
    found = []
    more = True
    while more:  # now both at once, as there
        page = here.ask(path, auth or here.account("opencti"), **state).json()
        found += page["objects"]
        more = page.get("more", False)
        state |= {"next": page.get("next", "")}
    assert found[-1] == indicator(8)
    assert found[:-1] == sent[len(sent) - len(found[:-1]) :]  # what came in the same millisecond once more


def test_it_refuses_what_taxii_post_of_opencti_sends(here: Here) -> None:
    answer = requests.post(
        f"{here.url}/puente/collections/port/objects/",
        json={"type": "bundle", "spec_version": "2.1", "id": "bundle--1", "objects": [indicator(1)]},
        headers={"Content-Type": "application/stix+json; version=2.1", "Accept": "application/taxii+json; version=2.1"},
        auth=here.account("port-siem"),
        timeout=20,
    )

    assert answer.status_code == 415
