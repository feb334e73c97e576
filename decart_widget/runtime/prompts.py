"""The requested prompt state (prompt, enrich, reference image), and when it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from decart_widget.diagnostics.log import Log
from decart_widget.errors import InvalidImageError, InvalidPromptError
from decart_widget.inputs.prompts import check_prompt
from decart_widget.inputs.reference_image import load_image
from decart_widget.models import RealtimeModel
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_values import media_trait
from decart_widget.session.session import Session

DEBOUNCE_S: Final = 0.3
"""Seconds after the last change of a prompt that is being typed until it is sent."""


def check_takes_image(model: RealtimeModel) -> None:
    """Checks that a model takes a reference image.

    Raises:
        InvalidImageError: The model takes none.
    """
    if not model.reference_image:
        raise InvalidImageError(
            f"{model.name} takes no reference image.",
            remedy='Choose another model, for instance "lucy-latest".',
        )


class SessionHolder(Protocol):
    """Provides the session to which prompts are submitted; implemented by ``SessionRunner``."""

    @property
    def is_active(self) -> bool:
        """Whether a session exists, or is being started."""

    @property
    def session(self) -> Session | None:
        """The current or last session; None while one is being started."""

    def show(self) -> None:
        """Updates the traits with the session's current state."""

    def show_now(self) -> None:
        """Publishes pending trait values, before an operation returns its result."""


