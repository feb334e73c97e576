"""``Pages`` without a kernel, and a check that messages to pages conform to the examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decart_widget._version import __version__
from decart_widget.page.pages import Pages

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "vectors" / "page_messages.json").read_text("utf-8")
)


def label(message: Any) -> str:
    return json.dumps(message)[:60]


class HostWatchers:
    """Records what ``Pages`` reports about watchers."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def came(self, page_id: str) -> None:
        pass

    left = came

    def receive(self, page_id: str, message: Mapping[str, Any]) -> None:
        self._host.events.append((message["type"], page_id))


class Host:
    """Records what ``Pages`` reports (``events``) and sends; the test sets its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.attempt: int | None = None
        self.events: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        self.pages = Pages(self.send, self, lambda: self.now)

    def send(self, message: dict[str, Any], _buffers: list[bytes] | None = None, /) -> None:
        self.sent.append(message)

    # --- PageEvents, and all of its handlers --------------------------------------------------

    @property
    def sessions(self) -> Host:
        return self

    prompts = image = cameras = taps = clips = deck = sessions

    @property
    def watchers(self) -> HostWatchers:
        return HostWatchers(self)

    def started(self) -> None:
        self.events.append("started")

    def start_likely(self) -> None:
        self.events.append("start likely")

    def stopped(self) -> None:
        self.events.append("stopped")

    def woke(self) -> None:
        self.events.append("woke")

    def apply_from_page(self, prompt: str, enrich: bool) -> None:
        self.events.append(("applied", prompt, enrich))

    def media_message(self, message: dict[str, Any]) -> None:
        self.events.append((message["type"], message["page_id"]))

    stats_received = media_message

    def receive(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        self.events.append((kind, message["total" if kind == "image" else "id"]))

    def changed(self, message: Mapping[str, Any]) -> None:
        self.events.append(("cameras", len(message["cameras"])))

    def seen(self, message: Mapping[str, Any]) -> None:
        self.events.append((message["type"], message["number"]))

    marked = seen

    def switched(self, number: int) -> None:
        self.events.append(("switch", number))

    def sweep_wanted(self) -> None:
        self.events.append("sweep")

    def thumbnails_wanted(self) -> None:
        self.events.append("thumbnails")

    def failed(self, code: str) -> None:
        self.events.append(("trouble", code))

    def asked_by_page(self, *, on: bool) -> None:
        self.events.append(("record", on))

    def owner_came(self, *, replaced: bool) -> None:
        self.events.append(("owner", self.pages.owner, replaced))

    def owner_left(self) -> None:
        self.events.append("owner left")

    def unattended(self) -> None:
        self.events.append("unattended")
        self.attempt = None

    # --- for tests ----------------------------------------------------------------------------

    def say(self, type_: str, page_id: str = "f1", **fields: Any) -> None:
        self.pages.receive({"type": type_, "page_id": page_id, **fields})

    def hello(self, page_id: str = "f1", **about: Any) -> None:
        self.say("hello", page_id, protocol=1, version="0.1.0", page={"visible": True, **about})

    def wait(
        self, seconds: float, *, beats_of: tuple[str, ...] = (), page_messages_blocked: bool = False
    ) -> None:
        """Advances the clock, with a check every second and a heartbeat every five."""
        for second in range(1, int(seconds) + 1):
            self.now += 1
            if second % 5 == 0:
                for page in beats_of:
                    self.say("heartbeat", page, attempt=self.attempt)
            self.pages.check_owner(page_messages_blocked=page_messages_blocked)

    def take_events(self) -> list[Any]:
        events, self.events = self.events, []
        return events

    def take_sent(self) -> list[dict[str, Any]]:
        sent = self.sent[:]
        self.sent.clear()
        return sent

    @property
    def owner(self) -> str | None:
        return self.pages.owner


def welcome(page: str, *, owner: bool, attempt: int | None = None) -> dict[str, Any]:
    return {
        "type": "welcome",
        "page_id": page,
        "owner": owner,
        "protocol": 1,
        "version": __version__,
        "attempt": attempt,
    }


def active(*viewers: str) -> Host:
    """A host whose attempt 3 is owned by page f1."""
    host = Host()
    host.hello()
    host.attempt = 3
    host.pages.refresh()
    for viewer in viewers:
        host.hello(viewer)
    host.take_events()
    host.take_sent()
    return host


def conforms(message: dict[str, Any]) -> bool:
    """Whether a message has the fields of one of the examples, with values of the same types."""

    def like(value: Any, example: Any) -> bool:
        if isinstance(example, dict):
            return isinstance(value, dict) and all(
                name in value and like(value[name], part) for name, part in example.items()
            )
        if isinstance(example, bool) or isinstance(value, bool):
            return type(value) is type(example)
        if isinstance(example, int | float):
            return isinstance(value, int | float)
        return type(value) is type(example)

    return any(like(message, example) for example in MESSAGES["to_browser"])


def dropped(pages: Pages) -> dict[str, int]:
    """How often messages of pages were refused, by reason."""
    return {
        reason.removeprefix("page: "): count
        for reason, count in pages.log.refused.items()
        if reason.startswith("page: ")
    }
