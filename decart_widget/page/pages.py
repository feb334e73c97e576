"""The only road between Python and the browser; ``js/src/kernel.ts`` is its other end.

Everything that is not a trait travels as a message from the table in ``road``, and nothing else in
this package sends or reads one. ``tests/vectors/page_messages.json`` holds examples of each, which
the tests of both ends read.

Browsers are *front ends*: each page that shows the widget names itself in a ``hello`` that it
repeats until it is welcomed. One of them is the *owner*: it has the camera. Front ends are only
counted on while an attempt is live, because only then do they send heartbeats.

All of this runs on the background loop; a comm handler does nothing but hand over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from decart_widget.diagnostics.log import MAX_REASONS, Log, PageClock
from decart_widget.page.messages import MalformedError, end, prepare, read, room_to_join, welcome
from decart_widget.page.rate_limit import Gate
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.session.media import EndReason, Preparation

HEARTBEAT_TIMEOUT: Final = 20.0
"""Seconds without a sign of the owner, after which nobody is watching (beats come every 5 s)."""

AWAY: Final = 8.0
"""Seconds of the owner's silence, after which no attempt to reconnect is made for it."""

BEAT_EVERY: Final = 5.0
"""Seconds between signs of life to the pages; a page that gets none lets go of its camera."""

PAGEHIDE_GRACE: Final = 10.0
"""Seconds in which a page that is being reloaded may come back."""

MAX_PAGES: Final = 16
"""Pages remembered; the one heard of least recently is forgotten first."""


@dataclass
class Page:
    """A front end, and when it was last heard of (seconds of the steady clock)."""

    heard: float
    hidden_at: float | None = None
    safari: bool = False
    agent: str = ""
    clock: PageClock = field(default_factory=PageClock)


class PageEvents(Protocol):
    """Who acts on what browsers say; each is called on the background loop."""

    @property
    def attempt(self) -> int | None:
        """The live attempt's number, or None."""

    def started(self) -> None:
        """Somebody clicked Start in the page that is the owner now."""

    def start_likely(self) -> None:
        """Somebody points at Start in the page that is the owner now."""

    def stopped(self) -> None:
        """Somebody clicked Stop; the browser has already let go of the camera."""

    def woke(self) -> None:
        """The owner's network is back, or somebody looks at it again."""

    def prompt_applied(self, prompt: str, enrich: bool) -> None:
        """Somebody pressed Enter or Apply."""

    def media_message(self, message: dict[str, Any]) -> None:
        """An offer, candidate, media, refused or stats message of the live attempt."""

    def image_given(self, message: dict[str, Any]) -> None:
        """A piece of a reference image that somebody gave to a page."""

    def cameras_changed(self, message: dict[str, Any]) -> None:
        """What can film, and what does."""

    def camera_trouble(self, code: str) -> None:
        """Another picture was wished for and could not be had; what there was goes on."""

    def tapped(self, message: dict[str, Any]) -> None:
        """A piece of what was asked for by a tap, or how that is doing."""

    def record_asked(self, *, on: bool) -> None:
        """Somebody pressed Record, or ended what that began."""

    def chunk_needed(self, name: str, digest: str) -> None:
        """A page lacks a piece of the front end."""

    def owner_came(self, *, replaced: bool) -> None:
        """There is an owner; ``replaced`` when the live attempt was another page's."""

    def owner_left(self) -> None:
        """The live attempt's page goes; it may be a reload."""

    def unattended(self) -> None:
        """Nobody has been watching for too long."""


