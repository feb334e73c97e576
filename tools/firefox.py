"""Headless Firefox for tests, by WebDriver BiDi: it needs Firefox alone, and no geckodriver.

Looked for in $DECART_WIDGET_FIREFOX, then on PATH. `python -m tools.firefox` prints its path;
`--install` installs Debian's `firefox-esr` if there is none, or says why it can't.

    async with launched() as firefox:
        tab = await firefox.tab()
        await tab.goto("http://127.0.0.1:8888/lab")
        await tab.call("(a, b) => a + b", 1, 2)
        await tab.click(".decart-widget .dw-start")
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import websockets

from tools.bidi import BidiError, Connection, to_remote
from tools.browser import named, runs, say

VARIABLE: Final = "DECART_WIDGET_FIREFOX"
NAMES: Final = ("firefox-esr", "firefox")

HELP: Final = (
    "No Firefox was found, and none could be installed. Install one (Debian: "
    f"sudo apt install firefox-esr), or name one: {VARIABLE}=/path/to/firefox."
)

PREFERENCES: Final[dict[str, str | int | bool]] = {
    # A fake camera and microphone, which pages may open.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    # Media on 127.0.0.1, for machines without another interface.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # None of Firefox's own network traffic. Without its plugin OpenH264 there is no H.264, as in a
    # Firefox that has just been installed.
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": "",
    "network.proxy.type": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "app.update.enabled": False,
    "app.update.disabledForTesting": True,
    "app.normandy.enabled": False,
    "app.normandy.api_url": "",
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.region.network.url": "",
    "browser.search.update": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.server": "",
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "dom.push.enabled": False,
    # No pages and dialogs of a first start.
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.startup.homepage": "about:blank",
    "browser.newtabpage.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "dom.disable_open_during_load": False,
    "remote.prefs.recommended": True,
}
"""Firefox's preferences in a test's profile."""

IS_SLOW: Final = 60.0
"""Seconds that a start, or a command, may take on a machine that is busy."""


class NoFirefoxError(RuntimeError):
    """No Firefox was found, or it didn't start; the message says what to do."""


def find() -> Path | None:
    """The first Firefox that runs, or None.

    Raises:
        NoFirefoxError: $DECART_WIDGET_FIREFOX names something that doesn't run.
    """
    if (firefox := named(VARIABLE, NoFirefoxError)) is not None:
        return firefox
    candidates = [shutil.which(name) for name in NAMES]
    return next((Path(one) for one in candidates if one and runs(one)), None)


def install() -> Path:
    """The installed Firefox, else a new one: Debian's, as root.

    Raises:
        NoFirefoxError: None could be installed; the message says what to do.
    """
    if (firefox := find()) is not None:
        return firefox
    apt = shutil.which("apt-get")
    if apt is not None and platform.system() == "Linux" and os.geteuid() == 0:
        say("Installing Firefox with apt")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "firefox-esr"]):
            command = [apt, "-qq", *arguments]
            subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)
    if (firefox := find()) is None:
        raise NoFirefoxError(HELP)
    say(f"Installed {firefox}")
    return firefox


class Tab:
    """One tab.

    Attributes:
        errors: What its console shows as an error.
    """

    def __init__(self, connection: Connection, context: str) -> None:
        self._connection = connection
        self._context = context
        self.errors: list[str] = []

    async def goto(self, url: str) -> None:
        """Opens a page; returns when its document is there."""
        await self._ask("browsingContext.navigate", url=url, wait="interactive")

    async def reload(self) -> None:
        """Loads the page anew; returns when the new document begins."""
        await self._ask("browsingContext.reload", wait="none")

    async def close(self) -> None:
        """Closes the tab as a person does: the page's `beforeunload` is dispatched."""
        await self._ask("browsingContext.close", promptUnload=True)

    async def call(self, function: str, /, *arguments: Any, timeout: float = IS_SLOW) -> Any:
        """Calls a JavaScript function, which may be asynchronous, as if a person had clicked.

        Args:
            function: Its source.
            *arguments: Its arguments; anything that JSON can hold.
            timeout: Seconds.

        Returns:
            Its result, which has to be something that JSON can hold.

        Raises:
            BidiError: It threw an error, or its page was left meanwhile.
        """
        result = await self._ask(
            "script.callFunction",
            functionDeclaration=f"async (json) => JSON.stringify("
            f"(await ({function})(...JSON.parse(json))) ?? null)",
            arguments=[to_remote(json.dumps(arguments))],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
            timeout=timeout,
        )
        if result["type"] == "exception":
            raise BidiError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    async def until(self, condition: str, /, *arguments: Any, timeout: float = IS_SLOW) -> Any:
        """Waits until a function of the page returns something true; returns that.

        Errors count as false, because a page may be loading anew.

        Raises:
            TimeoutError: It hasn't within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        problem: Exception | None = None
        while time.monotonic() < deadline:
            try:
                if value := await self.call(condition, *arguments):
                    return value
            except (BidiError, TimeoutError) as error:
                problem = error
            await asyncio.sleep(0.05)
        raise TimeoutError(f"not within {timeout} s: {condition} {arguments}") from problem

    async def click(self, selector: str, /) -> None:
        """Clicks on the middle of the first such element, once it is there and visible."""
        await self.until("(s) => document.querySelector(s)?.checkVisibility()", selector)
        element = await self._ask(
            "script.callFunction",
            functionDeclaration="(s) => { const one = document.querySelector(s);"
            " one.scrollIntoView({block: 'nearest'}); return one; }",
            arguments=[to_remote(selector)],
            target={"context": self._context},
            awaitPromise=False,
        )
        origin = {"type": "element", "element": {"sharedId": element["result"]["sharedId"]}}
        await self._act(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    async def type(self, text: str, /) -> None:
        """Presses the keys of a text; WebDriver's U+E007 is Enter."""
        await self._act("key", *({"type": t, "value": k} for k in text for t in KEY_EVENTS))

    async def resize(self, width: int, height: int) -> None:
        """Sets the size of the page in pixels."""
        await self._ask("browsingContext.setViewport", viewport={"width": width, "height": height})

    async def screenshot(self) -> bytes:
        """The page as a PNG."""
        shot = await self._ask("browsingContext.captureScreenshot")
        return base64.b64decode(shot["data"])

    async def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": list(actions)}
        await self._ask("input.performActions", actions=[source])

    async def _ask(self, method: str, /, **parameters: Any) -> Any:
        if method != "script.callFunction":
            parameters["context"] = self._context
        return await self._connection.ask(method, **parameters)


