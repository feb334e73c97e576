"""The image and the batch endpoint of the local server, and our client of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from decart_widget.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    InsufficientCreditsError,
    InvalidOptionError,
    ProtocolError,
    RequestRejectedError,
    ServiceError,
    UnknownModelError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session import generate
from decart_widget.session.endpoints import Endpoint, parse_endpoint
from decart_widget.session.generate import (
    Request,
    check_seed,
    finished_job,
    generate_image,
    submit_job,
)

KEY = "dct_test_key_of_generate"
SECRET = Secret(KEY)
RED = np.full((90, 160, 3), (200, 30, 30), np.uint8)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults = Faults()


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Endpoint:
    return parse_endpoint(sandbox)


@pytest.fixture(autouse=True)
def polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks for the status of jobs without the service's pauses."""
    monkeypatch.setattr(generate, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(generate, "POLL_S", 0.05)


def picture(rgb: NDArray[np.uint8] = RED) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def shown(encoded: bytes) -> NDArray[Any]:
    return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]


def clip(count: int = 5) -> bytes:
    """A clip of frames of one colour each, which get lighter."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(count):
            grey = np.full((48, 64, 3), 40 + 30 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def billed(sandbox: Sandbox, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.ledger() if entry["kind"] == kind]


async def test_a_picture_gets_the_effect_of_its_prompt_and_is_billed(sandbox, endpoint) -> None:
    before = len(billed(sandbox, "image"))
    asked = Request(picture(), "a negative", seed=7, resolution="480p")
    first = shown(await generate_image(asked, SECRET, endpoint))
    again = shown(await generate_image(asked, SECRET, endpoint))
    assert first.shape == (480, 854, 3)
    assert np.abs(first.mean(axis=(0, 1)) - (255 - RED[0, 0])).max() < 12
    assert (first == again).all()
    entries = billed(sandbox, "image")[before:]
    assert [entry["cost"] for entry in entries] == [0.01, 0.01]
    assert entries[0]["prompt"] == "a negative"
    assert entries[0]["seed"] == 7


async def test_a_reference_image_gives_a_picture_its_colours(endpoint) -> None:
    blue = picture(np.full((20, 20, 3), (20, 30, 220), np.uint8))
    asked = Request(picture(), "like the picture", enrich=False, reference=blue, resolution="480p")
    plain = shown(await generate_image(replace(asked, reference=None), SECRET, endpoint))
    mixed = shown(await generate_image(asked, SECRET, endpoint))
    assert np.abs(mixed.astype(int) - plain).mean() > 20


async def test_what_is_refused_is_said_and_not_billed(sandbox, endpoint) -> None:
    before = len(sandbox.ledger())
    sandbox.faults = Faults(moderated_word="weapon")
    for asked, words in (
        (Request(picture(), "a weapon"), "moderation"),
        (Request(b"no picture", "negative"), "data: the image"),
        (Request(picture(), "x" * 1001), "at most 1000 characters"),
        (Request(picture(), "  "), "a text is required"),
        (Request(picture(), "a", resolution="4k"), "480p, 720p"),
        (Request(picture(), "a", seed=2**32), "seed"),
        (Request(picture(), "a", reference=b"?"), "reference_image"),
        (Request(b"", "a"), "a file is required"),
    ):
        with pytest.raises(RequestRejectedError, match=words):
            await generate_image(asked, SECRET, endpoint)
    asked = Request(picture(), "negative")
    with pytest.raises(UnknownModelError):
        await generate_image(asked, SECRET, endpoint, model="lucy-image-99")
    with pytest.raises(AuthenticationError):
        await generate_image(asked, Secret("dct_another_key"), endpoint)
    sandbox.faults = Faults(credits_s=0)
    with pytest.raises(InsufficientCreditsError):
        await generate_image(asked, SECRET, endpoint)
    assert len(sandbox.ledger()) == before


async def test_a_job_transforms_each_frame_of_a_clip_and_bills_its_seconds(
    sandbox, endpoint
) -> None:
    before = len(billed(sandbox, "job"))
    asked = Request(clip(), "a negative", seed=1, resolution="720p")
    job = await submit_job(asked, "lucy-restyle-2", SECRET, endpoint)
    content = await finished_job(job, SECRET, endpoint, timeout=60)
    with av.open(io.BytesIO(content), "r") as container:
        frames = list(container.decode(video=0))
    levels = [frame.to_ndarray(format="gray").mean() for frame in frames]
    assert [round(frame.time or 0, 3) for frame in frames] == [0, 0.04, 0.08, 0.12, 0.16]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] > 80
    (entry,) = billed(sandbox, "job")[before:]
    assert entry["seconds"] == pytest.approx(0.2)
    assert entry["cost"] == pytest.approx(0.002)


async def test_a_job_that_fails_says_why_and_is_not_billed(sandbox, endpoint) -> None:
    before = len(sandbox.ledger())
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    for data, words in ((b"nothing that plays", "MP4"), (playlist, "MP4"), (clip()[:200], "clip")):
        job = await submit_job(Request(data, "negative"), "lucy-latest", SECRET, endpoint)
        with pytest.raises(ServiceError, match=words):
            await finished_job(job, SECRET, endpoint, timeout=60)
    with pytest.raises(UnknownModelError):
        await submit_job(Request(clip(), "negative"), "lucy-99", SECRET, endpoint)
    with pytest.raises(ServiceError, match="doesn't know the job"):
        await finished_job("job_" + "0" * 32, SECRET, endpoint, timeout=60)
    assert len(sandbox.ledger()) == before


async def test_a_job_is_given_up_when_its_time_is_over(endpoint, monkeypatch) -> None:
    async def pending(*_args: Any, **_options: Any) -> dict[str, Any]:
        return {"status": "processing"}

    monkeypatch.setattr(generate, "exchange", pending)
    with pytest.raises(ConnectTimeoutError, match="not done after"):
        await finished_job("job", SECRET, endpoint, timeout=-1)


async def test_an_id_that_could_change_the_address_is_refused(endpoint, monkeypatch) -> None:
    async def answer(*_args: Any, **_options: Any) -> bytes:
        return b'{"job_id": "../../other?x="}'

    monkeypatch.setattr(generate, "upload", answer)
    with pytest.raises(ProtocolError):
        await submit_job(Request(b"x", "a"), "lucy-latest", SECRET, endpoint)


@pytest.mark.parametrize("wrong", [-1, 2**32, 1.0, True, "1"])
def test_a_seed_out_of_range_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidOptionError, match="seed"):
        check_seed(wrong)
    check_seed(None)
    check_seed(0)
