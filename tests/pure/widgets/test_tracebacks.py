"""No secret is in tracebacks, even in those with variables (IPython's Verbose mode, rich)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import logging
import re
import subprocess
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from decart_widget import DecartViewer, DecartWidget, sandbox
from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.diagnostics.log import Log, log_to_all
from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import DecartError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel, realtime_model
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.protocol.messages import RoomInfo
from decart_widget.session.background import Background
from decart_widget.session.control import open_control
from decart_widget.session.endpoints import DECART, parse_endpoint
from decart_widget.session.subscribe import Subscription
from decart_widget.session.tokens import client_token
from tests.pure.widget_helpers import settle

KEY = "dct_MARKER0123456789"
TOKEN = "ek_MARKER0123456789"
TURN = {"urls": "turn:example.org", "username": "u", "credential": "MARKER-credential"}


def base64_of(fields: dict[str, str]) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()


def errors(error: BaseException) -> list[BaseException]:
    """The error and the errors of its causes and contexts, suppressed ones too."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found


def all_texts(error: BaseException) -> str:
    """All texts of an error and its causes, with the variables of the package's frames.

    The frames of the tests are left out: their variables contain the key.
    """
    texts = []
    for one in errors(error):
        summary = traceback.TracebackException.from_exception(one, capture_locals=True)
        texts += [str(one), repr(one), repr(one.args), repr(getattr(one, "__notes__", ""))]
        for frame in summary.stack:
            if "/tests/" not in frame.filename:
                texts += [str(frame.locals)]
    return "\n".join(texts)


def verbose(error: BaseException) -> str:
    """The error's traceback as ``%xmode Verbose`` shows it, without the frames of the tests."""
    from IPython.core.ultratb import VerboseTB

    formatter = VerboseTB(theme_name="nocolor", include_vars=True)
    text = formatter.text(type(error), error, error.__traceback__)
    frames = re.split(r"^(?=File )", text, flags=re.MULTILINE)
    return "".join(frame for frame in frames if "/tests/" not in frame.partition(",")[0])


@contextlib.contextmanager
def raises_without_secrets() -> Any:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        yield
    assert "MARKER" not in all_texts(caught.value)
    assert "MARKER" not in verbose(caught.value)
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "arguments",
    [
        {"api_key": f" {KEY}"},
        {"api_key": KEY, "model": "no-such-model"},
        {"api_key": KEY, "endpoint": "https://user:x@example.org"},
        {"api_key": KEY, "transport": "carrier pigeon"},
        {"apikey": KEY},
        {"api_key": KEY, "image": b"no image"},
        {"model": KEY},
        {"model": "PLAIN-MARKER", "api_key": "PLAIN-MARKER"},
        {"image": KEY},
        {"image": f"https://example.org/{KEY}?key={KEY}", "model": "lucy-restyle-2"},
        {"image": f"ftp://example.org/{KEY}"},
        {"prompt": 7, "image": KEY},
        {"endpoint": KEY},
        {"endpoint": f"https://example.org/{KEY}"},
        {"endpoint": f"https://example.org?api_key={KEY}"},
        {"endpoint": f"https://{KEY}@example.org"},
        {"endpoint": f"https://example.org#{KEY}"},
        {"endpoint": ("https://example.org", f"wss://example.org/{KEY}")},
        {"endpoint": {"base_url": f"https://example.org/{KEY}"}},
        {"transport": KEY},
        {"camera": 7, "api_key": KEY},
        {"connection": KEY},
        {"video": KEY},
        {"resolution": KEY},
        {"speed": KEY},
        {"budget": KEY},
        {"mirror": KEY},
    ],
)
def test_no_key_is_shown_when_a_widget_can_t_be_made(arguments: dict[str, Any]) -> None:
    with raises_without_secrets():
        DecartWidget(**arguments)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ConnectionOptions(ice_servers=(TURN,), connection_timeout=-1),
        lambda: ConnectionOptions(ice_servers=(TURN, KEY)),
        lambda: ConnectionOptions(ice_servers=({**TURN, "x": object()},)),
        lambda: ConnectionOptions(rtc_configuration={"iceServers": [TURN], "x": object()}),
        lambda: ConnectionOptions(connection_timeout=KEY),  # type: ignore[arg-type]
        lambda: VideoOptions(preferred_codec=KEY),
        lambda: RealtimeModel(f"{KEY} "),
        lambda: RealtimeModel("x", url_path=KEY),
        lambda: realtime_model(KEY),
        lambda: sandbox.serve(api_key=f"{KEY} "),
        lambda: sandbox.serve(host="example.org", api_key=KEY),
        lambda: sandbox.serve(host=KEY),
        lambda: sandbox.serve(port=70_000, api_key=KEY),
        lambda: sandbox.start_child(f"{KEY} "),
        lambda: DecartViewer(KEY),
        lambda: DecartViewer(base64_of({"room_name": "a b", "key": KEY})),
        lambda: DecartViewer(base64_of({"room_name": "r", "realtime_base_url": f"ws://{KEY}/?a"})),
        lambda: DecartViewer(base64_of({"room_name": "r"}), endpoint=KEY, api_key=KEY),
    ],
)
def test_no_secret_is_shown_when_a_call_is_refused(call: Callable[[], object]) -> None:
    with raises_without_secrets():
        call()


def test_no_key_is_shown_when_it_is_set_as_a_trait(make) -> None:
    widget = make()
    with raises_without_secrets():
        widget.model = KEY
    with raises_without_secrets():
        widget.mirror = KEY
    with raises_without_secrets():
        widget.budget = KEY
    with raises_without_secrets():
        widget.set(prompt=7, image=KEY)