class Pages:
    """The pages that show one widget, and the messages to and from them.

    Args:
        send: Sends a custom message to all pages; called on the background loop.
        events: Acts on what they say.
        clock: A steady clock in seconds.
        log: Where the pages' story goes.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        events: PageEvents,
        clock: Callable[[], float] = time.monotonic,
        log: Log | None = None,
    ) -> None:
        self.log = Log() if log is None else log
        self._send = send
        self._events = events
        self._clock = clock
        self.by_id: dict[str, Page] = {}
        self.owner: str | None = None
        self.dropped: dict[str, int] = {}
        """Messages that changed nothing, by reason."""
        self._checked_at: float | None = None
        self._gate = Gate()

    # --- from the browser ---------------------------------------------------------------------

    def receive(self, content: object, data: bytes | None = None, /) -> None:
        """Takes a message from any page. Never raises for what the page says.

        Args:
            content: The message.
            data: Its binary part; those that have one find it as ``message["data"]``.
        """
        try:
            message = read(content)
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
            # Asked by a page that can't say hello yet.
            self._events.chunk_needed(message["name"], message["hash"])
            return
        back = name == self.owner and kind != "pagehide" and not self.present
        self._take(kind, name, message)
        if back and self._events.attempt is not None:
            self._events.owner_came(replaced=False)

    def _take(self, kind: str, name: str, message: dict[str, Any]) -> None:
        if kind == "hello":
            self._hello(name, message.get("page") or {})
            return
        page = self.by_id.get(name)
        if page is None and kind == "pagehide":
            return  # it has gone before anybody knew it
        if page is None:
            # Heard of before its hello (or after it was forgotten): welcome it all the same.
            self._hello(name)
            page = self.by_id[name]
        page.heard = self._clock()
        if kind != "pagehide":
            page.hidden_at = None
        self._dispatch(kind, name, page, message)

    def _dispatch(self, kind: str, name: str, page: Page, message: dict[str, Any]) -> None:
        events = self._events
        live = events.attempt
        if kind == "log":
            self.log.take(message, page.clock)
        elif kind == "pagehide":
            page.hidden_at = self._clock()
            self.log.add("info", "page hidden or left", page_id=name[:6])
            if live is None:
                self._forget(name)
            elif name == self.owner:
                events.owner_left()
        elif kind == "start":
            if live is not None and self.owner not in (None, name):
                self._drop("start in a page that is not the owner")
                return
            self._own(name)
            events.started()
        elif kind == "intent":
            events.start_likely()
        elif kind == "take":
            if live is None or name == self.owner:
                self._drop("take of what is nobody else's")
                return
            self._own(name)  # the page that had it lets go of its camera
            events.owner_came(replaced=True)
        elif kind == "stop":
            if message["attempt"] is None or message["attempt"] == live:
                events.stopped()
            else:
                self._drop("stale stop")
        elif kind == "apply":
            events.prompt_applied(message["prompt"], message["enrich"])
        elif kind == "heartbeat":
            # The owner beats on between two attempts.
            if message["attempt"] != live and (live is None or name != self.owner):
                # The page has missed the end, for instance while its socket was away.
                self._drop("stale heartbeat")
                self.end(message["attempt"], "stopped", keep_camera=False)
        elif name != self.owner:
            self._drop(f"{kind} of a page that is not the owner")
        elif kind == "wake":
            events.woke()
        elif kind == "image":
            events.image_given(message)
        elif kind == "cameras":
            events.cameras_changed(message)
        elif kind == "trouble":
            events.camera_trouble(message["code"])
        elif kind in ("piece", "tapped"):
            events.tapped({**message, "offset": page.clock.offset})
        elif kind == "record":
            events.record_asked(on=message["on"])
        elif message["attempt"] is not None and message["attempt"] != live:
            self._drop(f"stale {kind}")
        else:
            events.media_message(message)

    def _hello(self, name: str, about: Mapping[str, Any] = MappingProxyType({})) -> None:
        now = self._clock()
        if name not in self.by_id and len(self.by_id) >= MAX_PAGES:
            self._forget(min(self.by_id, key=lambda n: (n == self.owner, self.by_id[n].heard)))
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
        owner = self.by_id.get(self.owner) if self.owner is not None else None
        live = self._events.attempt is not None
        if new and (owner is None or not live or owner.hidden_at is not None):
            # The newest page has the camera, unless another one is live.
            replaced = live and self.owner is not None
            self.owner = name
            self._welcome(name)
            self._events.owner_came(replaced=replaced)
            return
        self._welcome(name)

    def _welcome(self, name: str) -> None:
        self._send(welcome(name, owner=name == self.owner, attempt=self._events.attempt))

    def _own(self, name: str) -> None:
        if self.owner != name:
            self.owner = name
            self.log.add("info", "owner", page_id=name[:6])
            self._send({"type": "owner", "page_id": name})

    def _forget(self, name: str) -> None:
        self.by_id.pop(name, None)
        if self.owner == name:
            # The page heard of most recently takes over, so that Python can start there.
            rest = max(self.by_id, key=lambda n: self.by_id[n].heard, default=None)
            self.owner = None
            if rest is not None:
                self._own(rest)

    def _drop(self, reason: str) -> None:
        if len(self.dropped) < MAX_REASONS or reason in self.dropped:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1
        self.log.refuse(f"page: {reason}")

    @property
    def owner_is_safari(self) -> bool:
        """Whether the page with the camera runs in desktop Safari."""
        page = self.by_id.get(self.owner) if self.owner is not None else None
        return page is not None and page.safari

    # --- whether anybody is watching ----------------------------------------------------------

    @property
    def present(self) -> bool:
        """Whether a live attempt's owner is there: not being left, and heard of lately."""
        page = self.by_id.get(self.owner) if self.owner is not None else None
        return page is not None and page.hidden_at is None and self._clock() - page.heard <= AWAY

    def check_owner(self, *, page_messages_blocked: bool = False) -> None:
        """Looks whether the owner of the live attempt is still there; call it every second.

        Args:
            page_messages_blocked: Whether messages can't arrive at present (a kernel without
                subshells is busy with a cell), so that silence means nothing.
        """
        now = self._clock()
        since = 0.0 if self._checked_at is None else now - self._checked_at
        self._checked_at = now
        if self._events.attempt is None:
            self._checked_at = None
            return
        page = self.by_id.get(self.owner) if self.owner is not None else None
        if page is None:
            return
        if page_messages_blocked:
            self.extend_deadline(since)
        hidden = page.hidden_at is not None and now - page.hidden_at > PAGEHIDE_GRACE
        if hidden or now - page.heard > HEARTBEAT_TIMEOUT:
            assert self.owner is not None
            self._forget(self.owner)
            self._events.unattended()

    def extend_deadline(self, seconds: float) -> None:
        """Doesn't count so many seconds in which the owner could not be heard."""
        page = self.by_id.get(self.owner) if self.owner is not None else None
        if page is not None:
            page.heard = min(self._clock(), page.heard + seconds)
            if page.hidden_at is not None:
                page.hidden_at += seconds

    def refresh(self) -> None:
        """Counts the owner as just heard of: an attempt begins, and heartbeats with it."""
        page = self.by_id.get(self.owner) if self.owner is not None else None
        if page is not None:
            page.heard = self._clock()

    # --- to the browser -----------------------------------------------------------------------

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Asks the owner to open the camera and make an offer."""
        self._send(prepare(self.owner, attempt, preparation))

    def room(self, attempt: int, room: RoomInfo) -> None:
        """Hands the room and the token to join it to the owner; the token is short-lived."""
        self._send(room_to_join(self.owner, attempt, room))

    def beat(self) -> None:
        """Tells the pages that this kernel lives; call it every ``BEAT_EVERY`` seconds."""
        self._send({"type": "beat"})

    def switch_camera(self, request: int) -> None:
        """Asks the owner for its next camera; its ``cameras`` answers, with this number."""
        self._send({"type": "switch-camera", "page_id": self.owner, "request": request})

    def tap(self, request: Mapping[str, Any]) -> None:
        """Asks the owner for a still, frames or a clip; see ``taps``."""
        self._send({"type": "tap", "page_id": self.owner, **request})

    def credit(self, number: int, frames: int) -> None:
        """Lets the page send so many frames more of a tap."""
        self._send({"type": "credit", "id": number, "frames": frames})

    def untap(self, number: int) -> None:
        """Ends a tap; the page sends what it still has."""
        self._send({"type": "untap", "id": number})

    def recording(self, state: str, name: str, text: str = "") -> None:
        """Tells pages how a clip is doing: its file's name, never where that is."""
        self._send({"type": "recording", "state": state, "name": name, "text": text})

    def answer(self, attempt: int, sdp: str) -> None:
        """Hands the service's session description on."""
        self._send({"type": "answer", "attempt": attempt, "sdp": sdp})

    def candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Hands a candidate of the service's on."""
        shown = None if candidate is None else candidate.as_json()
        self._send({"type": "candidate", "attempt": attempt, "candidate": shown})

    def end(self, attempt: int, reason: EndReason, *, keep_camera: bool) -> None:
        """Ends an attempt in the events."""
        self._send(end(attempt, reason, keep_camera=keep_camera))
