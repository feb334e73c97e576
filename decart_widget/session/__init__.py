"""One session with the service: the control socket, client tokens, attempts and their end."""
