"""The blocks of feeds/taxii/RECIPES.md, a node on which they run, and how OpenCTI's connector asks."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from click.testing import CliRunner
from requests.auth import AuthBase, HTTPBasicAuth
from taxii2client.v21 import Collection, Server

from config.cli import main
from tests.catalogues import ROOT
from tests.feeds.taxii.node import MEDIA_TYPE

PAGE = (ROOT / "feeds" / "taxii" / "RECIPES.md").read_text("utf-8")
EXAMPLE = "https://taxii.cert.example"


def blocks(language: str, holding: str) -> list[str]:
    """The fenced blocks in a language that hold a text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [block for block in found if holding in block]


def block(language: str, holding: str) -> str:
    (found,) = blocks(language, holding)
    return found


@dataclass
class Here:
    """The node of the recipes, running, and a folder in which they run."""

    folder: Path
    port: int
    said: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def puente(self, line: str) -> str:
        """Run a line as the page shows it; what it shows once is kept under its first words."""
        files = {str(path.relative_to(self.folder)): str(path) for path in self.folder.glob("*.pem")}
        words = [files.get(word, word) for word in shlex.split(line)]
        done = CliRunner().invoke(main, ["--settings", str(self.folder / "mx.toml"), *words[1:]])
        assert done.exit_code == 0, done.output
        if shown := re.search(r"shown this once: (\S+)", done.output):
            self.said[" ".join(words[1:4])] = shown[1]
        return done.output

    def run(self, script: str, *command: str, path: str = "") -> str:
        """Run a block in the folder, with the values of this node; gives what it writes."""
        env = {
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
            "TAXII": self.url,
            "PASSWORD": self.said["account add port-siem"],
            "TOKEN": self.said["token add port-siem"],
            "CURL_CA_BUNDLE": self.ca,
            "REQUESTS_CA_BUNDLE": self.ca,
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            command or ("bash", "-eu", "-o", "pipefail"),
            input=script,
            text=True,
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=env,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def account(self, name: str) -> HTTPBasicAuth:
        return HTTPBasicAuth(name, self.said[f"account add {name}"])

    def held(self) -> list[dict[str, Any]]:
        """All that the workbench holds."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.ask("/puente/collections/port/objects/", **more).json()
            found += page.get("objects", [])
            if not page.get("more"):
                return found
            more = {"next": page["next"]}

    def ask(self, path: str, auth: Any = None, **query: str) -> requests.Response:
        auth, headers = auth or self.account("port-siem"), {"Accept": MEDIA_TYPE}
        return requests.get(self.url + path, query, auth=auth, headers=headers, verify=self.ca, timeout=20)

    def workbench(self) -> Collection:
        """The workbench, for who may write to it."""
        known = self.ask("/puente/collections/port/").json()["id"]
        return Collection(f"{self.url}/puente/collections/{known}/", auth=self.account("port-siem"))

    def send(self, *objects: dict[str, Any]) -> None:
        with self.workbench() as port:
            assert port.add_objects({"objects": list(objects)}).failure_count == 0


class ApiKey(AuthBase):
    def __init__(self, header: str, value: str) -> None:
        self.header, self.value = header, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self.header] = self.value
        return request


KNOWN = re.compile(
    "DISCOVERY_URL|USERNAME|PASSWORD|USE_TOKEN|TOKEN|USE_APIKEY|APIKEY_KEY|APIKEY_VALUE|CERT_PATH|VERIFY_SSL|V21"
    "|COLLECTIONS|INITIAL_HISTORY|INTERVAL|ENABLE_URL_QUERY_LIMIT|URL_QUERY_LIMIT"
)
"""The settings of the connector, each after `TAXII2_`, that have to do with how it asks."""


class Connector:
    """Asks as the code of opencti/connector-taxii2 does, told by the variables of the page."""

    def __init__(self, here: Here, auth: AuthBase | None = None) -> None:
        told = dict(re.findall(r"- TAXII2_(\w+)=(.*)", block("yaml", "connector-taxii2")))
        assert [name for name in told if not KNOWN.fullmatch(name)] == []
        assert told["V21"] == told["VERIFY_SSL"] == told["ENABLE_URL_QUERY_LIMIT"] == "true"
        self.told = told
        url = told["DISCOVERY_URL"].replace(EXAMPLE, here.url)
        self.server = Server(url, auth=auth or here.account(told["USERNAME"]))
        self.filters: dict[str, Any] = {}
        self.last_run: datetime | None = None

    def run(self) -> list[dict[str, Any]]:
        """One run: everything since the last one. What it has set stays set, as there."""
        now = datetime.now(UTC).replace(microsecond=0)
        self.filters["limit"] = int(self.told["URL_QUERY_LIMIT"])
        history = timedelta(hours=int(self.told["INITIAL_HISTORY"]))
        self.filters["added_after"] = self.last_run or datetime.now() - history  # without a zone, as there
        path, title = self.told["COLLECTIONS"].split(".")
        root = next(one for one in self.server.api_roots if one.url.split("/")[-2] == path)
        found = self._poll(next(one for one in root.collections if one.title == title))
        self.last_run = now
        return found

    def _poll(self, collection: Collection) -> list[dict[str, Any]]:
        page = collection.get_objects(**self.filters)
        found = list(page.get("objects", []))
        assert not found or found[0]["spec_version"] == "2.1"
        while page.get("more"):
            self.filters.pop("added_after", None)
            self.filters["next"] = page["next"]
            page = collection.get_objects(**self.filters)
            found += page.get("objects", [])
        return found
