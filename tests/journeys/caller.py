"""Somebody who uses the portal without a browser."""

import re
from dataclasses import dataclass, field
from typing import Any

import requests


@dataclass
class Caller:
    """A session with one portal."""

    portal: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **query: Any) -> requests.Response:
        """Ask for a page; a redirect is not followed."""
        return self.session.get(self.portal + path, params=query, timeout=30, allow_redirects=False)

    def post(self, path: str, page: str, **form: Any) -> requests.Response:
        """Send the form that stands on a page."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert token, f"there is no form on {page}"
        sent = {"csrf_token": token[1], **form}
        return self.session.post(self.portal + path, data=sent, timeout=30, allow_redirects=False)

    def sign_in(self, login: str, password: str) -> None:
        """Sign in, which must succeed."""
        assert self.post("/sign-in", "/sign-in", login=login, password=password).status_code == 302
