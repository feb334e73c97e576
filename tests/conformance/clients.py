"""Clients by others, and how a test gets hold of them: a process or a page of their own.

None of them runs in this environment; `make conformance` makes theirs. Without them the tests
fail: skipping proves nothing.
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
PAGE = HERE / "page"
KEY = "dct_test"
LIMIT = 30.0


def interpreter(**wanted: str) -> Path:
    """The Python of the environment that holds these packages, in these versions."""
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
    command: list[str | Path], sandbox: Sandbox, limit: float = 90.0
) -> dict[str, Any]:
    """What a client's program saw: the JSON object on the last line that it prints.

    A line before that with the key ``faults`` asks for these to happen now; a line on its standard
    input tells it that they do.
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
        async with asyncio.timeout(limit):
            async for line in process.stdout:
                seen = json.loads(line)
                if "faults" in seen:
                    await asyncio.to_thread(set_faults, sandbox, Faults(**seen["faults"]))
                    process.stdin.write(b"\n")
            await process.wait()
    except TimeoutError:
        process.kill()
        pytest.fail(f"still at it after {limit} s:\n{(await complaints).decode()[-3000:]}")
    finally:
        process.stdin.close()
    assert process.returncode == 0, (await complaints).decode()[-3000:]
    return seen


def set_faults(sandbox: Sandbox, faults: Faults) -> None:
    sandbox.faults = faults


@dataclass
class ClientPage:
    """A page with one client in it, connected to the sandbox by `open`."""

    page: Page
    sandbox: Sandbox
    errors: list[str] = field(default_factory=list)

    async def open(self, client: str, width: int = 640, height: int = 360, **options: Any) -> None:
        """Opens the camera and connects; `options`: prompt, codec."""
        await self.run(
            "([name, options]) => page.open(name, options)",
            [client, {"width": width, "height": height, **self._urls, **options}],
        )

    async def watch(self, token: str) -> None:
        """Sees somebody's session, with the SDK."""
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
        return await asyncio.wait_for(self.page.evaluate(script, value), LIMIT)

    async def until(self, condition: str, value: Any = None) -> None:
        """Waits until the expression holds; ``p`` is what is seen, ``v`` is `value`."""
        await self.page.wait_for_function(
            f"(v) => {{ const p = page.look(); return {condition}; }}",
            arg=value,
            timeout=LIMIT * 1000,
        )

    async def moves(self, frames: int = 15) -> None:
        """Waits until so many more pictures were shown; a new stream counts anew."""
        seen = await self.run("page.look().frames")
        await self.until("p.frames >= v", seen + frames)


@asynccontextmanager
async def client_page(browser: Browser, sandbox: Sandbox, pages: str) -> AsyncIterator[ClientPage]:
    """An empty tab for a client; on leaving, no script may have failed in it."""
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
    sandbox: Sandbox, holds: Callable[[dict[str, Any]], object], limit: float = LIMIT
) -> dict[str, Any]:
    """The sandbox's figures, as soon as something is true of them."""
    async with asyncio.timeout(limit):
        while not holds(stats := await asyncio.to_thread(sandbox.stats)):
            await asyncio.sleep(0.05)
    return stats


OpenPage = Callable[[], Awaitable[ClientPage]]
