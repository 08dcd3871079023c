"""Our own nation: the record, the rules, the search, the portal."""
