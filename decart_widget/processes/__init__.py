"""Child processes that run Python modules of this package, and end with their parent."""
