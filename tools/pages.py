"""Static pages on 127.0.0.1 for Chromium, over a real connection.

Intercepting a browser's requests does not work for pages that open sockets to this machine:
Chromium does not know the address space of such a page, and refuses (Private Network Access).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class Handler(SimpleHTTPRequestHandler):
    """Serves the files of several folders, each under its own name."""

    def __init__(self, *arguments: Any, folders: dict[str, Path]) -> None:
        self._folders = folders
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        """The file of ``/NAME/REST``; a missing file for anything outside the folders."""
        name, _, rest = urlsplit(path).path.lstrip("/").partition("/")
        folder = self._folders.get(name)
        if folder is None or ".." in rest.split("/"):
            return str(Path(__file__).with_name("no-such-file"))
        return str(folder / rest)

    def end_headers(self) -> None:
        """Forbids caching, so that the next page loads a rebuilt bundle."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Logs nothing: failed requests are in the browser's console."""


@contextmanager
def served(**folders: Path) -> Iterator[str]:
    """Serves each folder as ``/name/``.

    Args:
        folders: Folders by name.

    Yields:
        The address, without a slash at its end.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, folders=folders))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
