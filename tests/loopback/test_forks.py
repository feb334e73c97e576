"""A forked child, which lives on, doesn't keep our connections open."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from decart_widget.sandbox import serve
from decart_widget.session.background import Background

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@contextmanager
def forked() -> Iterator[None]:
    """A child that does nothing, for as long as the block runs."""
    told, tell = os.pipe()
    pid = os.fork()
    while pid == 0:
        os.write(tell, b"1")
        signal.pause()
    try:
        os.read(told, 1)  # until the child runs
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(told)
        os.close(tell)


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_connection_of_the_background_loop_ends_although_a_child_lives(is_paused: bool) -> None:
    ours, peer = socket.socketpair()
    peer.settimeout(20)

    async def connect() -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        if is_paused:
            transport.pause_reading()
        return transport

    background = Background.get()
    with peer:
        transport = background.start(connect(), "connect").result()
        with forked():
            background.call(transport.abort)
            assert peer.recv(1) == b"", "the end of the connection"


def test_the_port_of_a_local_server_that_is_closed_accepts_nothing_although_a_child_lives() -> None:
    sandbox = serve()
    port = urlsplit(sandbox.base_url).port
    assert port is not None
    with forked():
        sandbox.close()
        with pytest.raises(ConnectionRefusedError), socket.socket() as client:
            client.connect(("127.0.0.1", port))
