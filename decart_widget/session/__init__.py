"""One session with the service: control socket, tokens, deadlines, reconnects, media port."""
