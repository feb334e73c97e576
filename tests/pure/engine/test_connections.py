"""Which connection an attempt gets."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from decart_widget.engine.connection import ConnectionSettings
from decart_widget.engine.connections import connect
from decart_widget.errors import MediaError


def test_without_the_package_livekit_a_room_s_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange: Any = None
    monkeypatch.setitem(sys.modules, "livekit", None)
    for name in [name for name in sys.modules if name.startswith("livekit.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "decart_widget.engine.room", raising=False)
    monkeypatch.delitem(sys.modules, "decart_widget.engine.room_encoder", raising=False)
    with pytest.raises(MediaError) as raised:
        connect(ConnectionSettings("livekit"), exchange)
    assert raised.value.code == "livekit-missing"
    assert "pip install livekit" in raised.value.remedy


async def test_the_transport_decides() -> None:
    exchange: Any = None
    room = connect(ConnectionSettings("livekit"), exchange)
    assert type(room).__name__ == "RoomConnection"
    peer = connect(ConnectionSettings("webrtc"), exchange)
    assert type(peer).__name__ == "PeerConnection"
    await peer.close()
