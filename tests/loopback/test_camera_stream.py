"""Cameras of the network: streams that a server on 127.0.0.1 sends."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

from decart_widget.errors import SourceError
from decart_widget.inputs.sources import camera_stream, marker
from decart_widget.inputs.sources.camera import Camera
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.pattern import PatternReader, TestPattern
from decart_widget.inputs.sources.reader import Target

TARGET: Final = Target(320, 180, 120)
USER, PASSWORD = "admin", "hunter2-secret"


def pictures(count: int) -> list[Any]:
    """I420 pictures that carry their number."""
    reader = PatternReader(TestPattern("marker").describe(), Target(320, 180, 30))
    return [frame.picture for _ in range(count) if (frame := reader.read()) is not None]


def motion_jpeg(count: int) -> bytes:
    body = b""
    for picture in pictures(count):
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420))[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        body += head.encode() + jpeg + b"\r\n"
    return body


def transport_stream(count: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as sink:
        stream: Any = sink.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for picture in pictures(count):
            sink.mux(stream.encode(VideoFrame.from_ndarray(picture, format="yuv420p")))
        sink.mux(stream.encode(None))
    return file.getvalue()


@contextmanager
def served(
    body: bytes, content_type: str, *, login: str = "", status: int = 200, endless: bool = False
) -> Iterator[str]:
    """Serves one body; yields host and port.

    Args:
        body: What is sent.
        content_type: Its type.
        status: Of the response.
        login: ``basic`` or ``digest``, if a name and a password are needed.
        endless: Whether the body is repeated until the client goes.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if login and not is_allowed(self.headers.get("Authorization", ""), login):
                self.send_response(401)
                challenge = 'Digest realm="c", nonce="n", qop="auth"'
                self.send_header(
                    "WWW-Authenticate", challenge if login == "digest" else 'Basic realm="c"'
                )
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            try:
                self.wfile.write(body)
                while endless:
                    self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def is_allowed(header: str, login: str) -> bool:
    if login == "basic":
        return header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', header))
    if not header.startswith("Digest"):
        return False

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    parts = (fields["nonce"], fields["nc"], fields["cnonce"], fields["qop"])
    secret, what = md5(f"{USER}:c:{PASSWORD}"), md5(f"GET:{fields['uri']}")
    return str(fields["response"]) == md5(":".join((secret, *parts, what)))


def numbers_of(url: str) -> list[int | None]:
    reader = open_reader(Camera(url).describe(), TARGET)
    numbers = []
    while (frame := reader.read()) is not None:
        assert frame.picture.shape == (270, 320)
        numbers.append(marker.read(frame.picture[:180]))
    reader.close()
    return numbers


@pytest.fixture(autouse=True)
def _take_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    # A body that is there at once is read faster than any camera gives frames.
    from decart_widget.inputs.sources.rate import RateLimit

    monkeypatch.setattr(RateLimit, "takes", lambda self, time_s: True)


@pytest.mark.parametrize("kind", ["jpeg", "ts", "ts without a type"])
def test_a_stream_is_read_until_it_ends(kind: str) -> None:
    body = motion_jpeg(12) if kind == "jpeg" else transport_stream(12)
    content_type = {
        "jpeg": "multipart/x-mixed-replace; boundary=frame",
        "ts": "video/mp2t",
        "ts without a type": "",
    }[kind]
    with served(body, content_type) as host:
        numbers = numbers_of(f"http://{host}/live")
    # The last picture of Motion JPEG is complete when the next one begins.
    assert numbers in (list(range(12)), list(range(11)))


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_name_and_password_of_the_url_are_used_and_in_no_text(
    login: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with served(motion_jpeg(4), "multipart/x-mixed-replace; boundary=frame", login=login) as host:
        camera = Camera(f"http://{USER}:{PASSWORD}@{host}/live?pw=abc")
        camera.check()
        wrong = Camera(f"http://{USER}:wrong@{host}/live?pw=abc")
        with pytest.raises(SourceError, match="refuses the name or the password") as caught:
            wrong.check()
    assert "pw=abc" not in str(caught.value)
    assert caught.value.__context__ is None
    assert "pw=abc" not in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"#EXTM3U\n", "application/vnd.apple.mpegurl", 200, "sends a playlist"),
        (b"<html>", "text/html", 200, "sends no video"),
        (b"", "text/html", 200, "sends no video"),
        (b"", "text/html", 404, "HTTP 404"),
        (
            b"--frame\r\n\r\n",
            "multipart/x-mixed-replace; boundary=frame",
            200,
            "gives no picture|opened",
        ),
    ],
)
def test_what_is_no_stream_is_refused(
    body: bytes, content_type: str, status: int, message: str
) -> None:
    with (
        served(body, content_type, status=status) as host,
        pytest.raises(SourceError, match=message) as caught,
    ):
        Camera(f"http://u:{PASSWORD}@{host}/").check()
    assert PASSWORD not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_camera_that_is_off_is_an_error_without_its_password(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SourceError) as caught:
        Camera(f"{scheme}://u:{PASSWORD}@127.0.0.1:{port}/live").check()
    assert f"{scheme}://127.0.0.1:{port}" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_camera_that_says_nothing_is_lost_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_stream, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceError, match="can't be reached"):
            Camera(f"http://127.0.0.1:{port}/").check()


def test_a_stream_is_closed_while_another_thread_reads() -> None:
    with served(motion_jpeg(5), "multipart/x-mixed-replace; boundary=frame", endless=True) as host:
        reader = open_reader(Camera(f"http://{host}/").describe(), TARGET)
        reads = threading.Event()

        def read() -> None:
            while reader.read() is not None:
                reads.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert reads.wait(30)
        reader.close()
        thread.join(30)
        assert not thread.is_alive()
    assert np.isfinite(reader.fps or 0.0)
