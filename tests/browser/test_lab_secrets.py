"""Where a key must never be: the browser, the notebook's file, logs, repr.

The kernel holds a key with a marker in it and talks to a local server that accepts this key alone,
with every logger turned up as far as it goes.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

from decart_widget import sandbox
from tests.browser.conftest import OpenNotebook
from tools.widget_view import WidgetView

CELLS = """
import logging, os, pathlib
logging.basicConfig(level=logging.DEBUG)
os.environ["DECART_API_KEY"] = pathlib.Path({file!r}).read_text()
from decart_widget import DecartWidget

w = DecartWidget(prompt="greyscale", endpoint=({base_url!r}, {realtime_base_url!r}))
w
"""
#: Client tokens are secrets too, and short-lived: any of them counts.
CLIENT_TOKEN = re.compile(rb"\bek_[\w.-]{8,}")


async def test_the_key_stays_in_the_kernel(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    marker = secrets.token_hex(12)
    file = tmp_path / "key"
    file.write_text(f"dct_{marker}")
    with sandbox.serve(api_key=f"dct_{marker}") as server:
        notebook = await open_notebook(
            CELLS.format(
                file=str(file),
                base_url=server.base_url,
                realtime_base_url=server.realtime_base_url,
            )
        )
        view = WidgetView(notebook.page)
        await view.start()
        await view.picture()
        await view.type_prompt("invert")
        await notebook.until("w.applied_prompt == 'invert'")
        shown = await notebook.execute("repr(w), str(w), repr(w.get_state()), repr(vars(w))")
        await notebook.save()
        await view.stop()
        await notebook.until("w.connection_state == 'disconnected'")

    saved = (notebook.lab.root / "test_the_key_stays_in_the_kernel.ipynb").read_bytes()
    state = json.loads(saved)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    assert any("applied_prompt" in model["state"] for model in state["state"].values()), (
        "the notebook was saved without the widget's state"
    )
    assert len(notebook.frames) > 50
    places = {
        "repr": shown.encode(),
        "notebook file": saved,
        "server and kernel log": notebook.lab.log.read_bytes(),
        "browser": b"\n".join(frame.payload for frame in notebook.frames),
        "page": (await notebook.page.content()).encode(),
    }
    found = [name for name, content in places.items() if marker.encode() in content]
    assert found == []
    tokens = [name for name, content in places.items() if CLIENT_TOKEN.search(content)]
    assert tokens == []
