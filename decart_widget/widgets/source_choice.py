"""What a user gives a widget as its source: a word for what the page sends, or frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import InvalidOptionError
from decart_widget.widgets.trait_types import Text, one_of_remedy, shown

if TYPE_CHECKING:
    from decart_widget.inputs.sources.reader import Source

PAGE_SOURCES: Final = ("camera", "screen", "test-pattern", "file")
"""What a page can send; ``"file"`` is the video file that was dropped on the widget."""

VIDEO_SUFFIXES: Final = (
    *(".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
    *(".ogv", ".ts", ".webm", ".wmv", ".y4m"),
)
"""Suffixes of the files that a text is taken for, also where there is no such file."""

REMEDY: Final = (
    f"{one_of_remedy(PAGE_SOURCES)[:-1]}; or give a video file's path, or a source such as "
    "VideoFile(...), Frames(...), Camera(0) or TestPattern()."
)
"""What to do about a source that is refused."""


def chosen_source(value: Any) -> tuple[Source | None, str]:
    """Returns what a value of ``source=`` stands for.

    Args:
        value: A word of ``PAGE_SOURCES``, a video file's path, or whatever ``as_source`` takes.

    Returns:
        The source, checked, and its label; None and the word where the page sends it.

    Raises:
        InvalidOptionError: It is a text that names neither.
        SourceError: It can't be used.
    """
    from decart_widget.inputs.sources.choice import as_source
    from decart_widget.inputs.sources.webcam import Webcam

    if isinstance(value, Webcam):
        return None, "camera"
    if isinstance(value, str) and value in PAGE_SOURCES:
        return None, value
    if value is None or (isinstance(value, str) and not _names_video(value)):
        raise InvalidOptionError(f"source is {shown(value)}.", remedy=REMEDY)
    source = as_source(value)
    source.check()
    label = source.label
    # A page tells by the word whether it is to open its camera: a file may be named like one.
    return source, f"{label} (of the kernel)" if label in PAGE_SOURCES else label


def _names_video(text: str) -> bool:
    if "://" in text:
        return True
    try:
        return Path(text).suffix.lower() in VIDEO_SUFFIXES or Path(text).is_file()
    except (OSError, ValueError):
        return False


class SourceTrait(Text):
    """The word or the label of the source; set it to whatever ``chosen_source`` takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(PAGE_SOURCES[0], REMEDY, **options)

    def set(self, obj: Any, value: Any) -> None:
        """Lets the widget choose the source, and sets the trait to its label."""
        # traitlets sets a trait again to the very value that it has, once it has validated it.
        is_again = value is obj._trait_values.get(self.name)  # noqa: SLF001
        super().set(obj, value if is_again else obj._choose_source(value))  # noqa: SLF001

    def page_refusal(self, obj: Any, value: Any) -> str | None:
        """Returns why a page may not set this; None if it may."""
        if obj._source is not None:  # noqa: SLF001
            return "sets the source of a session in the kernel"
        return None if value in PAGE_SOURCES else "sets a source that pages don't have"
