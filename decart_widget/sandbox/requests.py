"""Prompts and images of one session: applied in their order, each acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.inputs.decoder_thread import decode
from decart_widget.sandbox import images

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.generation import Send

LONGEST_PROMPT: Final = 10_000
"""Characters; longer prompts are refused."""

WAITING_LIMIT: Final = 32
"""Requests that may wait while one is applied."""


START_LIMIT_S: Final = 6.0
"""Seconds that an acknowledgement waits for ``start`` of a user's model; it goes on afterwards. A
client's time-out for a whole connection is 15 s."""

LONGEST_REASON: Final = 200
"""Characters of what ``start`` raised that a client is told."""


class RefusalError(Exception):
    """A request is refused; the text is the reason that the acknowledgement contains."""


class Requests:
    """Applies ``prompt`` and ``set_image`` messages to an effect state, in their order.

    Args:
        effect_state: The state that they change.
        send: Sends one message: the type, and the other fields as keywords.
        faults: Returns the faults for the next request.
        begin: Has a user's model start the state, and returns the end of that; None: nothing to do.
        note: Called with the state that was asked for, and why it was refused; None: it was not.
    """

    def __init__(
        self,
        effect_state: EffectState,
        send: Send,
        faults: Callable[[], Faults],
        begin: Callable[[EffectState], Future[None] | None] = lambda _effect_state: None,
        note: Callable[[dict[str, Any], str | None], None] = lambda _asked, _refused: None,
    ) -> None:
        self._effect_state = effect_state
        self._send = send
        self._faults = faults
        self._begin = begin
        self._note = note
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING_LIMIT)

    async def add(self, message: dict[str, Any]) -> None:
        """Queue a request; it is refused at once when too many are waiting."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            await self._acknowledge(message, "Too many requests at once")

    async def run(self) -> None:
        """Apply the queued requests, until cancelled."""
        while True:
            message = await self._waiting.get()
            faults = self._faults()
            state = self._effect_state
            former, former_enrich = state.wanted, state.enrich
            try:
                if message["type"] == "prompt":
                    self._apply_prompt(message, faults)
                else:
                    await self._apply_image(message, faults)
                refused = await self._started()
                if refused is not None:
                    state.set(former.prompt, enrich=former_enrich, image=former.image)
            except RefusalError as refusal:
                refused = str(refusal)
            asked = {
                "prompt": message.get("prompt"),
                "enrich": _enrich(message),
                "image": message.get("image_data") is not None,
            }
            self._note(asked, refused)
            await asyncio.sleep(faults.ack_delay_s)
            if not faults.no_ack:
                await self._acknowledge(message, refused)

    async def _started(self) -> str | None:
        """Waits until a user's model has started the state, for `START_LIMIT_S`.

        Returns:
            Why it can't be; None where it is, or will be later.
        """
        starting = self._begin(self._effect_state)
        if starting is None or (starting.done() and starting.exception() is None):
            return None
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        starting.add_done_callback(lambda _ended: _set_on(loop, done))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT_S):
                await done.wait()
        error = starting.exception() if starting.done() else None
        if error is None:
            return None
        text = shorten(f"{type(error).__name__}: {error}", LONGEST_REASON).rstrip(": ")
        return f"The model's start() raised {text}"

    async def _acknowledge(self, message: dict[str, Any], error: str | None) -> None:
        fields = {"success": error is None, "error": error}
        if message["type"] == "prompt":
            await self._send("prompt_ack", prompt=message.get("prompt"), **fields)
        else:
            await self._send("set_image_ack", **fields)

    def _apply_prompt(self, message: dict[str, Any], faults: Faults) -> None:
        prompt = _prompt(message.get("prompt"), faults)
        if prompt is None:
            raise RefusalError("The prompt is empty")
        if faults.refuse_prompts is not None:
            raise RefusalError(faults.refuse_prompts)
        self._effect_state.set(prompt, enrich=_enrich(message), image=self._effect_state.image)

    async def _apply_image(self, message: dict[str, Any], faults: Faults) -> None:
        if message.get("image_ref") is not None:
            raise RefusalError("image_ref: this server keeps no files; send image_data")
        prompt = _prompt(message.get("prompt"), faults)
        data = message.get("image_data")
        if data is None:
            self._effect_state.set(prompt, enrich=_enrich(message), image=None)
            return
        if faults.refuse_images is not None:
            raise RefusalError(faults.refuse_images)
        try:
            image = await decode(images.decode, data)
        except images.ImageError as error:
            raise RefusalError(str(error)) from error
        if prompt is None:
            self._effect_state.set(
                self._effect_state.prompt, enrich=self._effect_state.enrich, image=image
            )
        else:
            self._effect_state.set(prompt, enrich=_enrich(message), image=image)


def _set_on(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(event.set)


def _prompt(value: object, faults: Faults) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusalError("The prompt must be text")
    if len(value) > LONGEST_PROMPT:
        raise RefusalError(f"The prompt is longer than {LONGEST_PROMPT} characters")
    word = faults.moderated_word
    if word is not None and re.search(rf"\b{re.escape(word)}\b", value, re.IGNORECASE):
        raise RefusalError("Content moderation refused this prompt")
    return value if value.strip() else None


def _enrich(message: dict[str, Any]) -> bool:
    return message.get("enhance_prompt", True) is not False