KEY_EVENTS: Final = ("keyDown", "keyUp")
"""What a key that is pressed does."""


class Firefox:
    """A running Firefox; `launched()` makes one.

    Attributes:
        version: Such as `153.7.0`.
    """

    def __init__(self) -> None:
        self.version = ""
        self._connection: Connection | None = None
        self._tabs: dict[str, Tab] = {}

    async def tab(self) -> Tab:
        """A new tab, in front of the others."""
        assert self._connection is not None
        made = await self._connection.ask("browsingContext.create", type="tab")
        tab = self._tabs[made["context"]] = Tab(self._connection, made["context"])
        return tab

    async def use(self, connection: Connection) -> None:
        """Begins a session on the connection."""
        self._connection = connection
        behaviour = {"beforeUnload": "accept", "default": "ignore"}
        session = await connection.ask(
            "session.new",
            capabilities={"alwaysMatch": {"unhandledPromptBehavior": behaviour}},
        )
        self.version = session["capabilities"]["browserVersion"]
        await connection.ask("session.subscribe", events=["log.entryAdded"])

    def on_event(self, method: str, event: dict[str, Any]) -> None:
        """Keeps errors of a tab's console."""
        tab = self._tabs.get(event.get("source", {}).get("context", ""))
        if method == "log.entryAdded" and tab is not None and event["level"] == "error":
            frames = (event.get("stackTrace") or {}).get("callFrames") or [{}]
            tab.errors.append(f"{event['text']} ({frames[0].get('url', '')})")


@asynccontextmanager
async def launched(path: Path | None = None) -> AsyncIterator[Firefox]:
    """Headless Firefox with a fake camera and a profile of its own; ended and removed on leaving.

    Args:
        path: The program; by default that of `find()`.

    Yields:
        The browser.

    Raises:
        NoFirefoxError: There is none, or it didn't start.
    """
    path = path or find()
    if path is None:
        raise NoFirefoxError(HELP)
    home = Path(tempfile.mkdtemp(prefix="decart-widget-firefox-"))
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
    (home / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        path,
        *("--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0"),
        "about:blank",
        env={**os.environ, "HOME": str(home), "MOZ_CRASHREPORTER_DISABLE": "1"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    reading: asyncio.Task[None] | None = None
    try:
        url = await _address(process.stderr)
        reading = asyncio.create_task(_discard(process.stderr))
        firefox = Firefox()
        async with (
            websockets.connect(f"{url}/session", max_size=None, ping_interval=None) as socket,
            Connection(socket, firefox.on_event) as connection,
        ):
            await firefox.use(connection)
            yield firefox
            with contextlib.suppress(BidiError, TimeoutError):
                await connection.ask("browser.close", timeout=10)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if reading is not None:
            await reading
        shutil.rmtree(home, ignore_errors=True)


async def _address(stderr: asyncio.StreamReader) -> str:
    """The WebSocket's URL, which Firefox prints when it listens."""
    async with asyncio.timeout(IS_SLOW):
        while line := await stderr.readline():
            if found := re.search(rb"ws://\S+", line):
                return found.group().decode()
    raise NoFirefoxError("Firefox ended while it was starting.")


async def _discard(stderr: asyncio.StreamReader) -> None:
    while await stderr.read(65536):
        pass


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.firefox", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install one if there is none")
    options = parser.parse_args()
    try:
        firefox = install() if options.install else find()
    except NoFirefoxError as error:
        firefox = None
        print(error, file=sys.stderr)
    if not options.install:
        print(firefox or HELP)
    return 0 if firefox or options.install else 1


if __name__ == "__main__":
    raise SystemExit(main())
