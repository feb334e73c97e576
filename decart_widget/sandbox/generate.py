"""What the image and the batch endpoint share: their forms, and the effect on one picture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from av.video.frame import VideoFrame

from decart_widget.inputs.image_files import rgb_array
from decart_widget.inputs.image_header import SERVICE_FORMATS, PictureError
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.http import HttpResponse
from decart_widget.sandbox.images import LARGEST_BYTES, LONGEST_SIDE_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.faults import Faults

LONGEST_PROMPT: Final = 1000
"""Characters of a prompt (source: the service's public clients)."""

MAX_SEED: Final = 2**32 - 1
"""The largest seed."""

HEIGHTS: Final[Mapping[str, int]] = {"480p": 480, "720p": 720}
"""Shorter side in pixels by the name of a resolution."""


class RefusedError(Exception):
    """A request is refused.

    Args:
        status: Of the response.
        reason: Why, for the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    def response(self) -> HttpResponse:
        """The response that refuses the request."""
        return HttpResponse(self.status, json.dumps({"error": str(self)}))


@dataclass(frozen=True)
class Wish:
    """What a form asks for.

    Attributes:
        data: The file of the picture or clip.
        prompt: The text; empty: none.
        enrich: Whether near words select an effect too.
        reference: The file of the reference image; None: none.
        seed: The seed; None: the server may take any. The effects need none.
        resolution: ``"480p"`` or ``"720p"``.
    """

    data: bytes
    prompt: str
    enrich: bool
    reference: bytes | None
    seed: int | None
    resolution: str


def read_wish(form: Mapping[str, bytes], faults: Faults, *, resolution: str) -> Wish:
    """Checks a form.

    Args:
        form: Its fields.
        faults: What goes wrong; prompts and images are refused as in sessions.
        resolution: That is taken where the form names none.

    Returns:
        What it asks for.

    Raises:
        RefusedError: A field is missing or wrong, or is refused.
    """
    if faults.credits_s == 0:
        raise RefusedError(402, "Insufficient credits")
    data = form.get("data", b"")
    if not data:
        raise RefusedError(422, "data: a file is required")
    prompt = _text(form, "prompt") or ""
    if len(prompt) > LONGEST_PROMPT:
        raise RefusedError(422, f"prompt: at most {LONGEST_PROMPT} characters")
    word = faults.moderated_word
    if word is not None and re.search(rf"\b{re.escape(word)}\b", prompt, re.IGNORECASE):
        raise RefusedError(400, "Content moderation refused this prompt")
    if faults.refuse_prompts is not None:
        raise RefusedError(400, faults.refuse_prompts)
    reference = form.get("reference_image") or None
    if reference is not None and faults.refuse_images is not None:
        raise RefusedError(400, faults.refuse_images)
    wanted = _text(form, "resolution") or resolution
    if wanted not in HEIGHTS:
        raise RefusedError(422, f"resolution: one of {', '.join(HEIGHTS)}")
    seed = _text(form, "seed")
    if seed is not None and not (re.fullmatch(r"[0-9]{1,10}", seed) and int(seed) <= MAX_SEED):
        raise RefusedError(422, f"seed: a whole number from 0 to {MAX_SEED}")
    enhance = (_text(form, "enhance_prompt") or "true").lower()
    if enhance not in ("true", "false"):
        raise RefusedError(422, "enhance_prompt: true or false")
    return Wish(
        data, prompt, enhance == "true", reference, None if seed is None else int(seed), wanted
    )


def effect_state(wish: Wish) -> EffectState:
    """Returns the state of prompt and image that a form asks for; it decodes the image.

    Args:
        wish: The form.

    Raises:
        RefusedError: The reference image can't be read.
    """
    image = None if wish.reference is None else picture(wish.reference, "reference_image")
    state = EffectState()
    state.set(wish.prompt if wish.prompt.strip() else None, enrich=wish.enrich, image=image)
    return state


def picture(encoded: bytes, name: str) -> NDArray[np.uint8]:
    """Decodes the picture of a form.

    Args:
        encoded: A JPEG, PNG or WebP file.
        name: Of the field.

    Returns:
        (height, width, 3) uint8 RGB, at most 1280 pixels on a side.

    Raises:
        RefusedError: It can't be read, or is too large.
    """
    if len(encoded) > LARGEST_BYTES:
        raise RefusedError(413, f"{name}: the image is over 10 MB")
    try:
        return rgb_array(encoded, LONGEST_SIDE_PX, SERVICE_FORMATS)
    except PictureError as error:
        raise RefusedError(422, f"{name}: the image {error}") from None


def transformed_still(wish: Wish, renderer: Callable[[], Renderer]) -> bytes:
    """The effect on one picture; it takes a while, so call it on a worker thread.

    Args:
        wish: What is asked for.
        renderer: Returns what transforms frames.

    Returns:
        A JPEG file.

    Raises:
        RefusedError: A picture can't be read.
    """
    rgb = picture(wish.data, "data")
    scale = HEIGHTS[wish.resolution] / min(rgb.shape[:2])
    height, width = (max(2, round(side * scale / 2) * 2) for side in rgb.shape[:2])
    if max(height, width) > 4 * LONGEST_SIDE_PX:
        raise RefusedError(422, "data: the picture is too long")
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    sized = np.asarray(cv2.resize(rgb, (width, height), interpolation=how), np.uint8)
    frame = VideoFrame.from_ndarray(sized, format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    painted = renderer()(frame, effect_state(wish)).to_ndarray(format="bgr24")
    is_encoded, file = cv2.imencode(".jpg", painted, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not is_encoded:
        raise RefusedError(500, "The picture could not be encoded")
    return file.tobytes()


def _text(form: Mapping[str, bytes], name: str) -> str | None:
    """A field as text; None where it is missing.

    Raises:
        RefusedError: It is no text.
    """
    value = form.get(name)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        raise RefusedError(422, f"{name}: must be text") from None
