"""Discovery and the API root: where a client starts (TAXII 2.1 sections 4.1 and 4.2)."""

from functools import partial

from flask import Flask, Response

from feeds.taxii.answers import answer
from feeds.taxii.negotiation import MEDIA_TYPE
from feeds.taxii.service import ROOT, Service


def install(app: Flask, service: Service) -> None:
    """Serve both resources."""
    app.add_url_rule("/taxii2/", "discovery", partial(_discovery, service))
    app.add_url_rule(ROOT, "root", partial(_root, service))


def _discovery(service: Service) -> Response:
    return answer({"title": service.title, "default": ROOT, "api_roots": [ROOT]})


def _root(service: Service) -> Response:
    return answer({"title": service.title, "versions": [MEDIA_TYPE], "max_content_length": service.max_content_length})
