"""Previews: many prompts on one still, through the image endpoint of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decart_widget import TestPattern, explore
from decart_widget.errors import (
    AuthenticationError,
    InvalidImageError,
    InvalidOptionError,
    InvalidPromptError,
    RequestRejectedError,
    SourceError,
    TransportError,
)
from decart_widget.explore import sweeps
from decart_widget.inputs.sources.frames import Frames
from decart_widget.prices import IMAGE_PRICES
from decart_widget.sandbox import Faults, Sandbox, serve

KEY = "dct_test_key_of_previews"
LIMIT_S = 120


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults = Faults()


def photo() -> NDArray[np.uint8]:
    """A picture with outlines and colours."""
    y, x = np.mgrid[:90, :160]
    return np.stack([x, 2 * y, 255 - x], axis=-1).astype(np.uint8) // 32 * 32


def planned(prompts: Any, sandbox: Sandbox, frame: Any = None, **options: Any) -> Any:
    still = photo() if frame is None else frame
    return explore.preview(prompts, still, endpoint=sandbox, **options)


def images(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.ledger() if entry["kind"] == "image"]


def test_prompts_are_screened_at_the_price_of_a_picture_each(sandbox) -> None:
    before = len(images(sandbox))
    prompts = ["a negative", "watercolour", "a <b>mosaic", "a negative"]
    looks = planned(prompts, sandbox)
    assert str(looks.plan) == ("3 pictures at 480p: $0.03 (list prices of 2026-08), 1 given again")
    assert looks.state == "planned"
    assert "$0.03" in looks._repr_html_()
    assert len(images(sandbox)) == before  # nothing is billed by a plan

    looks.start().wait(LIMIT_S)

    assert looks.state == "done"
    assert looks.cost == pytest.approx(0.03)
    assert {entry["prompt"] for entry in images(sandbox)[before:]} == set(prompts)
    assert {entry["seed"] for entry in images(sandbox)[before:]} == {0}
    negative, water, _ = looks.results
    assert negative.scores["structure"] > 0.9
    assert negative.scores["change"] > water.scores["change"] > 0
    shown = looks._repr_html_()
    assert shown.count("data:image/jpeg;base64,") == 3
    assert "a &lt;b&gt;mosaic" in shown
    looks.start().wait(LIMIT_S)  # nothing is missing
    assert len(images(sandbox)) == before + 3


def test_a_refused_prompt_has_its_reason_and_the_others_their_pictures(sandbox) -> None:
    sandbox.faults = Faults(moderated_word="weapon")
    looks = planned(["a weapon", "a negative"], sandbox, start=True).wait(LIMIT_S)
    refused, done = looks.results
    assert isinstance(refused.error, RequestRejectedError)
    assert "moderation" in looks._repr_html_()
    assert done.picture is not None
    assert looks.state == "done"
    assert looks.cost == pytest.approx(0.01)


def test_what_failed_is_asked_again_by_a_second_start(sandbox) -> None:
    before = len(images(sandbox))
    sandbox.faults = Faults(refuse_key=True)
    looks = planned(["a negative", "watercolour"], sandbox, budget="$0.02", at_once=1)
    with pytest.raises(AuthenticationError):
        looks.wait(LIMIT_S)
    assert looks.state == "stopped"
    assert looks.results[1].error is None  # the first refusal of the key ends it
    sandbox.faults = Faults()
    looks.start().wait(LIMIT_S)
    assert looks.state == "done"
    assert len(images(sandbox)) == before + 2


def test_a_budget_starts_what_it_pays_for_and_refuses_what_it_does_not(sandbox) -> None:
    before = len(images(sandbox))
    looks = planned(["a negative", "watercolour"], sandbox, budget="$0.02").wait(LIMIT_S)
    assert looks.state == "done"
    with pytest.raises(InvalidOptionError, match=r"3 pictures cost \$0.03") as caught:
        planned(["a", "b", "c"], sandbox, budget="$0.02")
    assert "pays for 2" in caught.value.remedy
    assert len(images(sandbox)) == before + 2


def test_what_may_have_been_billed_counts_against_the_budget(sandbox, monkeypatch) -> None:
    from decart_widget.explore.screening import screening_run

    asked = []

    async def lost(request: Any, *_args: Any) -> bytes:
        asked.append(request.prompt)
        raise TransportError("gone")

    monkeypatch.setattr(screening_run, "generate_image", lost)
    looks = planned(["a", "b"], sandbox, budget="$0.03").wait(LIMIT_S)
    looks.start().wait(LIMIT_S)
    assert len(asked) == 3
    assert "budget" in str(looks.results[1].error)


def test_stop_begins_no_further_request(sandbox, monkeypatch) -> None:
    from decart_widget.explore.screening import screening_run

    looks = planned(["a", "b", "c"], sandbox, at_once=1)

    async def stopped(*_args: Any) -> bytes:
        looks.stop()
        raise TransportError("gone")

    monkeypatch.setattr(screening_run, "generate_image", stopped)
    looks.start().wait(LIMIT_S)
    assert [each.error is not None for each in looks.results] == [True, False, False]
    assert looks.state == "stopped"
    assert repr(looks) == "Preview(0 of 3 pictures, stopped)"


def test_the_still_may_be_a_frame_of_a_clip(sandbox, tmp_path) -> None:
    from decart_widget.explore.screening.still import still
    from decart_widget.inputs.image_files import rgb_array

    clip = Frames([np.full((72, 128, 3), 50 * n, np.uint8) for n in range(4)], fps=10)
    assert abs(int(rgb_array(still(clip, 0.2), 1280).mean()) - 100) < 4
    assert rgb_array(still(TestPattern(), 0), 1280).shape == (720, 1280, 3)
    with pytest.raises(SourceError, match="no frame at 9 s"):
        still(clip, 9)
    for at in (-1, float("nan"), "1"):
        with pytest.raises(InvalidOptionError, match="time of the frame"):
            still(clip, at)  # type: ignore[arg-type]
    with pytest.raises(InvalidImageError, match="id of the service"):
        still("file_abc", 0)
    with pytest.raises(SourceError):
        still(tmp_path / "missing.mp4", 0)
    with pytest.raises(InvalidImageError):
        still(tmp_path / "missing.png", 0)


def test_a_reference_image_goes_with_every_prompt(sandbox) -> None:
    blue = np.full((20, 20, 3), (20, 30, 220), np.uint8)
    plain, coloured = (
        planned(["sunset"], sandbox, image=image, enrich=False, start=True).wait(LIMIT_S)
        for image in (None, blue)
    )
    assert coloured.results[0].picture != plain.results[0].picture


@pytest.mark.parametrize(
    ("prompts", "options", "error", "words"),
    [
        ([], {}, InvalidOptionError, "no prompts"),
        (["a" * 1001], {}, InvalidPromptError, "1,001 characters"),
        ([str(n) for n in range(501)], {}, InvalidOptionError, "501 prompts"),
        ([None], {}, InvalidOptionError, "neither a prompt nor an image"),
        (["a"], {"resolution": "4k"}, InvalidOptionError, "resolution"),
        (["a"], {"seed": -1}, InvalidOptionError, "seed"),
        (["a"], {"at_once": 0}, InvalidOptionError, "at_once"),
        (["a"], {"budget": 2}, InvalidOptionError, "budget"),
        (["a"], {"enrich": 1}, InvalidOptionError, "enrich"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    sandbox, prompts, options, error, words
) -> None:
    with pytest.raises(error, match=words):
        planned(prompts, sandbox, **options)


def test_without_a_price_there_is_no_budget(sandbox, monkeypatch) -> None:
    monkeypatch.delitem(IMAGE_PRICES, "480p")
    assert "no price known" in str(planned(["a"], sandbox).plan)
    with pytest.raises(InvalidOptionError, match="No price is known"):
        planned(["a"], sandbox, budget="$1")


def test_chosen_prompts_are_handed_to_a_sweep(sandbox, monkeypatch) -> None:
    handed: list[Any] = []
    monkeypatch.setattr(sweeps, "sweep", lambda *args, **more: handed.append((args, more)))
    looks = planned(["a", "b", "c"], sandbox, enrich=False)
    looks.sweep("clip.mp4", [2, 0, 2], seconds=3)
    assert handed == [(("clip.mp4", ["c", "a"]), {"image": None, "enrich": False, "seconds": 3})]
    for wrong in ([], [3], [-1], ["a"]):
        with pytest.raises(InvalidOptionError):
            looks.sweep("clip.mp4", wrong)
