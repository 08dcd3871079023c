"""The application of OpenTAXII, for gunicorn, mended in one place. Runs in OpenTAXII's own environment."""

import json

from opentaxii.http import app

__all__ = ["app"]

# As released it cannot write the id of a collection, a UUID, as JSON: its list of collections, and so all, answers 500.
json.JSONEncoder.default = lambda self, value: str(value)  # type: ignore[method-assign, assignment]
