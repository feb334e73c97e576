"""How the picture travels: what a session asks of media, and aiortc made fit for live video."""
