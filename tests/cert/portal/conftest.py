"""The portal of a node of the cast, and browsers in front of it."""

from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask

from tests.cast import Browser, Node


@pytest.fixture
def app(mx: Node) -> Flask:
    made = mx.portal()
    made.config["PROPAGATE_EXCEPTIONS"] = False  # a page, as in production, and not pytest's trace
    return made


@pytest.fixture
def sit(app: Flask, mx: Node) -> Callable[..., Browser]:
    """Sit down in front of the portal; with a login, signed in. The index is made first, as a worker would."""
    mx.settle()
    return partial(mx.browser, app)


@pytest.fixture
def ana(sit: Callable[..., Browser]) -> Browser:
    return sit("ana")


@pytest.fixture
def luis(sit: Callable[..., Browser]) -> Browser:
    return sit("luis")
