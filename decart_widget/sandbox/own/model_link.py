"""The connection to the process of a model: commands and answers, pictures in shared memory."""

from __future__ import annotations

import builtins
import json
import mmap
import os
import threading
import traceback
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from decart_widget.diagnostics.redaction import redact, shorten
from decart_widget.processes.python_child import ChildError, PythonChild
from decart_widget.processes.shared_memory import anonymous_memory
from decart_widget.sandbox.effects.user_function import StalledError

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import Plane
    from decart_widget.sandbox.own.local_model import Conditions

CHILD: Final = "decart_widget.sandbox.own.model_child"
"""The module that the process runs."""

START_TIMEOUT_S: Final = 60.0
"""Seconds until the process has imported the model."""

ANSWER_TIMEOUT_S: Final = 120.0
"""Seconds without an answer to frames after which the process is ended; the first call may
compile."""

PICTURE_BYTES: Final = 4096 * 2304 * 3
"""The largest picture. Memory is taken only where pictures were written."""

LONGEST_ANSWER: Final = 100_000
"""Bytes of a line that the process may write."""

LONGEST_TEXT: Final = 2000
"""Characters of an exception's text that are sent and kept."""

LONGEST_TRACE: Final = 8000
"""Characters of a traceback that are sent: its end."""


class ModelProcessError(Exception):
    """The process of a model has ended, or doesn't answer; frames are sent unchanged."""


_OWN_ERRORS: Final[dict[str, type[Exception]]] = {
    error.__name__: error for error in (ModelProcessError, StalledError)
}
"""Exceptions of ours that a server in another process reports, by name."""


class RemoteError(Exception):
    """What the model raised, where it is no exception of Python's own; its text has the type."""


class PictureMemory:
    """The memory through which pictures go to the process and come back, one batch at a time.

    Args:
        pictures: How many a batch has at most.

    Raises:
        OSError: This system has no memory that two processes can share.

    Attributes:
        descriptor: Of the memory.
    """

    def __init__(self, pictures: int) -> None:
        size = pictures * PICTURE_BYTES
        self.descriptor = anonymous_memory(size)
        # Not before nobody can start a process with it any more.
        weakref.finalize(self, os.close, self.descriptor)
        self._map = mmap.mmap(self.descriptor, size)

    def write(self, pictures: Sequence[Plane]) -> None:
        """Puts a batch of one size into the memory."""
        into = self.read(len(pictures), *pictures[0].shape[:2])
        for number, picture in enumerate(pictures):
            into[number] = picture

    def read(self, count: int, height: int, width: int) -> Plane:
        """The batch in the memory as (count, height, width, 3) uint8; a view.

        Raises:
            ValueError: It is larger than the memory.
        """
        if height * width * 3 > PICTURE_BYTES:
            raise ValueError(f"a picture of {width}x{height} is too large for process=True")
        array = np.frombuffer(self._map, np.uint8, count * height * width * 3)
        return array.reshape(count, height, width, 3)


