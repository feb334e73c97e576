"""Sessions without a page: scripts, tests, and clips that are transformed as a whole."""
