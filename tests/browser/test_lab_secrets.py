"""Secrets appear neither in browser, notebook file, logs, arguments, history nor repr.

The kernel has a key with a marker and talks to a local server that accepts only this key, with
every logger at its most verbose level. Everything that a session writes is searched for the key,
for each client token and room token that it received, and for a TURN password.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Final

import psutil
import pytest

from decart_widget import sandbox
from decart_widget.sandbox.tokens import Keyring
from tests.browser.conftest import OpenNotebook
from tools.widget_view import WidgetView

CELLS: Final = """
import logging, os, pathlib
logging.basicConfig(level=logging.DEBUG)
os.environ["DECART_API_KEY"] = pathlib.Path({file!r}).read_text()
from decart_widget import ConnectionOptions, DecartWidget

password = pathlib.Path({turn!r}).read_text()
turn = {{"urls": "turn:127.0.0.1:9", "username": "u", "credential": password}}
w = DecartWidget(prompt="greyscale", endpoint=({base_url!r}, {realtime_base_url!r}),
                 api_key=os.environ["DECART_API_KEY"],
                 transport={transport!r}, connection=ConnectionOptions(ice_servers=[turn]))
w
"""
STORAGE: Final = """async () => {
  const stores = [{...localStorage}, {...sessionStorage}, document.cookie, location.href,
                  performance.getEntries().map(({name}) => name)];
  for (const {name} of await indexedDB.databases()) {
    const open = indexedDB.open(name);
    const db = await new Promise((done) => (open.onsuccess = () => done(open.result)));
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      stores.push(await new Promise((done) => (all.onsuccess = () => done(all.result))));
    }
    db.close();
  }
  return JSON.stringify(stores);
}"""
CLIENT_TOKEN: Final = re.compile(rb"\bek_[\w.-]{8,}")
"""Client tokens and room tokens that were issued: short-lived, but secrets as well."""

BY_MESSAGE: Final = re.compile(rb'"type": ?"(?:room|prepare)"')
"""The only messages in which a page may receive credentials that it needs."""


def everything_under(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(path.read_bytes() for path in files)


def arguments_of_all_processes() -> bytes:
    shown = []
    for process in psutil.process_iter():
        try:
            shown += process.cmdline()
        except psutil.Error:
            continue
    return "\n".join(shown).encode()


@pytest.mark.new_tab
@pytest.mark.parametrize("transport", ["livekit", "webrtc"])
async def test_the_key_stays_in_the_kernel(
    open_notebook: OpenNotebook,
    tmp_path: Path,
    transport: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    marker, turn = secrets.token_hex(12), secrets.token_hex(12)
    file, turn_file = tmp_path / "key", tmp_path / "turn"
    file.write_text(f"dct_{marker}")
    turn_file.write_text(turn)
    minted: list[str] = []
    mint = Keyring.mint

    def noted(self: Keyring, *given: object, **more: object) -> dict[str, object]:
        answer: dict[str, object] = mint(self, *given, **more)  # type: ignore[arg-type]
        minted.append(str(answer["apiKey"]))
        return answer

    monkeypatch.setattr(Keyring, "mint", noted)
    with sandbox.serve(api_key=f"dct_{marker}") as server:
        notebook = await open_notebook(
            CELLS.format(
                file=str(file),
                turn=str(turn_file),
                base_url=server.base_url,
                realtime_base_url=server.realtime_base_url,
                transport=transport,
            )
        )
        view = WidgetView(notebook.page)
        await view.start()
        await view.picture()
        await view.type_prompt("invert")
        await notebook.until("w.applied_prompt == 'invert'")
        arguments = arguments_of_all_processes()
        shown = await notebook.execute(
            "repr(w), str(w), repr(w.get_state()), repr(vars(w)), repr(vars(w._controller)), "
            "w.log.text()"
        )
        stored = await notebook.page.evaluate(STORAGE)
        await notebook.save()
        await view.stop()
        await notebook.until("w.connection_state == 'disconnected'")

    saved = (notebook.lab.root / f"{request.node.name}.ipynb").read_bytes()
    state = json.loads(saved)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    assert any("applied_prompt" in model["state"] for model in state["state"].values()), (
        "the notebook was saved without the widget's state"
    )
    assert len(notebook.frames) > 50
    assert minted
    frames = [frame.payload for frame in notebook.frames]
    room_tokens = re.findall(rb'"token": ?"(eyJ[\w.-]+)"', b"\n".join(frames))
    assert bool(room_tokens) is (transport == "livekit")
    places = {
        "repr and log": shown.encode(),
        "notebook file": saved,
        "server's folder, logs and history": everything_under(notebook.lab.home),
        "browser's storage and addresses": stored.encode(),
        "arguments of processes": arguments,
        "page": (await notebook.page.content()).encode(),
        "messages": b"\n".join(frame for frame in frames if not BY_MESSAGE.search(frame)),
    }
    every = b"\n".join([*places.values(), *frames])
    assert marker.encode() not in every  # the key itself: in no message at all
    assert not any(token.encode() in every for token in minted)
    wanted = [turn.encode(), *room_tokens]
    assert [name for name, content in places.items() if any(w in content for w in wanted)] == []
    assert [name for name, content in places.items() if CLIENT_TOKEN.search(content)] == []
