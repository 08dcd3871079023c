"""What every resource of the TAXII server needs to know."""

from collections.abc import Callable
from dataclasses import dataclass

from cert.stix import Micros
from cert.store.engine import Engine

ROOT = "/<root>/"
"""Where an API root stands. The standard lets it be relative to the origin, so no public address need be configured."""


@dataclass(frozen=True, slots=True)
class Service:
    """One TAXII server: its database, its ceilings, the key that signs `next`, and its clock."""

    db: Engine
    title: str
    max_content_length: int  # bytes of one request body
    page_limit: int  # objects of one page
    page_bytes: int  # bytes of one page
    secret_key: bytes
    clock: Callable[[], Micros]
