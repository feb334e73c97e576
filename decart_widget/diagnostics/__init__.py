"""Log, redaction, secrets and versions: what a report may show."""
