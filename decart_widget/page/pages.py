"""The pages that show one widget, the owner among them, and the messages to and from them.

Everything that is not a trait travels as a message of ``page.messages``; the other end is
``js/src/kernel/kernel.ts``. Each browser page that shows the widget announces its ``page_id`` in a
``hello``, which it repeats until it receives the ``welcome``. One of the pages is the *owner*: it
has the camera. Pages send heartbeats only during an attempt, so time-outs apply only then.

All of this runs on the background loop; the comm's handler only passes messages to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from decart_widget.diagnostics.log import Log, PageClock
from decart_widget.page import messages
from decart_widget.page.chunks import requested
from decart_widget.page.events import PageEvents
from decart_widget.page.messages import MalformedError, Send
from decart_widget.page.rate_limit import Gate
from decart_widget.page.sender import PageSender

HEARTBEAT_TIMEOUT_S: Final = 20.0
"""Seconds without a message of the owner after which the session ends (heartbeats: every 5 s)."""

AWAY_S: Final = 8.0
"""Seconds without a message of the owner after which a reconnect waits for its next one."""

PAGEHIDE_GRACE_S: Final = 10.0
"""Seconds after ``pagehide`` in which a page may come back, for instance from a reload."""

MAX_PAGES: Final = 16
"""Pages kept; when there are more, the one whose last message is oldest is forgotten."""

LAST_WORDS: Final = ("leaving", "pagehide")
"""Messages of a page that is being left: they don't show that it is there.

