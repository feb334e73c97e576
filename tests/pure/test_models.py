"""The models, their names, and custom models."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from decart_widget import models
from decart_widget.errors import InvalidOptionError, UnknownModelError
from decart_widget.models import MODELS, RealtimeModel, UnlistedModel, family, realtime_model


@pytest.fixture(autouse=True)
def _no_deprecation_warned_of_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_warned", set())


def test_the_models_are_those_of_the_service() -> None:
    assert set(MODELS) == {
        "lucy-2.1", "lucy-2.5", "lucy-2.6", "lucy-latest",
        "lucy-vton-3.5", "lucy-vton-3.6", "lucy-vton-latest",
        "lucy-restyle-2", "lucy-restyle-latest",
    }  # fmt: skip
    assert {name for name, model in MODELS.items() if not model.reference_image} == {
        "lucy-restyle-2",
        "lucy-restyle-latest",
    }
    assert {name for name, model in MODELS.items() if "fast" not in model.speeds} == {
        "lucy-2.1",
        "lucy-restyle-2",
        "lucy-restyle-latest",
    }


@pytest.mark.parametrize("name", MODELS)
def test_every_model_takes_1280_pixels_at_30_frames_a_second(name: str) -> None:
    model = realtime_model(name)
    height = 704 if "restyle" in name else 720
    assert (model.name, model.fps, model.width, model.height) == (name, 30, 1280, height)
    assert model.url_path == "/v1/stream"


@pytest.mark.parametrize(
    ("old", "new"),
    [("mirage_v2", "lucy-restyle-2"), ("lucy_v2v_14b_rt", "lucy-2.1"), ("lucy_2_rt", "lucy-2.1")],
)
def test_a_deprecated_name_warns_once_and_returns_the_present_model(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=new):
        assert realtime_model(old) is MODELS[new]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert realtime_model(old) is MODELS[new]


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("lucy-2.7", "lucy-latest"),
        ("lucy-3", "lucy-latest"),
        ("lucy-vton-4.0", "lucy-vton-latest"),
        ("lucy-restyle-3", "lucy-restyle-latest"),
    ],
)
def test_a_version_that_is_not_listed_has_its_family_s_picture_and_warns_once(
    name: str, like: str
) -> None:
    with pytest.warns(UserWarning, match=f'"{name}" is not listed') as warned:
        model = realtime_model(name)
    assert like in str(warned[0].message)
    assert isinstance(model, UnlistedModel)
    assert model.name == name
    for field in ("fps", "width", "height", "reference_image", "speeds", "url_path"):
        assert getattr(model, field) == getattr(MODELS[like], field)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert realtime_model(name) == model


@pytest.mark.parametrize("name", ["lucy", "lucy-", "lucy-x", "Lucy-2.7", "lucy-2 7", "other-1"])
def test_a_name_of_no_known_family_is_unknown_at_once(name: str) -> None:
    assert family(name) is None
    with pytest.raises(UnknownModelError):
        realtime_model(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("lucy-lates", "lucy-latest"), ("Lucy-2.6", "lucy-2.6"), ("restyle-2", "lucy-restyle-2")],
)
def test_the_error_of_an_unknown_model_suggests_similar_names(name: str, near: str) -> None:
    with pytest.raises(UnknownModelError, match=name) as caught:
        realtime_model(name)
    assert near in caught.value.remedy


@pytest.mark.parametrize("name", ["zzz", "", None, 5, ["zzz"], {}])
def test_the_error_of_a_name_like_no_other_lists_all_models(name: Any) -> None:
    with pytest.raises(UnknownModelError) as caught:
        realtime_model(name)
    assert all(model in caught.value.remedy for model in MODELS)


def test_a_key_passed_as_the_model_is_not_in_the_error() -> None:
    with pytest.raises(UnknownModelError) as caught:
        realtime_model("dct_MARKER012345")
    assert "MARKER" not in str(caught.value)


def test_a_custom_model_is_returned_unchanged() -> None:
    model = RealtimeModel("my-model", fps=24, width=640, height=480, url_path="/v2/stream")
    assert realtime_model(model) is model


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a&b=c"},
        {"name": None},
        {"name": "x" * 101},
        {"width": 0},
        {"width": 1281},
        {"width": 10_000},
        {"height": 480.0},
        {"height": "480"},
        {"fps": 0},
        {"fps": 1000},
        {"fps": float("nan")},
        {"fps": "30"},
        {"url_path": "v1/stream"},
        {"url_path": None},
    ],
)
def test_a_model_that_no_camera_can_serve_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        RealtimeModel(**{"name": "my-model", **wrong})
    assert caught.value.remedy