class ModelLink:
    """One process of a model.

    Args:
        model: The model, pickled.
        about: What the process has to know about it: see `model_child`.
        memory: For the pictures.

    Raises:
        ModelProcessError: The process could not be started, or can't import the model.

    Attributes:
        pid: Its process id.
        ended: Set when it has ended.
        known: For its user: which conditions it was told of.
    """

    def __init__(self, model: bytes, about: dict[str, Any], memory: PictureMemory) -> None:
        self.ended = threading.Event()
        self.known: dict[tuple[Any, ...], tuple[int, Conditions]] = {}
        self._lock = threading.Lock()
        self._answers: dict[int, Future[dict[str, Any]]] = {}
        self._count = 0
        try:
            self._child = PythonChild(CHILD, pass_fds=[memory.descriptor])
        except ChildError as error:
            raise ModelProcessError(f"The model's process {error}") from None
        self.pid = self._child.pid
        try:
            self._child.send({**about, "memory": memory.descriptor, "bytes": len(model)})
            self._child.send_bytes(model)
            answer = self._child.wait_ready(START_TIMEOUT_S)
        except ChildError as error:
            self._child.close()
            raise ModelProcessError(f"The model's process {error}") from None
        if "error" in answer:
            self._child.close()
            raise remote_error(answer["error"])
        threading.Thread(target=self._read, name="decart-model-answers", daemon=True).start()

    def call(self, do: str, payload: bytes = b"", **fields: Any) -> Future[dict[str, Any]]:
        """Sends a command.

        Args:
            do: What is to be done.
            payload: Bytes that belong to it.
            **fields: Further fields.

        Returns:
            The answer; its exception is what the model raised, or a `ModelProcessError`.
        """
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._count += 1
            number = self._count
            self._answers[number] = answer
            line = json.dumps({"do": do, "id": number, "bytes": len(payload), **fields})
            try:
                self._child.stdin.write(line.encode() + b"\n" + payload)
                self._child.stdin.flush()
            except (OSError, ValueError):
                self._answers.pop(number, None)
                answer.set_exception(self.end_error())
        if self.ended.is_set() and self._answers.pop(number, None) is not None:
            answer.set_exception(self.end_error())
        return answer

    def wait(self, answer: Future[dict[str, Any]]) -> dict[str, Any]:
        """An answer about frames; a process that gives none is ended.

        Raises:
            ModelProcessError: It has ended, or was ended now.
            BaseException: What the model raised.
        """
        try:
            return answer.result(ANSWER_TIMEOUT_S)
        except FutureTimeoutError:
            if answer.done():  # the model itself raised it
                raise
            self._child.kill()
            raise ModelProcessError(
                f"The model's process did not answer for {ANSWER_TIMEOUT_S:g} s and was ended."
            ) from None

    def end_error(self) -> ModelProcessError:
        """How the process ended."""
        return ModelProcessError(
            f"The model's process {self._child.how_it_ended()} It is being restarted."
        )

    def close(self) -> None:
        """Ends the process. May be called twice, on any thread."""
        self._child.close()

    def _read(self) -> None:
        stream = self._child.stdout
        try:
            while line := stream.readline(LONGEST_ANSWER):
                message = json.loads(line)
                answer = self._answers.pop(message.get("id"), None)
                if answer is None:
                    continue
                if "error" in message:
                    answer.set_exception(remote_error(message["error"]))
                else:
                    answer.set_result(message)
        except (OSError, ValueError):
            self._child.kill()  # it wrote something else, or its output was closed
        self.ended.set()
        for number in list(self._answers):
            answer = self._answers.pop(number, None)
            if answer is not None:
                answer.set_exception(self.end_error())


def described(error: BaseException) -> dict[str, str]:
    """An exception for another process, as `remote_error` takes it."""
    text = "".join(traceback.format_exception(error))
    return {
        "kind": type(error).__name__,
        "text": str(error)[:LONGEST_TEXT],
        "trace": text[-LONGEST_TRACE:],
    }


def remote_error(about: dict[str, Any]) -> BaseException:
    """An exception of the process: of the same type where Python has it, with its traceback.

    Args:
        about: ``kind``, ``text`` and ``trace``.
    """
    kind, text = str(about.get("kind")), shorten(str(about.get("text")), LONGEST_TEXT)
    error: BaseException
    own = _OWN_ERRORS.get(kind)
    if own is not None:
        error = own.__new__(own)
        Exception.__init__(error, text)
        return error
    built_in = getattr(builtins, kind, None)
    try:
        if not (isinstance(built_in, type) and issubclass(built_in, BaseException)):
            raise TypeError
        error = built_in(text)
    except TypeError:  # not built in, or one that needs other arguments
        error = RemoteError(f"{kind}: {text}")
    error.add_note(redact(str(about.get("trace"))))
    return error
