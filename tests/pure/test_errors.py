"""The tree of errors: codes, remedies, pickling, and its outline in the module's docstring."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from decart_widget import errors
from decart_widget.errors import DecartError

CLASSES = sorted(
    (c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, DecartError)),
    key=lambda c: c.__name__,
)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_every_error_has_a_message_and_a_remedy(kind: type[DecartError]) -> None:
    error = kind("It broke.", remedy="Repair it.")
    assert str(error) == "It broke. Repair it."
    assert error.as_trait() == {
        "code": kind.default_code,
        "message": "It broke.",
        "remedy": "Repair it.",
    }


def test_codes_are_kebab_case_and_unique() -> None:
    codes = [kind.default_code for kind in CLASSES if kind is not errors.ServiceError]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert len(set(codes)) == len(codes)


def test_errors_other_than_configuration_errors_have_a_default_remedy() -> None:
    missing = [
        kind.__name__
        for kind in CLASSES
        if not issubclass(kind, errors.ConfigurationError)
        and kind is not DecartError
        and not kind("It broke.").remedy
    ]
    assert missing == []


def test_an_error_without_a_remedy_has_no_trailing_space() -> None:
    assert str(DecartError("It broke.")) == "It broke."


def test_a_more_precise_code_replaces_the_class_s_code() -> None:
    assert errors.MediaError("No.", code="no-camera").code == "no-camera"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.InvalidKeyError, ValueError),
        (errors.UnknownArgumentError, TypeError),
        (errors.TransportError, ConnectionError),
    ],
)
def test_an_error_is_also_an_instance_of_the_matching_builtin_error(
    kind: type[DecartError], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_an_error_can_be_copied_and_pickled(kind: type[DecartError], duplicate) -> None:
    error = duplicate(kind("It broke.", remedy="Repair it.", code="a-code"))
    assert type(error) is kind
    assert (error.as_trait(), str(error)) == (
        {"code": "a-code", "message": "It broke.", "remedy": "Repair it."},
        "It broke. Repair it.",
    )


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    drawn = re.findall(r"([A-Za-z]+Error)\b", (errors.__doc__ or "").split("::", 1)[1])
    assert {kind.__name__ for kind in CLASSES} <= set(drawn)
    column = {
        found[1]: found.start(1)
        for line in (errors.__doc__ or "").splitlines()
        if (found := re.match(r"[ │├└─]+([A-Za-z]+Error)\b", line))
    }
    for kind in CLASSES:
        for parent in (base for base in kind.__bases__ if issubclass(base, DecartError)):
            assert column[kind.__name__] == column[parent.__name__] + 4
