"""aiortc and aioice made fit for live video; every reach into their private names is here."""
