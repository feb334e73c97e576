"""The image and the batch endpoint of the local server.

A picture is answered at once. A job is answered with its id, runs on a worker thread, one at a
time, and is polled; its result is kept for a while.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import av

from decart_widget.diagnostics.redaction import shorten
from decart_widget.models import MODELS, RealtimeModel
from decart_widget.prices import batch_price, image_price
from decart_widget.sandbox.daemon_executor import DaemonExecutor
from decart_widget.sandbox.generate import (
    RefusedError,
    Wish,
    effect_state,
    read_wish,
    transformed_still,
)
from decart_widget.sandbox.http import (
    LARGEST_BODY,
    LARGEST_UPLOAD,
    HttpRequest,
    HttpResponse,
)
from decart_widget.sandbox.multipart import FormError, read_form

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.ledger import Ledger
    from decart_widget.sandbox.tokens import Keyring

IMAGE_PATH: Final = "/v1/generate/"
"""Where one picture is transformed; the model's name follows. The service's path."""

JOBS_PATH: Final = "/v1/jobs/"
"""Where clips are transformed; a model's name, or a job's id, follows. The service's path."""

IMAGE_MODELS: Final = frozenset({"lucy-image-2", "lucy-image-latest"})
"""Models that transform one picture (source: the service's public clients)."""

JOBS_KEPT: Final = 50
"""Jobs whose results are kept; the oldest is forgotten."""

JOBS_WAITING: Final = 20
"""Jobs that may wait or run; one more is refused."""

LONGEST_CLIP_S: Final = 60.0
"""Seconds of a clip; the rest is refused, as each second takes a processor's."""


