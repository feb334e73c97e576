"""A page without a browser: it sends comm messages to a real ipykernel over jupyter_client.

Its camera is a real peer connection (``CameraPeer``), so a session has all of its parts: comm,
control socket and media.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from decart_widget.errors import DecartError
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.messages import Candidate, RoomInfo, parse_candidate
from decart_widget.session.media import MediaState, Preparation
from tests.loopback.camera_peer import CameraPeer

LIMIT = 30.0
REPLY_CHECK_S = 0.3


class KernelPage:
    """A kernel, and the messages that it sends to pages."""

    def __init__(self) -> None:
        self.state: dict[str, dict[str, Any]] = {}
        """Comm id -> the model's traits."""
        self.custom: list[tuple[str, dict[str, Any]]] = []
        self.on_part: Callable[[str, dict[str, Any], bytes], None] | None = None
        """Called with each message that has a binary part."""
        self.closed: set[str] = set()
        self.printed = ""
        self.everything: list[str] = []
        """Each message from the kernel, as text."""
        self.subshell: str | None = None
        self._idle: set[str] = set()
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, python: str | None = None, **environment: str) -> KernelPage:
        clean = {k: v for k, v in os.environ.items() if k != "DECART_API_KEY"}
        self.manager = AsyncKernelManager()
        if python is not None:
            assert self.manager.kernel_spec is not None
            self.manager.kernel_spec.argv[0] = python
        await self.manager.start_kernel(env={**clean, **environment})
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(LIMIT)
        self._tasks.append(asyncio.ensure_future(self._listen()))
        await self._ask_for_subshell()
        return self

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.client.stop_channels()
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel()  # not `now`: its coverage data would be lost

    async def _ask_for_subshell(self) -> None:
        """Creates a subshell for comm messages as JupyterLab does, where the kernel has them."""
        info = await self.client.kernel_info(reply=True, timeout=LIMIT)
        if "kernel subshells" not in info["content"].get("supported_features", []):
            return
        request = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(request)
        reply = await asyncio.wait_for(self.client.control_channel.get_msg(), LIMIT)
        self.subshell = reply["content"]["subshell_id"]

    async def _listen(self) -> None:
        while True:
            message = await self.client.iopub_channel.get_msg()
            self._take(message)
            self._moved.set()

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        self.everything.append(json.dumps(content, default=str))
        if kind == "comm_open":
            self.state[content["comm_id"]] = dict(content["data"]["state"])
        elif kind == "comm_msg":
            data = content["data"]
            if data["method"] == "update":
                self.state.setdefault(content["comm_id"], {}).update(data["state"])
            elif data["method"] == "custom":
                self.custom.append((content["comm_id"], data["content"]))
                if message.get("buffers") and self.on_part is not None:
                    self.on_part(content["comm_id"], data["content"], bytes(message["buffers"][0]))
        elif kind == "comm_close":
            self.closed.add(content["comm_id"])
        elif kind == "status" and content["execution_state"] == "idle":
            self._idle.add(message["parent_header"].get("msg_id", ""))
        elif kind == "stream":
            self.printed += content["text"]
        elif kind == "error":
            self.printed += "\n".join(content["traceback"])

    async def until(self, true: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(LIMIT):
                while not (value := true()):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            newest = [content for _, content in self.custom[-12:]]
            states = [
                {name: state.get(name) for name in ("connection_state", "error", "endpoint")}
                for state in self.state.values()
                if "connection_state" in state
            ]
            raise AssertionError(f"timeout: traits {states}, last messages {newest}") from None
        return value

    def begin(self, code: str, cell: str | None = None) -> str:
        """Starts a cell; returns its message id. JupyterLab names the cell."""
        content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
        metadata = {} if cell is None else {"cellId": cell}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    async def finish(self, message_id: str) -> str:
        """Waits for a cell's end; returns all that has been printed so far."""
        until = asyncio.get_running_loop().time() + LIMIT
        while True:
            assert asyncio.get_running_loop().time() < until, f"no reply; {self.printed}"
            # A page that sends on the socket takes away the sign that a reply has come.
            try:
                reply = await self.client.shell_channel.get_msg(timeout=REPLY_CHECK_S)
            except Empty:
                continue
            if reply["parent_header"].get("msg_id") == message_id:
                await self.until(lambda: message_id in self._idle)  # all of its output has arrived
                assert reply["content"]["status"] == "ok", self.printed
                return self.printed

    async def run(self, code: str, cell: str | None = None) -> str:
        return await self.finish(self.begin(code, cell))

    def send(self, comm_id: str, data: dict[str, Any], part: bytes | None = None) -> None:
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        parts = None if part is None else [part]
        self.client.session.send(self.client.shell_channel.socket, message, buffers=parts)


class WidgetPage:
    """A page that shows a widget: it sends a hello, and has a camera.

    Args:
        kernel: The widget's kernel.
        name: The page's ``page_id``.
        comm_id: The widget's; None for the widget made last.
        camera: Implements ``Media``; None for a ``CameraPeer`` (plain WebRTC).
        kind: The widget's class.
    """

    def __init__(
        self,
        kernel: KernelPage,
        name: str = "page-1",
        comm_id: str | None = None,
        *,
        camera: Any = None,
        kind: str = "DecartWidget",
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.comm_id = comm_id or next(
            key
            for key, state in reversed(kernel.state.items())
            if str(state.get("_anywidget_id", "")).endswith(kind)
        )
        self.camera: Any = camera or CameraPeer()
        self.camera.listener = self
        self._answering: asyncio.Task[None] | None = None

    @property
    def traits(self) -> dict[str, Any]:
        return self.kernel.state[self.comm_id]

    def say(self, type_: str, **fields: Any) -> None:
        content = {"type": type_, "page_id": self.name, **fields}
        self.kernel.send(self.comm_id, {"method": "custom", "content": content})

    def set(self, **traits: Any) -> None:
        self.kernel.send(self.comm_id, {"method": "update", "state": traits, "buffer_paths": []})

    def received(self, type_: str) -> list[dict[str, Any]]:
        return [m for c, m in self.kernel.custom if c == self.comm_id and m["type"] == type_]

    async def hello(self) -> dict[str, Any]:
        self.say("hello", protocol=1, version="test", page={"secure": True})
        welcome: dict[str, Any] = await self.kernel.until(
            lambda: next((m for m in self.received("welcome") if m["page_id"] == self.name), None)
        )
        self._answering = asyncio.ensure_future(self._answer())
        return welcome

    async def until(self, **traits: Any) -> None:
        await self.kernel.until(
            lambda: all(self.traits.get(name) == value for name, value in traits.items())
        )

    async def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            with suppress(asyncio.CancelledError):
                await self._answering  # an error in it makes the test fail
        await self.camera.close()

    async def _answer(self) -> None:
        """Acts on the kernel's messages as a page does."""
        self._seen = 0
        while True:
            await self.kernel.until(lambda: len(self.kernel.custom) > self._seen)
            new = self.kernel.custom[self._seen :]
            self._seen += len(new)
            for comm_id, message in new:
                if comm_id == self.comm_id:
                    self._act(message)

    def _act(self, message: dict[str, Any]) -> None:
        attempt: Any = message.get("attempt")
        match message["type"]:
            case "prepare" if message["page_id"] == self.name:
                model = message["model"]
                video = {k: v for k, v in message["video"].items() if k != "start_bitrate"}
                self.camera.prepare(
                    attempt,
                    Preparation(
                        message["transport"],
                        RealtimeModel(model["name"]),
                        VideoOptions(**video),
                        message["rtc"],
                        message["timeout_s"],
                    ),
                )
            case "answer" | "candidate" if not self.camera.prepared:
                pass  # this message is for another page
            case "answer":
                self.camera.answer(attempt, message["sdp"])
            case "candidate":
                self.camera.add_candidate(attempt, parse_candidate(message["candidate"]))
            case "room" if message["page_id"] == self.name:
                room = RoomInfo(message["url"], message["token"], message["room_name"])
                self.camera.join(attempt, room)
            case "end":
                self.camera.end(attempt, message["reason"], keep_source=message["keep_camera"])

    # --- what the camera reports, passed on (MediaListener) -----------------------------------

    def offer_made(self, attempt: int, sdp: str) -> None:
        self.say("offer", attempt=attempt, sdp=sdp)

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        init = None if candidate is None else candidate.as_json()
        self.say("candidate", attempt=attempt, candidate=init)

    def media_changed(self, attempt: int, state: MediaState) -> None:
        self.say("media", attempt=attempt, state=state)

    def media_refused(self, attempt: int, error: DecartError) -> None:
        self.say("refused", attempt=attempt, reason=error.code, message=error.message)

    def media_lost(self, error: DecartError) -> None:
        raise AssertionError(f"{error}: the camera of a test is never lost")
