"""Who is asking: HTTP Basic with a machine account's secret (TX-18 to TX-20, TX-29, TX-30)."""

from typing import cast

from flask import Flask, g, request
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from cert.store import signin
from cert.store.engine import reading, writing
from cert.store.signin import Account
from feeds.taxii.service import Service

REALM = "Puente TAXII"
_SECOND_US = 1_000_000
_LONGEST_NAME = 64


def install(app: Flask, service: Service) -> None:
    """Ask for an account before anything else, on every address: a stranger learns nothing, not even what exists."""
    app.before_request(lambda: _sign_in(service))


def account() -> Account:
    """The account that makes this request."""
    return cast(Account, g.account)


def _sign_in(service: Service) -> None:
    given = _credentials()
    if given is None or given.type != "basic":
        raise _unauthorized("Sign in with the name and secret of a machine account.")
    name, secret = given.username or "", given.password or ""
    with reading(service.db) as c:
        known = signin.account(c, name, secret)
    if known is None:
        _refuse(service, given)
    g.account = known


def _credentials() -> Authorization | None:
    try:
        return request.authorization
    except ValueError:  # Werkzeug lets base64's complaint about text beyond ASCII through
        return None


def _refuse(service: Service, given: Authorization) -> None:
    """Count a wrong secret, and brake. A right one is never braked, so nobody can lock a peer out (TX-30); a secret is
    too long to be guessed, so the brake only keeps noise from the database."""
    who = [f"taxii:{(given.username or '')[:_LONGEST_NAME]}", f"taxii-from:{request.remote_addr}"]
    now = service.clock()
    with reading(service.db) as c:
        wait_us = signin.wait_us(c, who, now)
    if wait_us > 0:
        raise TooManyRequests(
            "Too many wrong secrets. Check name and secret, then try again after the seconds in Retry-After.",
            retry_after=-(-wait_us // _SECOND_US),
        )
    with writing(service.db) as c:
        signin.count_failure(c, who, now)
    raise _unauthorized("No machine account has this name and secret. Check both.")


def _unauthorized(sentence: str) -> Unauthorized:
    challenge = WWWAuthenticate("basic", {"realm": REALM, "charset": "UTF-8"})
    return Unauthorized(sentence, www_authenticate=challenge)
