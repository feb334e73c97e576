"""One session with the service."""