@dataclass
class Job:
    """A clip that is transformed.

    Attributes:
        id: Random.
        model: Name of the model.
        status: ``"pending"``, ``"processing"``, ``"completed"`` or ``"failed"``.
        content: The MP4 file, when it is completed.
        error: Why it failed.
    """

    model: str
    id: str = field(default_factory=lambda: f"job_{uuid.uuid4().hex}")
    status: str = "pending"
    content: bytes = b""
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The answer to a question for its status."""
        answer = {"job_id": self.id, "status": self.status}
        return {**answer, "error": self.error} if self.error else answer


class GenerateApi:
    """Answers the requests of the image and the batch endpoint.

    Args:
        keyring: Decides which keys are valid.
        renderer: Returns what transforms frames.
        faults: Returns the faults that are set at the moment.
        ledger: Where what is billed is noted.
    """

    def __init__(
        self,
        keyring: Keyring,
        renderer: Callable[[], Renderer],
        *,
        faults: Callable[[], Faults],
        ledger: Ledger,
    ) -> None:
        self._keyring = keyring
        self._renderer = renderer
        self._faults = faults
        self._ledger = ledger
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        # Beside the one for frames of sessions, whose pictures must not wait for a clip.
        self._executor = DaemonExecutor(1, "decart-sandbox-job")

    @staticmethod
    def largest_body(head: HttpRequest) -> int:
        """Bytes that the body of a request may have."""
        is_upload = urlsplit(head.path).path.startswith((IMAGE_PATH, JOBS_PATH))
        return LARGEST_UPLOAD if is_upload else LARGEST_BODY

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse] | None:
        """The response to a request; None where it is for neither endpoint."""
        path = urlsplit(request.path).path
        if not path.startswith((IMAGE_PATH, JOBS_PATH)):
            return None
        try:
            if self._faults().refuse_key or not self._keyring.is_permanent(
                request.headers.get("x-api-key", "")
            ):
                raise RefusedError(401, "Invalid API key")
            if path.startswith(IMAGE_PATH):
                return self._image(request, path.removeprefix(IMAGE_PATH))
            if request.method == "POST":
                return self._submit(request, path.removeprefix(JOBS_PATH))
            if request.method == "GET":
                return self._show(path.removeprefix(JOBS_PATH))
            raise RefusedError(405, "Use GET or POST")
        except RefusedError as refused:
            return refused.response()

    def close(self) -> None:
        """End the work on jobs."""
        for task in self._tasks:
            task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _wish(self, request: HttpRequest, resolution: str) -> Wish:
        try:
            form = read_form(request.headers.get("content-type", ""), request.body)
        except FormError as error:
            raise RefusedError(422, str(error)) from None
        return read_wish(form, self._faults(), resolution=resolution)

    def _image(self, request: HttpRequest, model: str) -> Awaitable[HttpResponse]:
        if request.method != "POST":
            raise RefusedError(405, "Use POST")
        if model not in IMAGE_MODELS:
            raise RefusedError(404, f"Unknown model {model[:80]}")
        wish = self._wish(request, "720p")
        if not wish.prompt.strip():
            raise RefusedError(422, "prompt: a text is required")

        async def answer() -> HttpResponse:
            loop = asyncio.get_running_loop()
            try:
                file = await loop.run_in_executor(
                    self._executor, transformed_still, wish, self._renderer
                )
            except RefusedError as refused:
                return refused.response()
            self._ledger.add(
                {
                    "kind": "image",
                    "model": model,
                    "prompt": wish.prompt,
                    "resolution": wish.resolution,
                    "seed": wish.seed,
                    "cost": image_price(wish.resolution),
                }
            )
            return HttpResponse(200, file, content_type="image/jpeg")

        return answer()

    def _submit(self, request: HttpRequest, name: str) -> HttpResponse:
        model = MODELS.get(name)
        if model is None:
            raise RefusedError(404, f"Unknown model {name[:80]}")
        if sum(job.status in ("pending", "processing") for job in self._jobs.values()) >= (
            JOBS_WAITING
        ):
            raise RefusedError(429, "Too many jobs at once")
        wish = self._wish(request, "720p")
        job = Job(name)
        self._jobs[job.id] = job
        while len(self._jobs) > JOBS_KEPT:
            self._jobs.popitem(last=False)
        task = asyncio.get_running_loop().create_task(self._run(job, wish, model))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return HttpResponse(200, json.dumps(job.as_json()))

    async def _run(self, job: Job, wish: Wish, model: RealtimeModel) -> None:
        loop = asyncio.get_running_loop()

        def work() -> tuple[bytes, float]:
            loop.call_soon_threadsafe(setattr, job, "status", "processing")
            return transformed_clip(wish, self._renderer())

        try:
            content, seconds = await loop.run_in_executor(self._executor, work)
        except RefusedError as refused:
            job.status, job.error = "failed", str(refused)
            return
        except Exception as error:  # a decoder's or encoder's
            job.status = "failed"
            job.error = shorten(f"{type(error).__name__}: {error}", 200)
            return
        per_s = batch_price(model)
        self._ledger.add(
            {
                "kind": "job",
                "id": job.id,
                "model": job.model,
                "prompt": wish.prompt,
                "seed": wish.seed,
                "seconds": round(seconds, 3),
                "cost": None if per_s is None else round(per_s * seconds, 6),
            }
        )
        job.content, job.status = content, "completed"

    def _show(self, rest: str) -> HttpResponse:
        name, _, part = rest.partition("/")
        job = self._jobs.get(name) if re.fullmatch(r"job_[0-9a-f]{32}", name) else None
        if job is None or part not in ("", "content"):
            raise RefusedError(404, "No such job")
        if not part:
            return HttpResponse(200, json.dumps(job.as_json()))
        if job.status != "completed":
            raise RefusedError(409, f"The job is {job.status}")
        return HttpResponse(200, job.content, content_type="video/mp4")


def transformed_clip(wish: Wish, renderer: Renderer) -> tuple[bytes, float]:
    """The effect on each frame of a clip, without its sound; call it on a worker thread.

    The frames keep their size and their times.

    Args:
        wish: What is asked for.
        renderer: Transforms frames.

    Returns:
        An MP4 file (H.264), and the clip's seconds.

    Raises:
        RefusedError: The clip can't be read, is too long, or has no picture.
    """
    state, output = effect_state(wish), io.BytesIO()
    try:
        source = av.open(io.BytesIO(wish.data), "r", format=_container(wish.data))
    except av.FFmpegError:
        raise RefusedError(422, "data: the clip can't be read") from None
    with source, av.open(output, "w", format="mp4") as target:
        if not source.streams.video:
            raise RefusedError(422, "data: the clip has no picture")
        stream = source.streams.video[0]
        rate = stream.average_rate or 25
        seconds = _transcode(source, target, state, renderer, rate)
    return output.getvalue(), seconds


def _transcode(
    source: av.container.InputContainer,
    target: av.container.OutputContainer,
    state: EffectState,
    renderer: Renderer,
    rate: Any,
) -> float:
    """Writes each frame, transformed; returns the clip's seconds.

    Raises:
        RefusedError: The clip is too long, or has no frame.
    """
    out: av.VideoStream | None = None
    first: float | None = None
    last = 0.0
    for frame in source.decode(video=0):
        first = frame.time if first is None else first
        last = float(frame.time or 0.0) - float(first or 0.0)
        if last > LONGEST_CLIP_S:
            raise RefusedError(422, f"data: the clip is longer than {LONGEST_CLIP_S:g} s")
        painted = renderer(frame, state)
        if out is None:
            out = target.add_stream(
                "libx264", rate=rate, options={"preset": "veryfast", "crf": "18"}
            )
            out.width, out.height = painted.width, painted.height
            out.pix_fmt = "yuv420p"
            if frame.time_base is not None:
                out.codec_context.time_base = frame.time_base
        target.mux(out.encode(painted))
    if out is None:
        raise RefusedError(422, "data: the clip has no picture")
    target.mux(out.encode(None))
    return last + float(1 / rate)


def _container(data: bytes) -> str:
    """The format of a clip by its first bytes: a playlist, for instance, would open other files.

    Raises:
        RefusedError: It is none of those that are taken.
    """
    if data[4:8] == b"ftyp":
        return "mp4"
    if data[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    raise RefusedError(422, "data: give an MP4, MOV, Matroska or WebM file")
