"""What a widget's session showed: feeds the looks, tells pages of them, and keeps the record.

Used on the background loop.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError, RequestRejectedError
from decart_widget.inputs.schedules import MAX_CHANGES, Change
from decart_widget.page import messages
from decart_widget.page.messages import Send
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState
from decart_widget.runtime.looks import MAX_THUMBNAIL, Looks, image_key
from decart_widget.runtime.prompts import Prompts
from decart_widget.session.session import Session

DRAFT_S: Final = 1.0
"""A prompt that was replaced sooner while it was being typed leaves no card: half a word is no idea
that somebody wants to come back to."""

MAX_IMAGES: Final = 9
"""Reference images of earlier looks that are kept, so that these can be switched to."""

JPEG: Final = b"\xff\xd8\xff"
"""How a JPEG file begins."""


class Deck:
    """The looks of one widget, and its pages.

    Args:
        looks: Where they are kept.
        send: Sends a message to the widget's pages.
        publish: Publishes trait values, coalesced.
        prompts: Applies the prompt state of a look.
        log: Receives what is refused.
        saves_thumbnails: Returns whether thumbnails are put into a trait, and so into notebooks.
        sweep: Called when a page asks for a sweep of the template.
    """

    def __init__(
        self,
        looks: Looks,
        send: Send,
        publish: Callable[[dict[str, Any]], None],
        prompts: Prompts,
        log: Log,
        saves_thumbnails: Callable[[], bool],
        sweep: Callable[[], None],
    ) -> None:
        self.looks = looks
        self._send = send
        self._publish = publish
        self._prompts = prompts
        self._log = log
        self._saves_thumbnails = saves_thumbnails
        self._sweep = sweep
        self._session: Session | None = None
        self._applied: PromptState | None = None
        self._applied_at = 0.0  # monotonic
        self._was_typed = False
        self._began_at: float | None = None  # the session's first frame, monotonic
        self._billed_s = 0.0
        self._changes: list[Change] = []
        self._images: OrderedDict[str, ImageData] = OrderedDict()
        self._switching: set[asyncio.Task[None]] = set()
        prompts.refused = self._refused

    # --- from the session ---------------------------------------------------------------------

    def session_changed(self, session: Session) -> None:
        """Notes what is applied and billed; called after each change of a session."""
        if session is not self._session:
            self._session, self._applied, self._began_at = session, None, None
            self._billed_s = 0.0
        machine = session.machine
        now = time.monotonic()
        if machine.generation_tick > self._billed_s:
            self.looks.bill(machine.generation_tick - self._billed_s)
            self._billed_s = machine.generation_tick
        if machine.state is ConnectionState.GENERATING and self._began_at is None:
            self._began_at = now
            self._changes = [] if self._applied is None else [_change(0.0, self._applied)]
        if machine.state not in ACTIVE_STATES:
            if self._applied is None and isinstance(session.error, RequestRejectedError):
                self._applied = self._prompts.state  # so that it is noted once
                self._refused(self._applied, session.error)
            if self.looks.live is not None:
                self.looks.live = None
                self.show()
            return
        if machine.applied is not None and machine.applied != self._applied:
            self._note_applied(session, machine.applied, now)

    def _note_applied(self, session: Session, applied: PromptState, now: float) -> None:
        ago_s = session.applied_in or 0.0
        first, before, lived_s = self._applied is None, self.looks.live, now - self._applied_at
        replaces_draft = self._was_typed and lived_s < DRAFT_S and before is not None
        self._applied, self._applied_at = applied, now
        self._was_typed = self._prompts.is_typed
        image = image_key(applied.image)
        if image is not None and applied.image is not None:
            self._images[image] = applied.image
            self._images.move_to_end(image)
            while len(self._images) > MAX_IMAGES:
                self._images.popitem(last=False)
        look = self.looks.applied(applied, session.config.model.name, time.time() - ago_s)
        if replaces_draft and before is not None and before != look.number:
            draft = self.looks.get(before)
            if draft is not None and draft.uses == 1 and not draft.is_marked:
                self.looks.drop(before)
        if self._began_at is not None and len(self._changes) < MAX_CHANGES:
            at_s = max(0.0, now - ago_s - self._began_at)
            self._changes.append(_change(at_s, applied))
        self.show()
        asked_ms = round(1000 * (time.time() - ago_s), 1)
        ago = None if first else round(ago_s, 4)
        self._send(messages.look(look.number, look.uses, ago, asked_ms))

    def _refused(self, state: PromptState, error: BaseException) -> None:
        if isinstance(error, RequestRejectedError) and self._session is not None:
            model = self._session.config.model.name
            reason = error.message
            self.looks.refused(state, model, time.time(), reason=reason, code=error.code)
            self.show()

    # --- from pages (page.events.DeckHandler) --------------------------------------------------

    def seen(self, message: Mapping[str, Any]) -> None:
        """An ``effect`` message: what the owner's page saw of a look, with its thumbnail."""
        data = message.get("data")
        if data is not None and not (len(data) <= MAX_THUMBNAIL and data.startswith(JPEG)):
            self._log.refuse("page: a thumbnail that is none")
            return
        number = message["number"]
        if not self.looks.effect(number, message["seconds"], message["changed"], data):
            self._log.refuse("page: effect of a look that is gone")
            return
        if data is not None:
            self._send(messages.thumbnails([(number, len(data))]), [data])
        self.show()

    def marked(self, message: Mapping[str, Any]) -> None:
        """A ``mark`` message: a look was starred or pinned."""
        if self.looks.mark(message["number"], star=message["star"], pin=message["pin"]):
            self.show()
        else:
            self._log.refuse("page: mark of a look that can have none")

    def switched(self, number: int) -> None:
        """A ``switch`` message: applies a look again."""
        look = self.looks.get(number)
        if look is None or look.status == "refused":
            self._log.refuse("page: switch to a look that can't be applied")
            return
        changes: dict[str, Any] = {"prompt": look.prompt, "enrich": look.enrich}
        image = None if look.image is None else self._images.get(look.image)
        if look.image is None or image is not None:
            changes["image"] = image
        task = asyncio.ensure_future(self._switch(changes))
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)

    async def _switch(self, changes: dict[str, Any]) -> None:
        try:
            await self._prompts.set_and_show(**changes)
        except DecartError as error:
            self._log.add("info", "a switch was not applied", code=error.code)

    def sweep_wanted(self) -> None:
        """A ``sweep`` message: the plan of a sweep is asked for."""
        self._sweep()

    def thumbnails_wanted(self) -> None:
        """A ``thumbnails`` message: sends all of them again, which a new view lacks."""
        kept = self.looks.thumbnails()
        if kept:
            sizes = [(number, len(data)) for number, data in kept.items()]
            self._send(messages.thumbnails(sizes), [b"".join(kept.values())])

    # --- what is shown ------------------------------------------------------------------------

    def show(self) -> None:
        """Publishes the looks."""
        thumbnails = {}
        if self._saves_thumbnails():
            thumbnails = {
                str(number): base64.b64encode(data).decode("ascii")
                for number, data in self.looks.thumbnails().items()
            }
        self._publish(
            {
                "_looks": self.looks.records(),
                "_live": self.looks.live,
                "_thumbnails": thumbnails,
            }
        )

    @property
    def record(self) -> list[Change]:
        """The changes of the running or last session, from its first frame on; from any thread."""
        return list(self._changes)


def _change(at_s: float, state: PromptState) -> Change:
    return Change(round(at_s, 3), state.prompt, state.enrich)
