"""What the pages that show a sheet get and ask for, on the background loop.

A page gets the document once, then its changes, and each picture when it asks for it. What it asks
for is done on a thread, one thing after another: files are read, pictures encoded and sessions
started there. Pages are not trusted: they name cells that exist and start what the plan says.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.explore.views.document import changes
from decart_widget.page.chunks import requested
from decart_widget.page.messages import MalformedError, Send, read
from decart_widget.page.rate_limit import Gate
from decart_widget.page.sheet_messages import FROM_SHEET, sheet, sheet_picture
from decart_widget.session.background import Background

PIECE: Final = 900_000
"""Bytes of one binary part; some hosts lose their socket over more than 1 MB."""

MAX_WAITING: Final = 64
"""Requests of pages that may wait; further ones are dropped."""

INTERVAL_S: Final = 0.2
"""Seconds between two changes that are sent: a run reports the progress of each cell."""


class SheetSource(Protocol):
    """The sheet behind a view. Its methods are called on threads, one at a time."""

    def document(self) -> dict[str, Any]:
        """Returns the document (``document.describe``)."""

    def picture(self, name: str) -> bytes | None:
        """Returns a picture by its name; None where there is none."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back at each change, from any thread; returns what ends that."""

    def start(self, cells: int) -> None:
        """Starts so many of the planned cells."""

    def stop(self) -> None:
        """Ends the run, and keeps what is done."""

    def cancel(self) -> None:
        """Gives the plan up."""

    def retry(self, key: str) -> None:
        """Runs one place again."""

    def star(self, key: str, *, on: bool) -> None:
        """Marks a place, or takes the mark off."""

    def use_live(self, key: str) -> str:
        """Sets a live widget's prompt; returns what to say."""

    def save(self) -> str:
        """Writes the sheet's files; returns what to say."""

    def compare(self, key: str, against: str, score: str) -> None:
        """Compares two places; the document then says the result."""

    def rank(self, answer: str, number: int) -> None:
        """Takes an answer of the blind ranking."""


class SheetPages:
    """Serves the pages of one view.

    Args:
        source: The sheet.
        send: Sends a message to the view's pages.
        log: Receives what went wrong.
    """

    def __init__(self, source: SheetSource, send: Send, log: Log) -> None:
        self._source = source
        self._send = send
        self._log = log
        self._gate = Gate()
        self._number = 0
        self._document: dict[str, Any] | None = None
        self._said = ""
        self._is_stale = True
        self._publisher: asyncio.Task[None] | None = None
        self._waiting: asyncio.Queue[Callable[[], Any]] = asyncio.Queue(MAX_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._is_closed = False
        self._noted = threading.Event()
        self._unsubscribe = source.on_change(self.changed)

    def changed(self) -> None:
        """Sends pages what is different now, soon; from any thread."""
        if not self._noted.is_set():  # a run calls this for every frame
            self._noted.set()
            Background.get().call(self._note_change)

    def receive(self, content: object, _data: bytes | None = None, /) -> None:
        """Handles a message from any page. Never raises for what the page sends."""
        try:
            message = read(content, FROM_SHEET)
        except MalformedError as bad:
            self._log.refuse(f"page: {bad}")
            return
        kind, page = message["type"], message["page_id"]
        if not self._gate.allows(kind, time.monotonic()):
            self._log.refuse(f"page: too many {kind}")
        elif kind == "need":
            chunk = requested(message["name"], message["hash"])
            if chunk is not None:
                self._send(chunk.message(), [chunk.data])
        elif kind == "hello":
            if self._document is None:
                self._note_change()
            else:
                self._send_json(page, self._document, patch=False)
        elif kind == "sheet-pictures":
            for name in message["names"]:
                self._later(partial(self._send_picture, page, name))
        elif kind != "pagehide":
            self._later(partial(self._do, message))

    def close(self) -> None:
        """Ends on the background loop; may be called twice."""
        self._is_closed = True
        self._unsubscribe()
        for task in (self._publisher, self._worker):
            if task is not None:
                task.cancel()

    # --- changes --------------------------------------------------------------------------------

    def _note_change(self) -> None:
        self._is_stale = True
        if self._publisher is None and not self._is_closed:
            self._publisher = asyncio.ensure_future(self._publish())

    async def _publish(self) -> None:
        """Sends what has changed, until nothing has."""
        try:
            while self._is_stale:
                self._is_stale = False
                self._noted.clear()
                await self._publish_once()
                await asyncio.sleep(INTERVAL_S)
        finally:
            self._publisher = None

    async def _publish_once(self) -> None:
        try:
            document = await asyncio.to_thread(self._source.document)
        except Exception as error:
            self._log.crash("The sheet could not be described", error)
            return
        document = {**document, "said": self._said or document.get("said", "")}
        before, self._document = self._document, document
        if before is None:
            self._send_json(None, document, patch=False)
        elif patch := changes(before, document):
            self._send_json(None, patch, patch=True)

    def _send_json(self, page: str | None, values: Mapping[str, Any], *, patch: bool) -> None:
        data = json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
        self._number += 1
        for at in range(0, len(data), PIECE):
            message = sheet(page, self._number, at, len(data), patch=patch)
            self._send(message, [data[at : at + PIECE]])

    # --- requests -------------------------------------------------------------------------------

    def _later(self, job: Callable[[], Any]) -> None:
        """Runs a job on a thread after those that wait; drops it where too many do."""
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            self._log.refuse("page: too much at once")
            return
        if self._worker is None and not self._is_closed:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        try:
            while not self._waiting.empty():
                job = self._waiting.get_nowait()
                try:
                    after = await asyncio.to_thread(job)
                except DecartError as error:
                    self._say(f"{error.message} {error.remedy}".strip())
                except Exception as error:
                    self._log.crash("What a page asked for failed", error)
                    self._say("That failed by a defect of decart_widget; the kernel's log has it.")
                else:
                    if after is not None:
                        after()
        finally:
            self._worker = None

    def _say(self, text: str) -> None:
        self._said = text
        self._note_change()

    def _do(self, message: Mapping[str, Any]) -> Callable[[], None] | None:
        """Does what a page asks for, on a thread; returns what is to be done on the loop."""
        source, kind = self._source, message["type"]
        said: str | None = None
        if kind == "sweep-start":
            source.start(message["cells"])
        elif kind == "sweep-stop":
            source.stop()
        elif kind == "sweep-cancel":
            source.cancel()
        elif kind == "sweep-retry":
            source.retry(message["key"])
        elif kind == "sheet-star":
            source.star(message["key"], on=message["on"])
        elif kind == "sheet-live":
            said = source.use_live(message["key"])
        elif kind == "sheet-save":
            said = source.save()
        elif kind == "sheet-compare":
            source.compare(message["key"], message["against"], message["score"])
        elif kind == "sheet-rank":
            source.rank(message["answer"], message["number"])
        return partial(self._say, said or "")

    def _send_picture(self, page: str, name: str) -> Callable[[], None]:
        """Gets a picture, on a thread; returns what sends it."""
        data = self._source.picture(name) or b""

        def send() -> None:
            for at in range(0, max(1, len(data)), PIECE):
                piece = data[at : at + PIECE]
                self._send(sheet_picture(page, name, at, len(data)), [piece] if piece else None)

        return send
