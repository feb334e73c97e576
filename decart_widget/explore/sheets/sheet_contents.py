"""What a sheet holds: its axes and cells, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.explore.folders.folder import SENT, SweepFolder
from decart_widget.explore.folders.marks import Marks
from decart_widget.explore.planning.definition import Definition
from decart_widget.explore.records import Axis, Cell, CellResult
from decart_widget.explore.sheets.selection import select
from decart_widget.explore.sheets.sheet_state import SheetState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.explore.verdict.comparison import Verdict
    from decart_widget.explore.verdict.ranking import Ranking


class SheetContents:
    """The part of a `Sheet` that reads.

    Args:
        definition: What the sweep is.
        folder: Where its results are.
        scores: The user's score functions by name.

    Raises:
        InvalidPathError: The folder can't be read.
    """

    def __init__(
        self,
        definition: Definition,
        folder: SweepFolder,
        scores: Mapping[str, Callable[..., float]],
    ) -> None:
        found = folder.find()
        keys = {cell.key for cell in definition.cells}
        results = {key: result for key, result in found.results.items() if key in keys}
        self._definition = definition
        self._folder = folder
        self._scores = dict(scores)
        self._state = SheetState(results)
        self._damaged = found.damaged
        self._marks = Marks(folder.path)
        self._size: tuple[int, int] | None = None

    # --- what it is ---------------------------------------------------------------------------

    @property
    def definition(self) -> Definition:
        """All that decides what the sweep runs and shows."""
        return self._definition

    @property
    def title(self) -> str:
        """Name of the clip."""
        return self._definition.clip.label

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes; the first one is laid across, the others down."""
        return self._definition.axes

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, repeats and controls included."""
        return self._definition.cells

    @property
    def moments(self) -> tuple[float, ...]:
        """Times in the clip that sprites show, in seconds."""
        return self._definition.span.moments

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, in pixels; before the first one, the model's."""
        if self._size is None:
            self._size = self._size_of_sent()
        if self._size is not None:
            return self._size
        model = next(iter(self._definition.models.values()))
        return model.width, model.height

    @property
    def folder(self) -> Path:
        """Absolute path of the folder; it is made when the sweep starts."""
        return self._folder.path

    @property
    def damaged(self) -> tuple[str, ...]:
        """What in the folder isn't whole, a sentence each. Such cells are run again."""
        return self._damaged

    @property
    def results(self) -> Mapping[str, CellResult]:
        """How cells ended, by their keys."""
        return self._state.results

    # --- what came of it ----------------------------------------------------------------------

    def select(self, selector: Any) -> tuple[Cell, ...]:
        """Returns the cells at a place of the sheet: one for each repeat.

        Args:
            selector: A cell, its key, a mapping of axes to labels, the labels in the order of the
                axes, or the place as numbers. With one axis a label is enough. ``"control"``: the
                untouched clip.

        Raises:
            InvalidOptionError: There is no such place.
        """
        return select(self.axes, self.cells, selector)

    def scores(self, selector: Any, score: str) -> list[float]:
        """Returns a score of a cell in each of its repeats that is done.

        Args:
            selector: As for `select`.
            score: Its name, such as ``"structure"``, or its label, such as ``"keeps"``.

        Raises:
            InvalidOptionError: There is no such place or score.
        """
        from decart_widget.explore.folders.tables import score_name, score_of

        name, results = score_name(score, self.results.values()), self.results
        found = [results[c.key] for c in self.select(selector) if c.key in results]
        return [value for each in found if (value := score_of(each, name)) is not None]

    def compare(self, a: Any, b: Any, score: str = "structure") -> Verdict:
        """Says whether one cell's score is better than another's, by its repeats.

        Args:
            a: As for `select`.
            b: Likewise.
            score: The score's name or label.

        Returns:
            Better, worse or not to be told apart, with the probability.

        Raises:
            InvalidOptionError: There is no such place or score.
        """
        from decart_widget.explore.folders.tables import score_name
        from decart_widget.explore.scores.scales import scale_of
        from decart_widget.explore.verdict.comparison import compare

        scale = scale_of(score_name(score, self.results.values()))
        values = self.scores(a, score), self.scores(b, score)
        return compare(*values, better=scale.better, floor=scale.least)

    @property
    def ranking(self) -> Ranking:
        """The blind ranking of the cells that are done; see `keep_ranking`.

        Raises:
            InvalidOptionError: Fewer than two cells are done.
        """
        return self._marks.ranking(list(dict.fromkeys(cell.key for cell in self._rankable())))

    def keep_ranking(self) -> None:
        """Keeps the answers of the ranking in the folder."""
        self._marks.keep()

    def records(self) -> list[dict[str, Any]]:
        """Returns one record for each cell: its labels, how it ended, and its scores."""
        from decart_widget.explore.folders.tables import records

        return records(self.axes, self.cells, self.results)

    def to_frame(self) -> Any:
        """Returns the records as a data frame of pandas.

        Raises:
            InvalidOptionError: pandas isn't installed.
        """
        from decart_widget.explore.folders.tables import to_frame

        return to_frame(self.records())

    def clip(self, selector: Any, repeat: int = 0) -> list[NDArray[np.uint8]]:
        """Returns the frames that came back of a cell.

        Args:
            selector: As for `select`; ``"sent"`` for what was sent.
            repeat: Which run of it.

        Returns:
            uint8 RGB arrays ``(height, width, 3)``, from the cell's video file.

        Raises:
            InvalidOptionError: There is no such cell, or it isn't done.
            MediaError: The file is damaged.
        """
        from decart_widget.explore.folders.cell_files import read_clip

        return read_clip(self._file(selector, repeat, "clip"))

    def sprite(self, selector: Any, repeat: int = 0) -> bytes:
        """Returns the moments of a cell side by side.

        Args:
            selector: As for `select`; ``"sent"`` for what was sent.
            repeat: Which run of it.

        Returns:
            A JPEG.

        Raises:
            InvalidOptionError: There is no such cell, or it isn't done.
        """
        path = self._file(selector, repeat, "sprite")
        try:
            return path.read_bytes()
        except OSError as error:
            raise InvalidOptionError(
                f"{path.name} can't be read ({error.strerror}).", remedy="Load the folder again."
            ) from None

    @property
    def stars(self) -> frozenset[str]:
        """Keys of the cells that were starred; kept in the folder."""
        return self._marks.stars

    def star(self, selector: Any, is_starred: bool = True) -> None:
        """Stars a cell, or takes its star away.

        Args:
            selector: As for `select`.
            is_starred: Whether it has a star from now on.

        Raises:
            InvalidOptionError: There is no such place.
        """
        self._marks.star((cell.key for cell in self.select(selector)), is_starred)
        self._state.touch(self._marks.stars)

    # --- inside ---------------------------------------------------------------------------------

    def _size_of_sent(self) -> tuple[int, int] | None:
        from decart_widget.explore.folders.cell_files import size_of

        try:
            return size_of(self._folder.file(f"cells/{SENT}.mp4"))
        except DecartError:
            return None

    def _rankable(self) -> list[Cell]:
        """The first run of each place, where it is done."""
        results = self.results
        done = {key for key, result in results.items() if result.status == "done"}
        return [c for c in self.cells if c.key in done and not c.is_control and c.repeat == 0]

    def _file(self, selector: Any, repeat: int, kind: str) -> Path:
        if isinstance(selector, str) and selector == SENT:
            suffix = {"clip": "mp4", "sprite": "jpg"}[kind]
            return self._folder.file(f"cells/{SENT}.{suffix}")
        if isinstance(selector, Cell):
            cells: Sequence[Cell] = [selector]
        else:
            cells = [cell for cell in self.select(selector) if cell.repeat == repeat]
        results = self.results
        for cell in cells:
            name = results[cell.key].files.get(kind) if cell.key in results else None
            if name is not None:
                return self._folder.file(name)
        raise InvalidOptionError(
            "That cell has no picture: it isn't done, or there is no such repeat.",
            remedy="sheet.records() says how each cell ended.",
        )