class Prompts:
    """The requested prompt state of one widget; the session knows the applied one.

    Args:
        holder: Provides the session.
        settings: Returns the settings of the next session.
        publish: Sets traits at once; from any thread.
        show_image: Called with the requested image after each change.
        log: Receives rejected requests of pages.
        state: The initial prompt state.
        image_url: URL of a reference image that the next start downloads first.

    Attributes:
        state: The requested prompt state.
        refused: Called with each prompt state that failed, and why.
        is_typed: Whether the last one that was submitted was being typed.
    """

    def __init__(
        self,
        holder: SessionHolder,
        settings: Callable[[], Settings],
        publish: Callable[[dict[str, Any]], None],
        show_image: Callable[[ImageData | None], None],
        log: Log,
        state: PromptState,
        image_url: str | None = None,
    ) -> None:
        self.state = state
        self.refused: Callable[[PromptState, BaseException], None] = lambda _state, _error: None
        self.is_typed = False
        self._holder = holder
        self._settings = settings
        self._publish = publish
        self._show_image = show_image
        self._log = log
        self._image_url = image_url
        self._image_changed = False
        self._typing: asyncio.TimerHandle | None = None
        self._changes = 0
        """Number of the newest change."""
        self._changed_by: dict[str, int] = {}
        """The number of the change that last set each part of the prompt state."""

    @property
    def typing(self) -> bool:
        """Whether a changed prompt waits for the end of the debounce time."""
        return self._typing is not None

    # --- from the notebook --------------------------------------------------------------------

    def traits_for(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the trait values for changes; from any thread.

        Args:
            changes: As for ``set``.
        """
        traits: dict[str, Any] = {}
        if "prompt" in changes:
            traits["prompt"] = changes["prompt"] or ""
        if "enrich" in changes:
            traits["enrich"] = changes["enrich"]
        if "image" in changes:
            has_image = changes["image"] is not None
            traits["_media"] = media_trait(self._settings().model, has_image=has_image)
        return traits

    async def set(self, **changes: Any) -> str:
        """Changes parts of the prompt state and sends all of it at once.

        Args:
            **changes: Any of ``prompt``, ``enrich`` and ``image``, checked before.

        Returns:
            ``"applied"``, ``"superseded"`` or, without a session, ``"stored"``.

        Raises:
            RequestRejectedError: The service rejected it.
            AckTimeoutError: The service did not answer.
        """
        self._change(**changes)
        return await self._send()

    async def set_and_show(self, **changes: Any) -> str:
        """Does what ``set`` does, and publishes the changes as trait values first.

        Args:
            **changes: As for ``set``.

        Returns:
            As ``set`` does.

        Raises:
            RequestRejectedError: The service rejected it.
            AckTimeoutError: The service did not answer.
        """
        self._publish(self.traits_for(changes))
        return await self.set(**changes)

    async def set_with_url(self, url: str, **changes: Any) -> str:
        """Downloads an image, publishes the changes as trait values, and calls ``set``.

        What has been changed during the download keeps its newer value.

        Returns:
            As ``set`` does; ``"superseded"`` if all of it has been changed meanwhile.

        Raises:
            InvalidImageError: It can't be downloaded, or is no image; then nothing changes.
        """
        self._changes += 1
        number = self._changes
        changes["image"] = await asyncio.to_thread(load_image, url)
        current = {
            name: value for name, value in changes.items() if self._changed_by.get(name, 0) < number
        }
        if not current:
            return "superseded"
        self._publish(self.traits_for(current))
        # An observer of these traits may have changed them again; its change is queued behind this.
        self._change(number, **current)
        return await self._send()

    def typed(self, prompt: str, enrich: bool) -> None:
        """Handles a change of the traits by typing, which is sent after ``DEBOUNCE_S``."""
        wanted = prompt if prompt.strip() else None
        if (wanted, enrich) == (self.state.prompt, self.state.enrich):
            return
        if self._holder.is_active and wanted is None:
            return  # an emptied text box is no request for the untransformed picture
        self._change(prompt=wanted, enrich=enrich)
        self.stop_typing()
        if self._holder.is_active:
            self._typing = asyncio.get_running_loop().call_later(DEBOUNCE_S, self._pause_over)
            self._holder.show()

    # --- from pages ---------------------------------------------------------------------------

    def apply_from_page(self, prompt: str, enrich: bool) -> None:
        """Sends a prompt at once: Enter or Apply was pressed."""
        try:
            self._change(prompt=check_prompt(prompt), enrich=enrich)
        except InvalidPromptError as error:
            self._log.refuse(f"page: prompt not taken ({error.code})")
            return
        self.stop_typing()
        self._submit()

    async def apply_image(self, image: ImageData | None) -> None:
        """Requests a reference image and waits for the service's answer.

        Raises:
            InvalidImageError: The model takes no reference image.
            RequestRejectedError: The service rejected it.
            AckTimeoutError: The service did not answer.
        """
        if image is not None:
            check_takes_image(self._settings().model)
        await self.set_and_show(image=image)

    # --- for the session ----------------------------------------------------------------------

    async def download_image(self) -> None:
        """Downloads the image whose URL was passed to the widget's constructor.

        Raises:
            InvalidImageError: It can't be downloaded, or is no image.
        """
        url = self._image_url
        if url is not None:
            image = await asyncio.to_thread(load_image, url)
            if self._image_url is url:  # no other image has been requested meanwhile
                self._change(image=image)

    def session_made(self) -> None:
        """Notes that a new session sends the image with its first prompt state."""
        self._image_changed = False

    def stop_typing(self) -> None:
        """Cancels sending a prompt that is being typed."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    # --- inside -------------------------------------------------------------------------------

    async def _send(self) -> str:
        """Sends the prompt state at once and waits for the answer; see ``set``."""
        self.stop_typing()
        submitted = self._submit()
        if submitted is None:
            return "stored"
        outcome = await submitted
        self._holder.show_now()
        return outcome

    def _change(self, number: int | None = None, /, **changes: Any) -> None:
        """Changes parts of the prompt state; ``number`` is the change's, None for the newest."""
        if number is None:
            self._changes += 1
            number = self._changes
        self._changed_by.update(dict.fromkeys(changes, number))
        if "image" in changes:
            self._image_url = None
            self._image_changed |= changes["image"] != self.state.image
        self.state = replace(self.state, **changes)
        self._show_image(self.state.image)

    def _pause_over(self) -> None:
        self._typing = None
        self._submit(is_typed=True)

    def _submit(self, *, is_typed: bool = False) -> asyncio.Future[str] | None:
        session = self._holder.session
        if session is None or not self._holder.is_active:
            self._holder.show()
            return None
        with_image, self._image_changed = self._image_changed, False
        self.is_typed = is_typed
        asked = self.state
        outcome = session.submit(asked, with_image=with_image)
        outcome.add_done_callback(lambda done: self._answered(asked, done))
        if with_image:
            sent = self.state.image
            outcome.add_done_callback(lambda done: self._image_answered(session, sent, done))
        return outcome

    def _answered(self, asked: PromptState, outcome: asyncio.Future[str]) -> None:
        if not outcome.cancelled() and (error := outcome.exception()) is not None:
            self.refused(asked, error)

    def _image_answered(
        self, session: Session, sent: ImageData | None, outcome: asyncio.Future[str]
    ) -> None:
        """Reverts a rejected image, so that neither requests nor pages show it any more."""
        applied = session.machine.applied
        if outcome.cancelled() or outcome.exception() is None or applied is None:
            return
        if self.state.image == sent:
            self.state = replace(self.state, image=applied.image)
            self._publish(self.traits_for({"image": applied.image}))
            self._show_image(applied.image)
