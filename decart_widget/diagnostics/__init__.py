"""The log, redaction of secrets in texts, and the versions for a bug report."""
