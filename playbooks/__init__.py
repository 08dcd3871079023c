"""Joint response."""
