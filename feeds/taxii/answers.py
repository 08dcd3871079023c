"""Every answer leaves through here: TAXII media type, safe headers, and errors as the standard's error resource.

`STATUS` is the one table from what was refused to a status code. An error says what to do next and nothing about our
insides; its `error_id` stands in the log beside the request (TX-117).
"""

import gzip
import logging
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, ServiceUnavailable, TooManyRequests

from cert.errors import Conflict, Missing, NotAllowed, NotFound, Refused
from cert.store.engine import OperationalError
from cert.store.quota import OverQuota
from feeds.taxii.negotiation import MEDIA_TYPE

STATUS: dict[type[Refused], int] = {NotAllowed: 403, NotFound: 404, Conflict: 409, Missing: 503, Refused: 400}

SENTENCES = {
    400: "The request could not be read. Check its address, headers and body.",
    404: "There is nothing at this address, or not for this account. Every TAXII address ends in a slash.",
    405: "This address does not take that method. The Allow header names those it takes.",
    414: "This address is too long. Ask for fewer ids at a time.",
    431: "The headers of this request are too long.",
    500: "Something failed on this server; nothing you sent was wrong. Try again, and quote error_id if it stays.",
}
"""What an error says that the framework raised; an error that we raise brings its own sentence."""

HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Encoding, Authorization",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
RETRY_AFTER_S = 5
WORTH_GZIP = 1_024  # bytes

Fields = Mapping[str, str] | Sequence[tuple[str, str]]
_log = logging.getLogger("puente.taxii")


def answer(body: Mapping[str, Any] | bytes, status: int = 200, headers: Fields | None = None) -> Response:
    """A TAXII answer: a resource, or one already written as JSON."""
    written = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(written, status, headers, content_type=MEDIA_TYPE)


def install(app: Flask) -> None:
    """Turn everything that can go wrong into an error resource, and put the safe headers on every answer."""
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Refused, _from_refused)
    app.register_error_handler(OverQuota, _from_quota)
    app.register_error_handler(OperationalError, _from_database)
    app.after_request(_add_headers)
    app.after_request(_compress)


def _from_http(error: HTTPException) -> Response:
    status = error.code or 500
    own = error.description if error.description != type(error).description else None
    headers = [pair for pair in error.get_headers(request.environ) if pair[0] != "Content-Type"]
    return _error(status, error.name, own or SENTENCES.get(status, error.name), headers)


def _from_refused(refusal: Refused) -> Response:
    status = next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)
    return _error(status, refusal.code, str(refusal), [])


def _from_quota(over: OverQuota) -> Response:
    """Over what is left of today: later. Over what a whole day has: never (TX-119)."""
    if over.wait_s is None:
        return _from_http(RequestEntityTooLarge(str(over)))
    return _from_http(TooManyRequests(str(over), retry_after=over.wait_s))


def _from_database(fault: OperationalError) -> Response:
    _log.error("The database did not answer: %s", fault.orig)
    return _from_http(ServiceUnavailable("The database is busy. Ask again in a moment.", retry_after=RETRY_AFTER_S))


def _error(status: int, code: str, sentence: str, headers: Fields) -> Response:
    error_id = str(uuid.uuid4())
    _log.info("%s: %d %s on %s %s", error_id, status, code, request.method, request.path)
    return answer(_resource(status, sentence, error_id), status, headers)


def bare_error(status: int) -> bytes:
    """A whole HTTP answer for what could not be read as a request, so that no resource was reached (TX-01)."""
    error_id = str(uuid.uuid4())
    phrase = HTTPStatus(status).phrase
    _log.info("%s: %d %s before any request was read", error_id, status, phrase)
    body = orjson.dumps(_resource(status, SENTENCES.get(status, SENTENCES[400]), error_id))
    fields = {"Content-Type": MEDIA_TYPE, "Content-Length": len(body), "Connection": "close"} | HEADERS
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode("ascii") + body


def _resource(status: int, sentence: str, error_id: str) -> dict[str, str]:
    return {"title": sentence, "error_id": error_id, "http_status": str(status)}


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _compress(response: Response) -> Response:
    """Write a large answer as gzip for whoever takes that (TX-15). Fast rather than small."""
    body = response.get_data()
    if len(body) > WORTH_GZIP and request.accept_encodings.quality("gzip") > 0:
        response.set_data(gzip.compress(body, compresslevel=1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
