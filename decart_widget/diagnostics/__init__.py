"""The widget's log, redaction of secrets, and the versions for a bug report."""
