"""The other nation: everything that crosses the border."""
