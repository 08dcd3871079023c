"""Puts the portal together with what feeds and playbooks show on its pages."""

from collections.abc import Callable
from importlib.metadata import version

from flask import Flask
from flask_babel import lazy_gettext

from cert import access
from cert.portal.app import Look, portal_app
from cert.portal.frame import Entry
from cert.portal.portal import Portal
from cert.search.index import Index
from cert.stix import Micros
from cert.store.engine import Engine
from config.reading import secret_in
from config.settings import Settings
from feeds import health_pages
from feeds import pages as exchange


def make_portal(settings: Settings, db: Engine, index: Callable[[], Index], clock: Callable[[], Micros]) -> Flask:
    """The portal of a node as a WSGI app."""
    portal = Portal(
        db=db,
        index=index,
        clock=clock,
        nation=settings.nation,
        zone=settings.timezone,
        peers=exchange.choices,
        release_to=exchange.release_to,
        holders=exchange.holders,
        held_count=exchange.held_count(db),
    )
    look = Look(
        build=version("puente"),
        training=settings.training,
        language=settings.default_language,
        theirs=(),
        entries=(
            Entry("held.show", lazy_gettext("Held back"), "held", access.may_release),
            Entry("exchange.show", lazy_gettext("Exchange"), "exchange", access.may_run_exchange),
        ),
        blueprints=exchange.blueprints(portal),
        peers=health_pages.peer_states(db, clock),
    )
    return portal_app(
        portal,
        look,
        secret_key=secret_in(settings.secret_key_file).encode(),
        cookie_secure=settings.cookie_secure,
        longest=settings.max_content_length,
        proxies=settings.trust_proxy,
    )