``leaving`` is sent at ``beforeunload``, because Firefox closes a page's WebSockets before
``pagehide``. It can be taken back by a ``hello``: a person may cancel a dialog, and a navigation
may turn out to be a download.
"""


@dataclass
class Page:
    """A browser page that shows the widget.

    Attributes:
        heard: When its last message arrived, in seconds of the monotonic clock.
        hidden_at: When its ``pagehide`` or ``leaving`` arrived; None after a later message, which
            after ``leaving`` has to be a ``hello``.
        is_leaving: Whether ``leaving`` came, and no ``hello`` after it.
        safari: Whether it runs in desktop Safari.
        agent: Its browser's user agent.
        clock: The offset of its clock to this machine's.
    """

    heard: float
    hidden_at: float | None = None
    is_leaving: bool = False
    safari: bool = False
    agent: str = ""
    clock: PageClock = field(default_factory=PageClock)


class Pages(PageSender):
    """The pages that show one widget, and the messages to and from them.

    Args:
        send: Sends a message to all pages; called on the background loop.
        events: Handles what they report.
        clock: A monotonic clock, in seconds.
        log: Receives the pages' log entries.

    Attributes:
        by_id: The pages by ``page_id``.
        owner: The owner's ``page_id``; None without pages.
        shared: Whether the session runs in the kernel, so that each page shows it and may act on
            it as the owner.
    """

    def __init__(
        self,
        send: Send,
        events: PageEvents,
        clock: Callable[[], float] = time.monotonic,
        log: Log | None = None,
    ) -> None:
        self.log = Log() if log is None else log
        super().__init__(send)
        self._events = events
        self._clock = clock
        self.by_id: dict[str, Page] = {}
        self.shared = False
        self._checked_at: float | None = None
        self._gate = Gate()

    # --- from pages ---------------------------------------------------------------------------

    def receive(self, content: object, data: bytes | None = None, /) -> None:
        """Handles a message from any page. Never raises for what the page sends.

        Args:
            content: The message.
            data: Its binary part, passed on as ``message["data"]``.
        """
        try:
            message = messages.read(content)
        except MalformedError as bad:
            self._drop(str(bad))
            return
        if data is not None:
            message["data"] = data
        kind, name = message["type"], message["page_id"]
        if not self._gate.allows(kind, self._clock()):
            self._drop(f"too many {kind}")
            return
        if kind == "need":
            # A page requests the chunk ``main`` before it can send its hello.
            chunk = requested(message["name"], message["hash"])
            if chunk is not None:
                self._send(chunk.message(), [chunk.data])
            return
        was_away = name == self.owner and not self.present
        self._take(kind, name, message)
        if was_away and self.present and self._events.sessions.attempt is not None:
            self._events.owner_came(replaced=False)

    def _take(self, kind: str, name: str, message: dict[str, Any]) -> None:
        if kind == "hello":
            self._hello(name, message.get("page") or {})
            return
        page = self.by_id.get(name)
        if page is None and kind in LAST_WORDS:
            return  # the page was left before its hello
        if page is None:
            # Its hello is still to come, or the page was forgotten meanwhile.
            self._hello(name)
            page = self.by_id[name]
        page.heard = self._clock()
        if kind not in LAST_WORDS and not page.is_leaving:
            page.hidden_at = None
        self._dispatch(kind, name, page, message)

    def _dispatch(self, kind: str, name: str, page: Page, message: dict[str, Any]) -> None:
        """Handles messages that any page may send; ``_dispatch_owner`` has the owner's."""
        events = self._events
        current = events.sessions.attempt
        match kind:
            case "log":
                self.log.take(message, page.clock)
            case "pagehide" | "leaving":
                page.is_leaving = page.is_leaving or kind == "leaving"
                self._left(name, page)
            case "start":
                if current is not None and self.owner not in (None, name):
                    self._drop("start in a page that is not the owner")
                    return
                self._own(name)
                events.started()
            case "intent":
                events.start_likely()
            case "take":
                if current is None or name == self.owner:
                    self._drop("take of a session that no other page owns")
                    return
                self._own(name)  # the page that was the owner closes its camera
                events.owner_came(replaced=True)
            case "stop":
                if message["attempt"] is None or message["attempt"] == current:
                    events.sessions.stopped()
                else:
                    self._drop("stale stop")
            case "apply":
                events.prompts.apply_from_page(message["prompt"], message["enrich"])
            case "mark":
                events.deck.marked(message)
            case "switch":
                events.deck.switched(message["number"])
            case "sweep":
                events.deck.sweep_wanted()
            case "thumbnails":
                events.deck.thumbnails_wanted()
            case "heartbeat":
                # Between two attempts the owner continues to send heartbeats.
                shows_it = name == self.owner or self.shared
                if message["attempt"] != current and (current is None or not shows_it):
                    # The page has missed the ``end``, for instance while its socket was closed.
                    self._drop("stale heartbeat")
                    self.end(message["attempt"], "stopped", keep_camera=False)
            case "watch" | "shown":
                events.watchers.receive(name, message)
            case "stats" if self.shared and name != self.owner:
                return  # one page's figures are enough
            case _ if name != self.owner and not self.shared:
                self._drop(f"{kind} of a page that is not the owner")
            case _:
                self._dispatch_owner(kind, page, message)

    def _left(self, name: str, page: Page) -> None:
        if page.hidden_at is not None:
            return  # ``pagehide`` follows ``leaving``
        page.hidden_at = self._clock()
        self.log.add("info", "page hidden or left", page_id=name[:6])
        if self._events.sessions.attempt is None:
            self.forget(name)
        elif name == self.owner:
            self._events.sessions.owner_left()
        self._events.watchers.left(name)

    def _dispatch_owner(self, kind: str, page: Page, message: dict[str, Any]) -> None:
        events = self._events
        match kind:
            case "wake":
                events.sessions.woke()
            case "image":
                events.image.receive(message)
            case "cameras":
                events.cameras.changed(message)
            case "trouble":
                events.cameras.failed(message["code"])
            case "piece" | "tapped":
                events.taps.receive({**message, "offset": page.clock.offset})
            case "effect":
                events.deck.seen(message)
            case "record":
                events.clips.asked_by_page(on=message["on"])
            case _ if message["attempt"] not in (None, events.sessions.attempt):
                self._drop(f"stale {kind}")
            case "stats":
                events.stats_received(message)
            case _:
                events.sessions.media_message(message)

    def _hello(self, name: str, about: Mapping[str, Any] = MappingProxyType({})) -> None:
        now = self._clock()
        if name not in self.by_id and len(self.by_id) >= MAX_PAGES:
            self.forget(min(self.by_id, key=lambda n: (n == self.owner, self.by_id[n].heard)))
        new = name not in self.by_id
        agent = about.get("agent")
        page = Page(now, safari=about.get("safari") is True)
        page.agent = agent[:200] if isinstance(agent, str) else ""
        if new:
            self.log.add("info", "page came", page_id=name[:6], secure=about.get("secure"))
        else:
            page.clock = self.by_id[name].clock
            page.agent = page.agent or self.by_id[name].agent
        self.by_id[name] = page
        owner = self.owner_page
        active = self._events.sessions.attempt is not None
        # What this page was before it was reloaded: those pages exist no longer.
        former = [one for one in messages.former_pages(about) if one in self.by_id and one != name]
        left = owner is None or owner.hidden_at is not None
        if self.owner in former or (new and (left or not active)):
            # The newest page becomes the owner, unless another one owns an attempt.
            replaced = active and self.owner is not None
            self.owner = name
            self._welcome(name)
            self._events.owner_came(replaced=replaced)
        else:
            self._welcome(name)
        for one in former:
            self.forget(one)
        self._events.watchers.came(name)

    def _welcome(self, name: str) -> None:
        attempt = self._events.sessions.attempt
        self._send(messages.welcome(name, owner=name == self.owner, attempt=attempt))

    def _own(self, name: str) -> None:
        if self.owner != name:
            self.owner = name
            self.log.add("info", "owner", page_id=name[:6])
            self._send(messages.owner_changed(name))

    def forget(self, name: str) -> None:
        """Forgets a page that is gone."""
        self.by_id.pop(name, None)
        if self.owner == name:
            # The page with the newest message becomes the owner, so that connect() has one.
            rest = max(self.by_id, key=lambda n: self.by_id[n].heard, default=None)
            self.owner = None
            if rest is not None:
                self._own(rest)

    def _drop(self, reason: str) -> None:
        self.log.refuse(f"page: {reason}")

    # --- whether the owner is present -----------------------------------------------------------

    @property
    def owner_page(self) -> Page | None:
        """The owner; None without pages."""
        return None if self.owner is None else self.by_id.get(self.owner)

    @property
    def owner_is_safari(self) -> bool:
        """Whether the owner runs in desktop Safari."""
        page = self.owner_page
        return page is not None and page.safari

    @property
    def present(self) -> bool:
        """Whether the owner is there: not being left, and heard from within the last 8 s."""
        page = self.owner_page
        return page is not None and page.hidden_at is None and self._clock() - page.heard <= AWAY_S

    def check_owner(self, *, page_messages_blocked: bool = False) -> None:
        """Ends the session if the owner of the current attempt is gone; call it every second.

        Args:
            page_messages_blocked: Whether page messages can't arrive at present (a kernel without
                subshells runs a cell); that time doesn't count.
        """
        now = self._clock()
        since = 0.0 if self._checked_at is None else now - self._checked_at
        self._checked_at = now
        if self._events.sessions.attempt is None:
            self._checked_at = None
            return
        page = self.owner_page
        if page is None:
            return
        if page_messages_blocked:
            self.extend_deadline(since)
        hidden = page.hidden_at is not None and now - page.hidden_at > PAGEHIDE_GRACE_S
        if hidden or now - page.heard > HEARTBEAT_TIMEOUT_S:
            assert self.owner is not None
            self.forget(self.owner)
            self._events.sessions.unattended()

    def extend_deadline(self, seconds: float) -> None:
        """Extends the owner's time-outs by the seconds in which its messages could not arrive."""
        page = self.owner_page
        if page is not None:
            page.heard = min(self._clock(), page.heard + seconds)
            if page.hidden_at is not None:
                page.hidden_at += seconds

    def refresh(self) -> None:
        """Restarts the owner's time-out: an attempt begins, and heartbeats with it."""
        page = self.owner_page
        if page is not None:
            page.heard = self._clock()
