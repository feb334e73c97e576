"""Scores of neighbouring frames: flicker, swim and judder, told apart by the motion of the input.

The difference of two frames is no measure of flicker: it is large for a calm look of a scene that
moves. So the neighbours of a frame are brought to its place by the optical flow of what was *sent*.
A texture that stands still on the glass (halftone dots, a mosaic) would then count as flicker, so
the lesser of the two differences counts, moved and not moved; the rest is swim.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from decart_widget.explore.scores.pictures import Picture, grey

MAX_GAP_S: Final = 0.15
"""Seconds between neighbouring frames up to which the flow can follow: frames at 7 per second."""

FOLLOWED_LEVELS: Final = 12.0
"""Levels by which the sent frame itself may differ from its neighbours, moved to its place, where
the flow has followed the scene."""

MIN_FOLLOWED: Final = 0.3
"""Share of the picture that the flow must have followed; less is a cut, which is left out."""

BLUR_PX: Final = 1.0
"""Standard deviation in pixels of the blur of differences: interpolation errs at single pixels."""

MOVED_LEVELS: Final = 0.5
"""Mean difference of two sent frames, at a quarter of the scored size, from which on they moved."""

REPEAT_SHARE: Final = 0.2
"""A frame repeats the one before if it differs by less than this share of what is usual for the
motion."""

REPEAT_LEVELS: Final = 0.03
"""Mean difference in levels below which a frame repeats the one before in any case, for output that
stands still altogether."""

FLAT_LEVELS: Final = 1.0
"""Standard deviation in levels of a picture without any detail, in which motion can't be seen."""

_NOTHING: Any = None
"""An argument that may be left out, which OpenCV's stubs forget."""


class _Moment(NamedTuple):
    time: float
    sent: Picture
    shown: Picture
    sent_grey: Picture


class Motion:
    """Collects flicker, swim and judder over the frames of a clip, of which it keeps three."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._near: deque[_Moment] = deque(maxlen=3)
        self._last: tuple[float, Picture, Picture] | None = None
        self._flickers: list[float] = []
        self._swims: list[float] = []
        self._steps: list[tuple[float, float]] = []

    def add(self, sent: Picture, shown: Picture, time: float) -> Picture:
        """Adds the next frame.

        Args:
            sent: RGB of uint8 ``(height, width, 3)``, small.
            shown: What came back of it, of the same size.
            time: Of the frame, in seconds.

        Returns:
            ``sent`` as grey values, which other scores need too.
        """
        moment = _Moment(time, sent, shown, grey(sent))
        is_next = bool(self._near) and 0 < time - self._near[-1].time <= MAX_GAP_S
        if not is_next:
            self._near.clear()
        if not self._add_step(moment):
            self._near.append(moment)
            if len(self._near) == 3:
                self._add_jump()
        return moment.sent_grey

    def scores(self) -> dict[str, float]:
        """Returns the scores by name.

        ``flicker`` and ``swim`` (levels of 255) are missing without three frames in a row,
        ``judder`` (a share) where nothing that was sent moved.
        """
        found = {}
        if self._flickers:
            found["flicker"] = max(0.0, float(np.mean(self._flickers)))
            found["swim"] = max(0.0, float(np.mean(self._swims)))
        if self._steps:
            usual = self._usual()
            repeats = [_is_repeat(sent, shown, usual) for sent, shown in self._steps]
            found["judder"] = sum(repeats) / len(repeats)
        return found

    def _usual(self) -> float:
        """Returns how much of the scene's motion the picture usually shows; 90 % show less."""
        return float(np.percentile([shown / sent for sent, shown in self._steps], 90))

    def _add_step(self, moment: _Moment) -> bool:
        """Compares a frame with the one before: did the scene move, and did the picture?

        Returns:
            Whether the picture of the one before was held, which is judder and no flicker.
        """
        is_held = False
        last = self._last
        # Averages of 4 x 4 pixels: what a codec changes in a repeated frame is finer.
        size = (max(1, moment.sent.shape[1] // 4), max(1, moment.sent.shape[0] // 4))
        sent, shown = (
            cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            for picture in (moment.sent_grey, grey(moment.shown))
        )
        is_next = last is not None and 0 < moment.time - last[0] <= MAX_GAP_S
        if last is not None and is_next and float(shown.std()) >= FLAT_LEVELS:
            sent_step, shown_step = (
                float(cv2.absdiff(now, before).mean())
                for now, before in ((sent, last[1]), (shown, last[2]))
            )
            if sent_step >= MOVED_LEVELS:
                self._steps.append((sent_step, shown_step))
                is_held = _is_repeat(sent_step, shown_step, self._usual())
        self._last = (moment.time, sent, shown)
        return is_held

    def _add_jump(self) -> None:
        """Adds what the middle one of three frames differs from its neighbours."""
        before, now, after = self._near
        share = (now.time - before.time) / (after.time - before.time)
        maps = [
            _map(self._flow.calc(now.sent_grey, other.sent_grey, _NOTHING))
            for other in (before, after)
        ]
        sent = (before.sent, now.sent, after.sent)
        shown = (before.shown, now.shown, after.shown)
        floor = _jump(sent, share, maps)
        followed = floor < FOLLOWED_LEVELS
        count = int(followed.sum())
        if count < MIN_FOLLOWED * followed.size:
            return
        moving, still = _jump(shown, share, maps), _jump(shown, share, None)
        either = np.minimum(moving, still)
        # The clip's own figures, the price of the interpolation, are taken off.
        base = np.minimum(floor, _jump(sent, share, None))
        flicker, swim = either - base, moving - either - (floor - base)
        self._flickers.append(float(flicker[followed].sum()) / count)
        self._swims.append(float(swim[followed].sum()) / count)


def _is_repeat(sent_step: float, shown_step: float, usual: float) -> bool:
    """Returns whether a picture is the one before.

    Args:
        sent_step: By how much the sent frame differs from the one before, in levels.
        shown_step: Likewise for what came back.
        usual: What is usual for the second divided by the first.
    """
    return shown_step < max(REPEAT_LEVELS, REPEAT_SHARE * usual * sent_step)


def _map(flow: Picture) -> Picture:
    """Returns the places from which each pixel comes, for ``cv2.remap``."""
    height, width = flow.shape[:2]
    flow[..., 0] += np.arange(width, dtype=np.float32)
    flow[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return flow


def _jump(
    pictures: tuple[Picture, Picture, Picture], share: float, maps: list[Picture] | None
) -> Picture:
    """Returns for each pixel by how many levels a frame differs from what its neighbours promise.

    A slow change, such as a fade or a style that comes in, is what they promise, and doesn't count.

    Args:
        pictures: The frame before, the frame, and the frame after.
        share: Where the frame is in time from the one before (0) to the one after (1).
        maps: Places in the neighbours that belong to each pixel; None: the same.
    """
    before, now, after = pictures
    if maps is not None:
        before, after = (
            cv2.remap(picture, places, _NOTHING, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for picture, places in ((before, maps[0]), (after, maps[1]))
        )
    off = cv2.absdiff(now, cv2.addWeighted(before, 1 - share, after, share, 0))
    soft = cv2.GaussianBlur(off, (0, 0), BLUR_PX)
    per_pixel: Picture = cv2.transform(soft, np.full((1, 3), 1 / 3, np.float32)).astype(np.float32)
    return per_pixel
