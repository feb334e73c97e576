"""The clients' own tables beside ours: each difference is in a list that somebody has reviewed.

When a client is raised to another release, the test names what is new or gone: adopt it, or add it
to the list with the reason.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from decart_widget.models import DEPRECATED, MODELS
from decart_widget.options import CODECS
from decart_widget.protocol import codec
from decart_widget.protocol import messages as m
from decart_widget.widgets.arguments import RESOLUTIONS
from tests.conformance.clients import HERE, PAGE, interpreter

OURS: Final[dict[str, Any]] = {
    "models": {
        name: {
            "fps": model.fps,
            "width": model.width,
            "height": model.height,
            "url_path": model.url_path,
            "speeds": sorted(model.speeds),
        }
        for name, model in MODELS.items()
    },
    "aliases": DEPRECATED,
    "options": {
        "resolution": sorted(RESOLUTIONS),
        "speed": ["fast"],
        "preferred_video_codec": sorted(name.lower() for name in CODECS),
    },
    "received": sorted(codec._DECODERS),
    "sent": {
        message["type"]: sorted(set(message) - {"type"})
        for message in (
            m.Prompt("p", True).as_json(),
            # An image is sent as data or by its reference: both fields are ours.
            {**m.SetImage(m.ImageData("QQ"), "p", True).as_json(), "image_ref": "file_1"},
            m.LivekitJoin(True).as_json(),
            m.Offer("v=0").as_json(),
            m.LocalCandidate(None).as_json(),
        )
    },
    "errors": [],
}


def lines(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.strip().splitlines())


BOTH_TRANSPORTS: Final = lines(
    """
    received status: only ours
    """
)
"""The service sends it, whether or not a client reads it."""

OFFER_ANSWER: Final = lines(
    """
    received answer: only ours
    received ice-candidate: only ours
    sent ice-candidate: only ours
    sent offer: only ours
    """
)
"""Messages of ``transport="webrtc"``, which the clients of 2026 lack."""

ROOMS: Final = lines(
    """
    received livekit_room_info: only ours
    received queue_position: only ours
    sent livekit_join: only ours
    """
)
"""Messages of ``transport="livekit"``, which the clients of 2025 lack."""

NO_IMAGE_REF: Final = lines(
    """
    sent set_image: ['enhance_prompt', 'image_data', 'prompt'], ours \
