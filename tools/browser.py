"""The Chromium that demo-check, the browser tests and the benchmarks use.

Looked for in this order: $DECART_WIDGET_BROWSER, PATH, the usual places, Playwright's downloads.
`python -m tools.browser` prints its path; `--install` installs one if there is none.
"""

from __future__ import annotations

import argparse
import glob
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Error, ViewportSize, async_playwright

VARIABLE: Final = "DECART_WIDGET_BROWSER"
NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
PLACES: Final = (
    "/usr/lib/chromium/chromium",
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PLAYWRIGHT_CACHES: Final = (
    "~/.cache/ms-playwright",
    "~/Library/Caches/ms-playwright",
    "/ms-playwright",
)
PLAYWRIGHT_BINARIES: Final = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
HELP: Final = (
    "No Chromium or Chrome was found, and none could be installed. Install one (Debian: "
    "sudo apt install chromium), or name one: DECART_WIDGET_BROWSER=/path/to/chrome."
)

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
)
"""Chromium's flags: permissions granted, no sandbox (tests may run as root in a container), and
none of Chrome's own network traffic.
"""


VIEWPORT: Final = ViewportSize(width=1280, height=1100)


class NoBrowserError(RuntimeError):
    """No browser was found; the message says how to get one."""


def launch_arguments(
    video: Path | None = None, cameras: int = 1, audio: Path | None = None
) -> list[str]:
    """Chromium's command line.

    Args:
        video: File that the fake cameras play (.mjpeg or .y4m).
        cameras: Number of fake cameras, at 30 frames/s.
        audio: File that the fake microphone plays (.wav).
    """
    camera = [f"--use-fake-device-for-media-stream=fps=30,device-count={cameras}"]
    if video is not None:
        camera.append(f"--use-file-for-fake-video-capture={video}")
    if audio is not None:
        camera.append(f"--use-file-for-fake-audio-capture={audio}")
    return [*ARGUMENTS, *camera]


def runs(path: str | Path) -> bool:
    """Whether the program starts: Ubuntu ships a placeholder that only prints advice."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and any(character.isdigit() for character in answer.stdout)


def named(variable: str, error: type[Exception]) -> Path | None:
    """The browser that an environment variable names; None where it isn't set.

    Raises:
        Exception: An `error`, as it names something that doesn't run.
    """
    if not (name := os.environ.get(variable)):
        return None
    path = shutil.which(Path(name).expanduser())
    if path is None or not runs(path):
        raise error(
            f"{variable}={name} is not a browser that runs. Name one that does, or unset it."
        )
    return Path(path)


def find() -> Path | None:
    """The first browser that runs, or None.

    Raises:
        NoBrowserError: $DECART_WIDGET_BROWSER names something that doesn't run.
    """
    if (browser := named(VARIABLE, NoBrowserError)) is not None:
        return browser
    candidates = [shutil.which(name) for name in NAMES]
    candidates += [str(Path(place).expanduser()) for place in PLACES]
    for cache in PLAYWRIGHT_CACHES:
        for pattern in PLAYWRIGHT_BINARIES:
            found = glob.glob(str(Path(cache).expanduser() / pattern))  # noqa: PTH207
            candidates += sorted(found, reverse=True)
    for candidate in candidates:
        if candidate and Path(candidate).is_file() and runs(candidate):
            return Path(candidate)
    return None


def require() -> Path:
    """The browser to use.

    Raises:
        NoBrowserError: there is none.
    """
    browser = find()
    if browser is None:
        raise NoBrowserError(f"{HELP} `make demo-check` and `make test` try both by themselves.")
    return browser


@asynccontextmanager
async def launched(
    path: Path | None = None,
    *,
    video: Path | None = None,
    cameras: int = 1,
    audio: Path | None = None,
) -> AsyncIterator[Browser]:
    """Headless Chromium with a fake camera, permissions granted; closed on leaving.

    Args:
        path: The browser; by default that of `require()`.
        video: File that the cameras play (.mjpeg or .y4m); by default Chromium's test picture.
        cameras: Number of cameras.
        audio: File that the microphone repeats (.wav); by default Chromium's beeps.

    Yields:
        The browser.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path or require(), args=launch_arguments(video, cameras, audio)
        )
        try:
            yield browser
        finally:
            await browser.close()


class Relaunched:
    """A browser that is launched again after it has crashed; use `relaunched()`.

    Chromium's own process crashed once in some five runs of `tests/browser`.
    """

    def __init__(self, launch: Callable[[], AbstractAsyncContextManager[Browser]]) -> None:
        self._launch = launch
        self._stack = AsyncExitStack()
        self._browser: Browser | None = None

    async def get(self) -> Browser:
        """The browser, a new one if the former has crashed."""
        if self._browser is None or not self._browser.is_connected():
            await self.close()
            self._browser = await self._stack.enter_async_context(self._launch())
        return self._browser

    async def close(self) -> None:
        """Closes the browser, if there is one."""
        self._browser = None
        with suppress(Error):  # a browser that has crashed can't be closed
            await self._stack.aclose()


@asynccontextmanager
async def relaunched(path: Path | None = None, **options: Any) -> AsyncIterator[Relaunched]:
    """A browser that is launched at its first use, and again after a crash.

    Args:
        path: The browser; by default that of `require()`.
        options: Those of `launched()`.

    Yields:
        What returns the browser.
    """
    browsers = Relaunched(lambda: launched(path, **options))
    try:
        yield browsers
    finally:
        await browsers.close()


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def apt_install() -> bool:
    """Installs Debian's Chromium, as root on Debian or a derivative; returns whether it runs."""
    apt = shutil.which("apt-get")
    if apt is None or platform.system() != "Linux" or os.geteuid() != 0:
        return False
    say("Installing Chromium with apt")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        command = [apt, "-qq", *arguments]
        subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)
    return find() is not None


def playwright_install() -> bool:
    say("Installing Chromium with Playwright")
    command = [sys.executable, "-m", "playwright", "install"]
    if platform.system() == "Linux" and os.geteuid() == 0:
        command.append("--with-deps")
    subprocess.run([*command, "chromium"], stdout=subprocess.DEVNULL, check=False)
    return find() is not None


def install() -> Path:
    """The installed browser, else a new one: Debian's (as root), or Playwright's.

    Raises:
        NoBrowserError: None could be installed; the message says what to do.
    """
    if (browser := find()) is None:
        if not (apt_install() or playwright_install()):
            raise NoBrowserError(HELP)
        browser = require()
        say(f"Installed {browser}")
    return browser


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.browser", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install one if there is none")
    options = parser.parse_args()
    try:
        browser = install() if options.install else require()
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.install:
        print(browser)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