def test_an_unexpected_exception_keeps_its_traceback_as_a_redacted_note() -> None:
    @hides_arguments
    def public(key: str) -> None:
        raise RuntimeError(f"{key} and more")

    with pytest.raises(RuntimeError) as caught:
        public(KEY)
    assert str(caught.value) == "*** and more"
    assert "in public" in caught.value.__notes__[0]
    assert "MARKER" not in caught.value.__notes__[0] + all_texts(caught.value)


def test_no_key_from_the_environment_is_shown_when_an_unencrypted_endpoint_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    with raises_without_secrets():
        DecartWidget(endpoint="http://example.org")


def test_no_key_is_shown_when_a_viewer_can_t_be_made() -> None:
    endpoint = parse_endpoint("http://127.0.0.1:9")
    token = Subscription("room", endpoint, Secret(KEY)).token()
    with raises_without_secrets():
        DecartViewer(token, connection=7)  # type: ignore[arg-type]
    with raises_without_secrets():
        DecartViewer(token, api_key=f" {KEY}")


def test_no_key_is_shown_when_the_service_can_t_be_reached() -> None:
    endpoint = parse_endpoint("http://127.0.0.1:9")

    async def token() -> None:
        await client_token(Secret(KEY), endpoint, realtime_model("lucy-latest"))

    async def socket() -> None:
        url = endpoint.realtime_url(realtime_model("lucy-latest"), Secret(TOKEN))
        async with open_control(url, "it", 1.0):
            pass

    with raises_without_secrets():
        asyncio.run(token())
    with raises_without_secrets():
        asyncio.run(socket())


@pytest.mark.parametrize(
    "answer",
    [
        b'{"apiKey": "MARKER with spaces MARKER"}',
        b'{"apiKey": 7, "token": "MARKER token"}',
        b"MARKER-junk",
        b'["MARKER-list"]',
    ],
)
def test_no_token_is_shown_when_the_service_s_answer_can_t_be_used(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + answer)
        await writer.drain()
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            endpoint = parse_endpoint(
                f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            )
            await client_token(Secret(KEY), endpoint, realtime_model("lucy-latest"))

    with raises_without_secrets():
        asyncio.run(ask())


def test_objects_that_hold_secrets_do_not_show_them() -> None:
    options = ConnectionOptions(
        ice_servers=({"urls": "turn:x", "username": "u", "credential": "MARKER-credential"},)
    )
    room = RoomInfo("wss://x", "MARKER-room-token", "room")
    url = DECART.realtime_url(realtime_model("lucy-latest"), Secret(TOKEN))
    for thing in (options, room, url, Secret(KEY)):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert "MARKER" not in text
    # Secrets that the process holds are redacted in every text, also when the service quotes them.
    quoted = "you sent MARKER-credential and MARKER-room-token"
    assert redact(quoted) == "you sent *** and ***"
    assert "MARKER" not in str(DecartError(quoted, remedy=quoted).as_trait())


def test_a_failed_callback_is_logged_without_its_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    Secret("MARKER-held-secret")

    def fails(_argument: str) -> None:
        raise RuntimeError("MARKER-held-secret was wrong")

    Background.get().call(fails, "MARKER-held-secret")
    settle()
    assert [e.level for e in log.entries] == ["error"]
    assert log.entries[0].details == {"error": "RuntimeError"}
    assert "fails" in caplog.text
    assert "MARKER" not in caplog.text + log.text()


def test_the_log_messages_of_asyncio_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    report_loop_error(loop, {"message": f"Unclosed connection to wss://x?api_key={KEY}"})
    loop.close()
    assert "Unclosed" in caplog.text
    assert "MARKER" not in caplog.text


def test_log_records_have_no_traceback_for_handlers_to_format() -> None:
    """Rich's handler shows the variables of each frame of ``exc_info``."""
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign,assignment]
    logger = logging.getLogger("decart_widget")
    logger.addHandler(handler)
    try:
        secret = KEY
        try:
            raise RuntimeError(secret)
        except RuntimeError as error:
            log_to_all("It failed", error)
            Log().crash("It failed", error)
    finally:
        logger.removeHandler(handler)
    assert seen
    assert all(record.exc_info is None for record in seen)
    assert "MARKER" not in " ".join(record.getMessage() for record in seen)


def test_a_bare_error_has_no_traceback_and_no_cause() -> None:
    def raised() -> DecartError:
        try:
            try:
                json.loads("MARKER")
            except ValueError as error:
                raise DecartError("It broke.") from error
        except DecartError as error:
            return error
        raise AssertionError

    error = raised().bare()
    assert errors(error) == [error]
    assert error.__traceback__ is None


def test_the_child_s_error_output_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    from decart_widget.errors import SandboxError
    from decart_widget.sandbox import child

    class Process:
        pid = 1
        returncode = 1
        stdin, stdout = io.BytesIO(), io.BytesIO(b"no JSON\n")
        stderr = io.BytesIO(f"Traceback: {KEY}\n".encode())

        def poll(self) -> int:
            return 1

        def wait(self, _timeout: float) -> int:
            return 1

        def terminate(self) -> None: ...

        kill = terminate

    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: Process())
    with pytest.raises(SandboxError) as caught:
        child.start_child(KEY)
    assert "Traceback" in str(caught.value)
    assert "MARKER" not in all_texts(caught.value) + verbose(caught.value)
