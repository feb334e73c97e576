"""The work of a preview: a few requests at once, on the background loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from decart_widget.errors import (
    BudgetSpentError,
    DecartError,
    ProtocolError,
    RequestRejectedError,
    ServiceError,
    internal_error,
)
from decart_widget.explore.screening.screened import THUMBNAIL_PX, Screened
from decart_widget.protocol.retry import is_permanent
from decart_widget.session.background import Background, Operation
from decart_widget.session.generate import Request, generate_image

if TYPE_CHECKING:
    from decart_widget.inputs.secrets import Secret
    from decart_widget.runtime.destination import Destination
    from decart_widget.session.endpoints import Endpoint

LONGEST_SIDE_PX: Final = 1280
"""Longer side at which a picture is scored."""


class ScreeningRun:
    """Asks for the pictures of a preview.

    Args:
        prompts: The texts.
        data: The file of the still.
        reference: The file of the reference image, or None.
        enrich: Whether the service may elaborate the prompts.
        resolution: Of the pictures.
        seed: Of each request.
        price: US dollars for a picture; None where it isn't known.
        at_once: Requests at once.
        most: Requests that the budget pays for; None for no limit.
        destination: Where they go, and with which key.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        data: bytes,
        *,
        reference: bytes | None,
        enrich: bool,
        resolution: str,
        seed: int | None,
        price: float | None,
        at_once: int,
        most: int | None,
        destination: Destination,
    ) -> None:
        self._request = Request(data, "", enrich, reference, seed, resolution)
        self._price = price
        self._at_once = at_once
        self._left = most
        self._destination = destination
        self._lock = threading.Lock()
        self._results = [Screened(number, prompt) for number, prompt in enumerate(prompts)]
        self._is_stopping = False
        self._operation: Operation[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether requests are on their way."""
        return self._operation is not None and not self._operation.done()

    @property
    def has_started(self) -> bool:
        """Whether it was ever started."""
        return self._operation is not None

    @property
    def cost(self) -> float | None:
        """US dollars for the pictures so far."""
        if self._price is None:
            return None
        return round(self._price * sum(each.picture is not None for each in self.results()), 6)

    def results(self) -> tuple[Screened, ...]:
        """One for each prompt."""
        with self._lock:
            return tuple(self._results)

    def start(self) -> None:
        """Asks for the pictures that are missing; nothing happens while it runs."""
        if not self.is_running:
            self._is_stopping = False
            self._operation = Background.get().start(self._run(), "preview")

    def stop(self) -> None:
        """Begins no further request."""
        self._is_stopping = True

    def wait(self, timeout: float | None) -> None:
        """Waits until no request is on its way.

        Args:
            timeout: Seconds; None for no limit.

        Raises:
            TimeoutError: It goes on.
            DecartError: No request was possible.
        """
        if self._operation is not None:
            self._operation.result(timeout)

    async def _run(self) -> None:
        """Asks for the missing pictures.

        Raises:
            DecartError: An error about service or account, which holds for each of them.
        """
        endpoint, key = await self._destination.open()
        waiting = [each.number for each in self.results() if not each.is_over]
        waiting.reverse()
        fatal: list[DecartError] = []

        async def work() -> None:
            while waiting and not self._is_stopping and not fatal:
                error = await self._ask(waiting.pop(), key, endpoint)
                if error is not None and is_permanent(error):
                    fatal.append(error)

        await asyncio.gather(*(work() for _ in range(min(self._at_once, len(waiting)))))
        if fatal:
            raise fatal[0]

    async def _ask(self, number: int, key: Secret, endpoint: Endpoint) -> DecartError | None:
        """Asks for one picture; returns the error that there was."""
        former = self._results[number]
        if self._left is not None and self._left < 1:
            spent = BudgetSpentError("The budget is used up.", remedy="Make a new preview.")
            self._keep(replace(former, error=spent))
            return None
        if self._left is not None:
            self._left -= 1
        try:
            picture = await generate_image(
                replace(self._request, prompt=former.prompt), key, endpoint
            )
        except DecartError as error:
            kept = error.bare()
            # What got no answer may have been billed all the same.
            if self._left is not None and isinstance(error, ServiceError):
                self._left += 1
            self._keep(
                replace(former, error=kept, is_refused=isinstance(error, RequestRejectedError))
            )
            return kept
        except Exception as error:  # a mistake of ours must not lose the other pictures
            kept = internal_error(error)
            self._keep(replace(former, error=kept))
            return kept
        found = replace(former, picture=picture, error=None)
        self._keep(await asyncio.to_thread(_looked_at, found, self._request.data))
        return None

    def _keep(self, found: Screened) -> None:
        with self._lock:
            self._results[found.number] = found


def _looked_at(found: Screened, still: bytes) -> Screened:
    """Returns a result with scores and a thumbnail; without them if it can't be decoded."""
    import cv2

    from decart_widget.explore.scores.scoring import score_all
    from decart_widget.inputs.image_files import rgb_array
    from decart_widget.inputs.image_header import PictureError

    assert found.picture is not None
    try:
        shown = rgb_array(found.picture, LONGEST_SIDE_PX)
        sent = rgb_array(still, LONGEST_SIDE_PX)
    except PictureError as error:
        return replace(found, error=ProtocolError(f"The picture of the service {error}."))
    scores, _ = score_all([shown], [sent], [0.0])
    height, width = shown.shape[:2]
    scale = min(1.0, THUMBNAIL_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    _, file = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return replace(found, scores=scores, thumbnail=file.tobytes())