['enhance_prompt', 'image_data', 'image_ref', 'prompt']
    """
)
"""The client for Python sends no reference to an uploaded file; the one for JavaScript does."""

READY_IGNORED: Final = lines("received ready: only theirs")
"""A message of older servers without content; ours ignores it like any unknown one."""

OLD_NAMES: Final = lines(
    """
    alias lucy_2_rt: only ours
    alias lucy_v2v_14b_rt: only ours
    """
)
"""Names in notebooks of 2025 that newer clients have dropped; ours still warns and maps them."""

BATCH_NAMES: Final = lines("alias lucy-restyle-v2v: only theirs")
"""A deprecated name of a model for files, not for sessions."""

SIZES_OF_2025: Final = lines(
    """
    model lucy-2.1: height 624, ours 720
    model lucy-2.1: width 1088, ours 1280
    model lucy-latest: height 624, ours 720
    model lucy-latest: speeds [], ours ['fast']
    model lucy-latest: width 1088, ours 1280
    """
)
"""Before the service took 1280x720 for every model and had a fast tier; we follow Python 0.2.4."""

VTON_OF_2025: Final = lines(
    """
    alias lucy-2.1-vton-2: only theirs
    model lucy-vton-2: only theirs
    model lucy-vton-3: only theirs
    model lucy-vton-latest: speeds [], ours ['fast']
    """
)
"""Versions that newer clients don't list. Ours accepts ``lucy-vton-2`` and ``lucy-vton-3`` once the
service has confirmed them."""

ERRORS_OF_JAVASCRIPT: Final = frozenset(
    f"error {name}: only theirs"
    for name in [
        "FILES_DELETE_ERROR",
        "FILES_GET_ERROR",
        "FILES_UPLOAD_ERROR",
        "INVALID_API_KEY",
        "INVALID_BASE_URL",
        "INVALID_INPUT",
        "INVALID_OPTIONS",
        "JOB_NOT_COMPLETED",
        "LIVEKIT_INITIALIZATION_ERROR",
        "MODEL_NOT_FOUND",
        "PROCESSING_ERROR",
        "QUEUE_RESULT_ERROR",
        "QUEUE_STATUS_ERROR",
        "QUEUE_SUBMIT_ERROR",
        "REACT_NATIVE_SETUP_REQUIRED",
        "TOKEN_CREATE_ERROR",
        "UNSUPPORTED_PLATFORM_FEATURE",
        "WEBRTC_ICE_ERROR",
        "WEBRTC_SERVER_ERROR",
        "WEBRTC_SIGNALING_ERROR",
        "WEBRTC_TIMEOUT_ERROR",
        "WEBRTC_WEBSOCKET_ERROR",
    ]
)
"""That client's own names of errors. A new one, for used-up credits say, may tell the texts with
which the service reports it: see ``decart_widget/protocol/retry.py``."""

REVIEWED: Final[dict[str, frozenset[str]]] = {
    "python 0.0.40": BOTH_TRANSPORTS
    | ROOMS
    | NO_IMAGE_REF
    | READY_IGNORED
    | OLD_NAMES
    | BATCH_NAMES
    | SIZES_OF_2025
    | VTON_OF_2025
    | lines(
        """
        alias lucy-vton: only theirs
        model lucy-2.1-vton-2: only theirs
        model lucy-2.1-vton: only theirs
        model lucy-2.5: only ours
        model lucy-2.6: only ours
        model lucy-vton-3.5: only ours
        model lucy-vton-3.6: only ours
        model lucy-vton-latest: height 624, ours 720
        model lucy-vton-latest: width 1088, ours 1280
        model lucy-vton: only theirs
        model mirage_v2: only theirs
        """  # deprecated since, or newer than that release
    ),
    "python 0.2.4": BOTH_TRANSPORTS
    | OFFER_ANSWER
    | NO_IMAGE_REF
    | READY_IGNORED
    | OLD_NAMES
    | BATCH_NAMES
    | lines(
        """
        alias mirage_v2: only ours
        option preferred_video_codec av1: only ours
        option preferred_video_codec vp8: only ours
        sent livekit_join: [], ours ['passthrough']
        """  # codecs of browsers; that client always sends a prompt or an image behind its join
    ),
    "javascript": BOTH_TRANSPORTS
    | OFFER_ANSWER
    | OLD_NAMES
    | BATCH_NAMES
    | SIZES_OF_2025
    | VTON_OF_2025
    | ERRORS_OF_JAVASCRIPT
    | lines(
        """
        alias mirage_v2: only ours
        model lucy-2.5: speeds [], ours ['fast']
        model lucy-2.6: only ours
        model lucy-vton-3.5: speeds [], ours ['fast']
        model lucy-vton-3.6: only ours
        option preferred_video_codec av1: only ours
        option speed fast: only ours
        received session_id: only ours
        """  # older than the fast tier and the newest models; the session's id comes with the room
    ),
}


def python_tables(version: str) -> Any:
    script = HERE / "tables.py"
    return _json([interpreter(decart=version), script], HERE)


def javascript_tables() -> Any:
    return _json(["node", "tables.mjs"], PAGE)


def _json(command: list[str | Path], folder: Path) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> set[str]:
    """Every difference, as a line of text each."""
    found = set()
    for kind, label in (("models", "model"), ("sent", "sent"), ("aliases", "alias")):
        mine, other = ours[kind], theirs[kind]
        found |= {f"{label} {name}: only theirs" for name in set(other) - set(mine)}
        found |= {f"{label} {name}: only ours" for name in set(mine) - set(other)}
        for name in set(mine) & set(other):
            found |= _unequal(f"{label} {name}", other[name], mine[name])
    listed = [
        (f"option {name}", ours["options"][name], values)
        for name, values in theirs["options"].items()
        if name in ours["options"]
    ]
    listed.append(("received", ours["received"], theirs["received"]))
    listed.append(("error", ours["errors"], theirs.get("errors", [])))
    for label, mine, other in listed:
        found |= {f"{label} {value}: only theirs" for value in set(other) - set(mine)}
        found |= {f"{label} {value}: only ours" for value in set(mine) - set(other)}
    return found


def _unequal(label: str, theirs: Any, ours: Any) -> set[str]:
    if isinstance(theirs, dict):
        return {
            f"{label}: {field} {theirs[field]}, ours {ours[field]}"
            for field in theirs
            if theirs[field] != ours[field]
        }
    if theirs is None or theirs == ours:
        return set()
    return {f"{label}: {theirs}, ours {ours}"}


@pytest.mark.parametrize("client", REVIEWED)
def test_every_difference_from_a_client_s_tables_was_reviewed(client: str) -> None:
    if client == "javascript":
        theirs = javascript_tables()
    else:
        theirs = python_tables(client.partition(" ")[2])
    found = differences(theirs, OURS)
    reviewed = REVIEWED[client]
    new, gone = sorted(found - reviewed), sorted(reviewed - found)
    assert new + gone == [], "\n".join(["new:", *new, "gone:", *gone])


def test_a_changed_table_is_named() -> None:
    theirs = json.loads(json.dumps(OURS))
    assert differences(theirs, OURS) == set()
    theirs["models"]["lucy-2.1"]["width"] = 640
    theirs["models"]["lucy-3"] = theirs["models"].pop("lucy-2.6")
    theirs["received"].append("pause_ack")
    theirs["options"]["speed"].append("slow")
    assert differences(theirs, OURS) == {
        "model lucy-2.1: width 640, ours 1280",
        "model lucy-3: only theirs",
        "model lucy-2.6: only ours",
        "received pause_ack: only theirs",
        "option speed slow: only theirs",
    }
