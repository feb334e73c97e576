"""Runs third-party clients, each in a process or a page of its own.

They are installed in other environments than this one, by `make conformance`. Without these the
tests fail instead of being skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from decart_widget.sandbox import Faults, Sandbox

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-conformance"
"""The Python environments with the clients."""
PAGE = HERE / "page"
"""The page with the clients for browsers."""
KEY = "dct_test"
LIMIT_S = 30.0
"""Seconds that a condition may take to hold."""


def interpreter(**wanted: str) -> Path:
    """The Python interpreter of the environment with these packages, in these versions."""
    name = "-".join(next(iter(wanted.items())))
    found = ENVIRONMENTS / name / "bin" / "python"
    if not found.exists():
        pytest.fail(f"There is no {found}: run `make conformance`.")
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    asked = subprocess.run([found, "-c", code, *wanted], capture_output=True, text=True, check=True)
    if asked.stdout.split() != list(wanted.values()):
        pytest.fail(f"{found} has {asked.stdout.strip()} of {wanted}: run `make conformance`.")
    return found


async def run_client(
    command: list[str | Path], sandbox: Sandbox, limit_s: float = 90.0
) -> dict[str, Any]:
    """Run a client's program.

    A line of output with the key ``faults`` sets the sandbox's faults; the program gets a line on
    its standard input when that is done.

    Returns:
        The JSON object on the last line of its output: what the client saw.
    """
    environment = {k: v for k, v in os.environ.items() if k != "DECART_API_KEY"}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    seen: dict[str, Any] = {}
    try:
        async with asyncio.timeout(limit_s):
            async for line in process.stdout:
                seen = json.loads(line)
                if "faults" in seen:
                    await asyncio.to_thread(set_faults, sandbox, Faults(**seen["faults"]))
                    process.stdin.write(b"\n")
            await process.wait()
    except TimeoutError:
        process.kill()
        pytest.fail(f"still running after {limit_s} s:\n{(await complaints).decode()[-3000:]}")
    finally:
        process.stdin.close()
    assert process.returncode == 0, (await complaints).decode()[-3000:]
    return seen


def set_faults(sandbox: Sandbox, faults: Faults) -> None:
    sandbox.faults = faults


@dataclass
class ClientPage:
    """A page with one client, which `open` connects to the sandbox."""

    page: Page
    sandbox: Sandbox
    errors: list[str] = field(default_factory=list)

    async def open(self, client: str, width: int = 640, height: int = 360, **options: Any) -> None:
        """Open the camera and connect.

        Args:
            client: ``sdk`` or ``livekit``.
            width: Of the camera's picture, in pixels.
            height: Likewise.
            **options: ``prompt``, ``codec``, ``microphone``.
        """
        await self.run(
            "([name, options]) => page.open(name, options)",
            [client, {"width": width, "height": height, **self._urls, **options}],
        )

    async def subscribe(self, token: str) -> None:
        """Subscribe, with the SDK, to another client's session."""
        await self.run(
            """async (options) => {
          const { watch } = await import('./sdk-client.js');
          const show = (stream) => { page.video.srcObject = stream; };
          page.client = await watch({ ...options, show });
        }""",
            {**self._urls, "token": token},
        )

    @property
    def _urls(self) -> dict[str, str]:
        return {
            "baseUrl": self.sandbox.base_url,
            "realtimeBaseUrl": self.sandbox.realtime_base_url,
            "key": KEY,
        }

    async def run(self, script: str, value: Any = None) -> Any:
        return await asyncio.wait_for(self.page.evaluate(script, value), LIMIT_S)

    async def until(self, condition: str, value: Any = None) -> None:
        """Wait until a JavaScript expression of ``p = page.look()`` and ``v = value`` is true."""
        await self.page.wait_for_function(
            f"(v) => {{ const p = page.look(); return {condition}; }}",
            arg=value,
            timeout=LIMIT_S * 1000,
        )

    async def moves(self, frames: int = 15) -> None:
        """Wait until that many more frames were shown; the count restarts with a new stream."""
        seen = await self.run("page.look().frames")
        await self.until("p.frames >= v", seen + frames)


@asynccontextmanager
async def client_page(browser: Browser, sandbox: Sandbox, pages: str) -> AsyncIterator[ClientPage]:
    """Open a page for a client; at the end, no script may have failed in it."""
    if not (PAGE / "dist" / "sdk.js").exists():
        pytest.fail(f"There is no bundle in {PAGE / 'dist'}: run `make conformance`.")
    context = await browser.new_context()
    page = await context.new_page()
    opened = ClientPage(page, sandbox)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    await page.goto(f"{pages}/client/index.html")
    await page.wait_for_function("window.page")
    try:
        yield opened
    finally:
        await context.close()
    assert opened.errors == []


async def stats_until(
    sandbox: Sandbox, holds: Callable[[dict[str, Any]], object], limit_s: float = LIMIT_S
) -> dict[str, Any]:
    """Wait until ``holds`` is true of the sandbox's statistics; returns these."""
    async with asyncio.timeout(limit_s):
        while not holds(stats := await asyncio.to_thread(sandbox.stats)):
            await asyncio.sleep(0.05)
    return stats


OpenPage = Callable[[], Awaitable[ClientPage]]
