"""The service's image endpoint, and its batch endpoint for whole clips."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from decart_widget.errors import (
    ConnectTimeoutError,
    InvalidOptionError,
    ProtocolError,
    RequestRejectedError,
    ServiceError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.models import unknown_model
from decart_widget.protocol.retry import service_error
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import MAX_ANSWER_BYTES, download, exchange, upload

IMAGE_MODEL: Final = "lucy-image-2"
"""The model that transforms one picture (source: the service's public clients)."""

RESOLUTIONS: Final = ("480p", "720p")
"""Sizes of a picture that the image endpoint makes."""

LONGEST_PROMPT: Final = 1000
"""Characters of a prompt of either endpoint (source: the service's public clients)."""

MAX_SEED: Final = 2**32 - 1
"""The largest seed."""

LARGEST_PICTURE: Final = 32_000_000
"""Bytes of a picture that is accepted."""

LARGEST_CLIP: Final = 512_000_000
"""Bytes of a clip that is accepted."""

PICTURE_TIMEOUT_S: Final = 60.0
"""Seconds that a picture may take."""

UPLOAD_TIMEOUT_S: Final = 120.0
"""Seconds that it may take to send or to receive a clip."""

FIRST_POLL_S: Final = 0.5
"""Seconds until a job is asked for its status first (source: the service's public clients)."""

POLL_S: Final = 1.5
"""Seconds until it is asked again (source: likewise)."""

ANSWER_TIMEOUT_S: Final = 20.0
"""Seconds for the answer about a status."""

JOB_FAILED: Final = "job-failed"
"""Code of the error of a job that failed, which isn't billed."""

LOST_POLLS: Final = 5
"""Times in a row that the question may fail before the job is given up: it runs on, and is billed,
whatever happens to the network."""

_JOB_ID: Final = re.compile(r"[\w.\-]{1,200}")
"""An id as part of a URL."""

_REFUSED: Final = re.compile(r"HTTP (?:400|413|422): (.{1,300})", re.DOTALL)
"""An error about the request, not about service or account."""


@dataclass(frozen=True)
class Request:
    """What is asked of either endpoint.

    Attributes:
        data: The file of the picture, or of the clip.
        prompt: The text; empty only where there is a reference image.
        enrich: Whether the service may elaborate the prompt.
        reference: The file of a reference image; None: none.
        seed: 0 to ``MAX_SEED``: the same request with the same seed gives the same pictures. None:
            the service takes any.
        resolution: ``"480p"``, ``"720p"``; None for the service's own.
    """

    data: bytes
    prompt: str
    enrich: bool = True
    reference: bytes | None = None
    seed: int | None = None
    resolution: str | None = None

    def fields(self) -> dict[str, str]:
        """Returns the form's texts."""
        found = {"prompt": self.prompt, "enhance_prompt": json.dumps(self.enrich)}
        if self.seed is not None:
            found["seed"] = str(self.seed)
        if self.resolution is not None:
            found["resolution"] = self.resolution
        return found

    def files(self) -> dict[str, bytes]:
        """Returns the form's files."""
        found = {"data": self.data}
        if self.reference is not None:
            found["reference_image"] = self.reference
        return found


def check_seed(seed: object) -> None:
    """Checks a seed.

    Args:
        seed: What the caller passed; None is allowed.

    Raises:
        InvalidOptionError: It is no whole number from 0 to 2**32 - 1.
    """
    is_whole = isinstance(seed, int) and not isinstance(seed, bool)
    if seed is not None and not (is_whole and 0 <= int(str(seed)) <= MAX_SEED):
        raise InvalidOptionError(
            f"The seed is {seed!r}.", remedy=f"Give a whole number from 0 to {MAX_SEED}, or None."
        )


async def generate_image(
    request: Request,
    key: Secret,
    endpoint: Endpoint,
    *,
    model: str = IMAGE_MODEL,
    timeout: float = PICTURE_TIMEOUT_S,
) -> bytes:
    """Transforms one picture.

    Args:
        request: The picture and its prompt.
        key: A permanent key.
        endpoint: The service to ask.
        model: Name of an image model.
        timeout: Seconds for the whole request.

    Returns:
        The file of the picture (JPEG, PNG or WebP).

    Raises:
        RequestRejectedError: The service refused the prompt or the image; nothing is billed.
        AuthenticationError: The service refused the key.
        ServiceError: The service answered with another error.
        TransportError: The service can't be reached, or did not answer in time.
    """
    return await _refusable(
        upload(
            f"{endpoint.base_url}/v1/generate/{model}",
            key,
            request.fields(),
            request.files(),
            name=endpoint.name,
            timeout=timeout,
            largest=LARGEST_PICTURE,
            missing=unknown_model(model),
        )
    )


async def submit_job(request: Request, model: str, key: Secret, endpoint: Endpoint) -> str:
    """Hands in a clip to be transformed.

    Args:
        request: The clip and its prompt.
        model: Name of a realtime model; its batch form is used.
        key: A permanent key.
        endpoint: The service to ask.

    Returns:
        The job's id.

    Raises:
        RequestRejectedError: The service refused the prompt, the image or the clip.
        UnknownModelError: The service has no such model.
        ServiceError: The service answered with another error.
        TransportError: The service can't be reached, or did not answer in time.
    """
    content = await _refusable(
        upload(
            f"{endpoint.base_url}/v1/jobs/{model}",
            key,
            request.fields(),
            request.files(),
            name=endpoint.name,
            timeout=UPLOAD_TIMEOUT_S,
            largest=MAX_ANSWER_BYTES,
            missing=unknown_model(model),
        )
    )
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    job = answer.get("job_id") if isinstance(answer, dict) else None
    if not isinstance(job, str) or not _JOB_ID.fullmatch(job):
        raise ProtocolError("The service's answer to the job can't be read.")
    return job


async def finished_job(job: str, key: Secret, endpoint: Endpoint, *, timeout: float) -> bytes:
    """Waits until a job is done, and fetches its clip.

    Args:
        job: The job's id.
        key: The key with which it was handed in.
        endpoint: The service.
        timeout: Seconds until it must be done.

    Returns:
        The clip's file.

    Raises:
        RequestRejectedError: Moderation refused its prompt or image.
        ConnectTimeoutError: It isn't done in time.
        ServiceError: The job failed (code ``JOB_FAILED``), or the service answered with an error.
        TransportError: The service can't be reached.
    """
    loop = asyncio.get_running_loop()
    until, url, lost = loop.time() + timeout, f"{endpoint.base_url}/v1/jobs/{job}", 0
    gone = ServiceError("The service doesn't know the job any more.")
    await asyncio.sleep(FIRST_POLL_S)
    while True:
        status: object = None
        try:
            answer = await exchange(
                url, key, None, name=endpoint.name, timeout=ANSWER_TIMEOUT_S, missing=gone
            )
            status, lost = answer.get("status"), 0
        except ConnectionError:
            lost += 1
            if lost > LOST_POLLS:
                raise
        if status == "completed":
            break
        if status == "failed":
            reason = answer.get("error")
            text = reason if isinstance(reason, str) and reason else "no reason given"
            moderated = service_error(text)
            if isinstance(moderated, RequestRejectedError):
                raise moderated
            raise ServiceError(f"The job failed ({text[:200]}).", code=JOB_FAILED)
        if loop.time() > until:
            raise ConnectTimeoutError(
                f"The job is not done after {timeout:g} s.", remedy="Try a shorter clip."
            )
        await asyncio.sleep(POLL_S)
    return await download(
        f"{url}/content",
        key,
        name=endpoint.name,
        timeout=UPLOAD_TIMEOUT_S,
        largest=LARGEST_CLIP,
        missing=gone,
    )


async def _refusable(answering: Awaitable[bytes]) -> bytes:
    """Waits for an answer.

    Args:
        answering: The request.

    Returns:
        The answer.

    Raises:
        RequestRejectedError: The request itself was refused (HTTP 400, 413, 422).
        DecartError: As the request raises.
    """
    try:
        return await answering
    except ServiceError as error:
        found = _REFUSED.search(error.message) if type(error) is ServiceError else None
        if found is None:
            raise
        refused = RequestRejectedError(f"The service refused the request ({found[1]}).")
    raise refused
