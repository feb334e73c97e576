"""Captures the pictures of a session: stills, frames and clips."""
