"""A widget without a kernel: its comm records the messages."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from comm.base_comm import BaseComm

from decart_widget.session.background import Background
from decart_widget.widgets.user_code import CallThread

KEY = "dct_MARKER0123456789"
SERVER = "http://127.0.0.1:9"  # where no server listens: these tests don't connect
PICTURE = np.zeros((16, 16, 3), np.uint8)

sent: list[dict[str, Any]] = []


class RecordingComm(BaseComm):
    """A comm that appends its messages to ``sent``."""

    def publish_msg(  # type: ignore[override]
        self, msg_type: str, data: Any = None, **rest: Any
    ) -> None:
        sent.append({"msg_type": msg_type, "data": data, **rest})


async def _nothing() -> None:
    """Runs on the background loop after everything that was queued before."""


def settle() -> None:
    """Waits until the background loop and the user's callbacks have nothing to do."""
    for _ in range(3):
        Background.get().start(_nothing(), "settle").result(timeout=10)
        called = threading.Event()
        CallThread.get().call(called.set)
        assert called.wait(timeout=10)


def updates() -> dict[str, Any]:
    """The newest value of each trait that was sent since the widget was made."""
    newest: dict[str, Any] = {}
    for message in sent:
        if message["msg_type"] == "comm_msg" and message["data"]["method"] == "update":
            newest.update(message["data"]["state"])
    return newest
