"""Who is asking: a machine account by its secret, a token or a client certificate (TX-18 to TX-20, TX-27, TX-30).

An Authorization header decides alone; only without one is the certificate of the connection looked at.
"""

from typing import cast

from flask import Flask, g, request
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from cert.store import machines, signin
from cert.store.engine import reading, writing
from cert.store.signin import Account
from feeds.taxii.service import Service

REALM = "Puente TAXII"
CERTIFICATE = "puente.client_certificate"
"""Where whoever ends TLS puts the SHA-256 of the certificate that the client proved to have, in the environment."""
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
    known = _by_header(service, given) if given else _by_certificate(service)
    if known is None:
        raise _unauthorized("Sign in with the name and secret of a machine account, or with its token or certificate.")
    g.account = known


def _credentials() -> Authorization | None:
    try:
        return request.authorization
    except ValueError:  # Werkzeug lets base64's complaint about text beyond ASCII through
        return None


def _by_certificate(service: Service) -> Account | None:
    fingerprint = request.environ.get(CERTIFICATE)
    if fingerprint is None or "Authorization" in request.headers:
        return None
    with reading(service.db) as c:
        return machines.by_certificate(c, fingerprint)


def _by_header(service: Service, given: Authorization) -> Account | None:
    name, token = given.username or "", given.token or ""
    with reading(service.db) as c:
        match given.type:
            case "basic":
                known = signin.account(c, name, given.password or "")
            case "bearer":
                known = machines.by_token(c, token, service.clock())
            case _:
                return None
    if known is None:
        _refuse(service, f"taxii:{name[:_LONGEST_NAME]}" if given.type == "basic" else "taxii-token")
    return known


def _refuse(service: Service, who: str) -> None:
    """Count a wrong secret, and brake. A right one is never braked, so nobody can lock a peer out (TX-30); a secret is
    too long to be guessed, so the brake only keeps noise from the database."""
    counted = [f"{who}@{request.remote_addr}", f"taxii-from:{request.remote_addr}"]
    now = service.clock()
    with reading(service.db) as c:
        wait_us = signin.wait_us(c, counted, now)
    if wait_us > 0:
        raise TooManyRequests(
            "Too many wrong secrets. Check name and secret, then try again after the seconds in Retry-After.",
            retry_after=-(-wait_us // _SECOND_US),
        )
    with writing(service.db) as c:
        signin.count_failure(c, counted, now)
    raise _unauthorized("No machine account has this name and secret, or this token. Check it, and whether it expired.")


def _unauthorized(sentence: str) -> Unauthorized:
    basic = WWWAuthenticate("basic", {"realm": REALM, "charset": "UTF-8"})
    return Unauthorized(sentence, www_authenticate=[basic, WWWAuthenticate("bearer", {"realm": REALM})])
