"""Somebody who files and searches at a real portal, without a browser, and the operator beside him."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from config import pair
from tests.journeys.caller import Caller
from tests.nations import Nations

SOON_S = 60
HANGS_S = 25  # less than the proxies between keep an answer back; a search itself waits two seconds
_TOTAL = re.compile(r'class="page-sub" role="status">\s*([\d.,\s]*)')


@dataclass
class Desk:
    """A signed-in responder of the Mexican node, whose portal and worker run."""

    both: Nations
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(self.both.portal("mx"))
        self.both.until(self._answers)
        self.caller.sign_in("ana", self.both.password("mx", "ana"))
        self.until_level()

    def file(self, title: str) -> float:
        """File an incident, and give how many seconds the answer took."""
        page = self.caller.get("/incidents/new").text
        token, draft = (re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("csrf_token", "draft"))
        assert token
        assert draft
        typed = {"title": title, "text": "Nada responde.", "handling": "green", "lang": "es", "action": "file"}
        form = {"csrf_token": token[1], "draft": draft[1], **typed}
        started = time.monotonic()
        answer = self.caller.session.post(self.caller.portal + "/incidents/new", data=form, allow_redirects=False)
        took_s = time.monotonic() - started
        assert answer.status_code == 302, answer.text
        return took_s

    def search(self, text: str) -> str:
        """The page of answers. It comes in any case, and before an index that hangs would have answered."""
        started = time.monotonic()
        answer = self.caller.get("/search", q=text)
        assert answer.status_code == 200
        assert time.monotonic() - started < HANGS_S
        return answer.text

    def finds(self, title: str) -> bool:
        """Whether a search finds an incident."""
        return '<ol class="lines">' in self.search(f'"{title}" type:incident')

    def count(self, text: str) -> int:
        """How many a search says that it has found."""
        total = _TOTAL.search(self.search(text))
        return int(re.sub(r"\D", "", total[1]) or 0) if total else 0

    def index(self, *words: str) -> Any:
        """What `puente index` says, in JSON."""
        command = (sys.executable, "-m", "config", "--settings", str(self.both.folder / "mx.toml"), "index", *words)
        ran = subprocess.run((*command, "--json"), capture_output=True, check=False, text=True)
        assert ran.returncode in {0, 3}, ran.stderr
        return json.loads(ran.stdout)

    def until_level(self, soon_s: float = SOON_S) -> None:
        """Wait until the index is level with the record."""
        deadline = time.monotonic() + soon_s
        while not pair.has_indexed(self.both.sides["mx"]):
            assert time.monotonic() < deadline, self.both.said()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return self.caller.get("/sign-in").status_code == 200
        except requests.ConnectionError:
            return False
