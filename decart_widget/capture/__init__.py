"""Pictures out of a session: stills, frames and clips."""
