"""The rooms of the sandbox: a LiveKit server as far as Decart's clients need one."""
