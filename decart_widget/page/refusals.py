"""The texts and remedies of the errors that a page reports by code.

These are the texts of the Python errors. The front end shows longer texts of its own, which include
the page's address.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Explanation(NamedTuple):
    """The text of a code.

    Attributes:
        text: What happened.
        remedy: What to do next.
    """

    text: str
    remedy: str


REFUSALS: Final[dict[str, Explanation]] = {
    "insecure-origin": Explanation(
        "This page may not use a camera: browsers allow it on https and localhost only.",
        "Forward the port (ssh -L 8888:localhost:8888 you@host) and open http://localhost:8888.",
    ),
    "permission-denied": Explanation(
        "The browser was not allowed to use the camera.",
        "Allow the camera for this page (the icon beside the address), then Retry.",
    ),
    "no-camera": Explanation("No camera was found.", "Plug one in, then Retry."),
    "camera-busy": Explanation(
        "The camera is in use by another program.",
        "Close that program, then Retry.",
    ),
    "over-constrained": Explanation(
        "The camera can't give the picture that the model needs.",
        "Choose another camera, then Retry.",
    ),
    "blocked-by-frame": Explanation(
        "The page around this notebook doesn't let it use the camera.",
        "Open the notebook in a tab of its own; in VS Code use JupyterLab in a browser.",
    ),
    "no-webrtc": Explanation(
        "This browser has no WebRTC.",
        "Use a current Chrome, Edge, Firefox or Safari.",
    ),
    "media-failed": Explanation(
        "The browser could not start the camera or the connection.", "Retry."
    ),
}
"""Why a page can't send media at all, by the ``reason`` of ``refused``."""

TROUBLES: Final[dict[str, Explanation]] = {
    "camera-missing": Explanation(
        "There is no such camera.",
        "Choose one of w.cameras; the present picture is still sent.",
    ),
    "camera-failed": Explanation(
        "The other camera could not be opened.",
        "Close other programs that use it, then choose it again; the present picture is still "
        "sent.",
    ),
    "bad-video": Explanation(
        "The file is no video that this browser plays.",
        "Drop an MP4 or WebM file; the present picture is still sent.",
    ),
    "no-video": Explanation(
        "No video file was chosen in this page.",
        "Drop one on the widget, or choose Video file in its camera menu; the present picture is "
        "still sent.",
    ),
    "screen-refused": Explanation(
        "No screen was shared.",
        "Browsers share one after a click only: choose Screen in the widget's camera menu.",
    ),
    "microphone-failed": Explanation(
        "There is no microphone, or this page may not use it.",
        "Connect one, allow it in the browser's site settings, and set microphone to True again.",
    ),
    "microphone-later": Explanation(
        "This session began without a microphone, and offer and answer can't add one.",
        "Stop and start to be heard, or use transport='livekit'; the picture is still sent.",
    ),
}
"""Why a change of what is sent failed; the session continues. By the code of ``trouble``."""

STALLS: Final[dict[str, str]] = {
    "ended": "The picture's track ended.",
    "black": "The picture was black for 3 s while the camera's was not.",
}
"""Why a picture counts as stalled, by the ``reason`` in the page's report."""

NO_NEW_PICTURE: Final = "No new picture came for 3 s."
"""The same, for every other reason."""
