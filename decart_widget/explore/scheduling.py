"""``explore.schedule``, and a schedule that is run over a clip."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import InvalidPathError
from decart_widget.inputs.schedules import Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.headless.transform import Transformed

STRIP_PICTURES: Final = 16
"""Pictures in a strip of a clip."""

STRIP_SIZE: Final = (96, 54)
"""Width and height in pixels of each of them."""

STRIP_QUALITY: Final = 80
"""Quality of a strip's JPEG, up to 100."""

MAX_NAMES: Final = 10_000
"""Names that are tried for a result before its folder counts as full."""


def schedule(changes: Any) -> Schedule:
    """Makes a schedule: prompts by the second from which on they hold.

    Args:
        changes: Pairs of seconds and prompt, ``[(0, "spring"), (3, "autumn")]``; a mapping of
            seconds to prompts; the path of a JSON file with one; or another schedule, such as
            ``w.session_record``. A prompt of None leaves the picture alone.

    Returns:
        The schedule. ``run("clip.mp4")`` sends a clip through it, ``w.play(...)`` a live session;
        ``transform(prompts=...)`` and ``explore.sweep`` take it as well.

    Raises:
        InvalidOptionError: It is no schedule.
        InvalidPromptError: A prompt is invalid.
    """
    return Schedule(changes)


@dataclass(frozen=True)
class Run:
    """A clip that was sent through a schedule; a notebook shows it as a time line with pictures.

    Attributes:
        schedule: The schedule.
        clip: The result: its path, frames, billed seconds and cost.
        length_s: Of the clip that was sent, in seconds; None: not known.
        strips: JPEG files with pictures of ``"sent"`` and ``"came back"``, side by side.
    """

    schedule: Schedule
    clip: Transformed
    length_s: float | None
    strips: dict[str, bytes] = field(repr=False)

    def _repr_html_(self) -> str:
        from decart_widget.inputs.schedule_drawing import as_html

        cost = "" if not self.clip.cost else f" · ${self.clip.cost:.2f}"
        title = (
            f"{self.clip.path.name} · {len(self.schedule)} prompts · one session · "
            f"{self.clip.billed_s:.1f} s billed{cost}"
        )
        addresses = {
            name: f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
            for name, data in self.strips.items()
        }
        return as_html(self.schedule.changes, self.length_s, title=title, strips=addresses)


def run(
    planned: Schedule, source: Any, output: str | os.PathLike[str] | None, options: dict[str, Any]
) -> Run:
    """Sends a clip through a schedule in one session; see ``Schedule.run``.

    Args:
        planned: The schedule.
        source: The clip.
        output: The file to write; None for one beside the notebook.
        options: Further arguments of ``transform``.

    Returns:
        The result.

    Raises:
        ConfigurationError: An argument is invalid; nothing is billed.
        DecartError: The session failed.
    """
    from decart_widget.headless.transform import measured, transform
    from decart_widget.inputs.sources.choice import as_source
    from decart_widget.options import FRAMERATES

    chosen = as_source(source)
    chosen.check()
    length_s, _ = measured(chosen, FRAMERATES[1])
    target = _free_name(chosen.label) if output is None else output
    clip = transform(chosen, target, prompts=planned, **options)
    strips = {"came back": _strip(_some(_decoded(clip.path)))}
    if chosen.describe()["kind"] == "file":
        strips = {"sent": _strip(_some(_decoded(Path(chosen.describe()["path"])))), **strips}
    return Run(planned, clip, length_s, strips)


def _free_name(label: str) -> Path:
    """Returns a name in the current folder that no file has."""
    stem = Path(label).stem or "clip"
    for number in range(1, MAX_NAMES):
        path = Path(f"{stem}-schedule{'' if number == 1 else f'-{number}'}.mp4")
        if not path.exists():
            return path
    raise InvalidPathError("The folder has too many results.", remedy="Give output=.")


def _decoded(path: Path) -> Iterable[tuple[float, NDArray[np.uint8]]]:
    """Yields time in seconds and picture, small, of each frame of a file."""
    import av

    width, height = STRIP_SIZE
    with closing(av.open(str(path))) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            small = frame.reformat(width, height, format="rgb24")
            yield float(frame.time or 0.0), small.to_ndarray().astype("uint8", copy=False)


def _some(frames: Iterable[tuple[float, NDArray[np.uint8]]]) -> list[NDArray[np.uint8]]:
    """Returns pictures that are spread evenly over the time of all frames."""
    kept = list(frames)
    if not kept:
        return []
    last_s = kept[-1][0]
    wanted = [(place + 0.5) / STRIP_PICTURES * last_s for place in range(STRIP_PICTURES)]
    return [min(kept, key=lambda one: abs(one[0] - at_s))[1] for at_s in wanted]


def _strip(pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    """Returns pictures side by side as one JPEG file."""
    import cv2
    import numpy as np

    if not pictures:
        return b""
    row = cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, STRIP_QUALITY])
    return bytes(data)
