"""A sheet: its cells, its results, and the run that fills it."""
