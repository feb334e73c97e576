"""What a sweep keeps on disk: manifest, ledger, cells, marks and records."""
