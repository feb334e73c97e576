"""Rooms as a LiveKit server has them, as far as one camera and its viewers need them."""
