"""The program that runs a model of the user's in a process of its own.

Its parent (`process_model`) writes commands to its standard input and reads answers from its
standard output, each a line of JSON; ``bytes`` of a command says how many bytes follow its line.
Pictures are in shared memory. Everything that the model prints goes to standard error.

The first line says how the model is called (the fields of `Shape`) and ``memory`` (the descriptor);
the pickled model follows. Commands have ``do`` and ``id``: ``warm_up``; ``start`` (``state``: its
number; ``prompt``; ``image``: its shape, its pixels follow); ``conditions`` (``number``, ``state``,
``prompt``, ``image``); ``paint`` (``count``, ``height``, ``width``, ``conditions``);
``forget_state`` and ``forget_conditions``. Each is answered by its ``id``, and ``error`` (``kind``,
``text``, ``trace``) if it failed.

``start`` has a thread of its own; everything else is done in order on another one. The process ends
with its input, and with its parent.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from decart_widget.processes.parent_watch import PARENT_CHECK_S
from decart_widget.sandbox.own.interface import Shape
from decart_widget.sandbox.own.local_model import Conditions, LocalModel
from decart_widget.sandbox.own.model_link import described

Work = Callable[[dict[str, Any], bytes], None]
"""Carries out a command with its payload."""


class Child:
    """Carries out the commands.

    Args:
        model: The model.
        memory: Descriptor of the memory for the pictures.
        answers: Where answers are written.
    """

    def __init__(self, model: LocalModel, memory: int, answers: IO[str]) -> None:
        self._model = model
        self._memory = mmap.mmap(memory, 0)
        self._answers = answers
        self._lock = threading.Lock()
        self._states: dict[int, Any] = {}
        self._conditions: dict[int, Conditions] = {}
        self._work: dict[str, Work] = {
            "warm_up": self._warm_up,
            "start": self._start,
            "conditions": self._know,
            "paint": self._paint,
            "forget_state": self._forget_state,
            "forget_conditions": self._forget_conditions,
        }
        self._in_order = self._thread("decart-model-frames")
        self._starts = self._thread("decart-model-start")

    def take(self, command: dict[str, Any], payload: bytes) -> None:
        """Hands a command to the thread that carries it out."""
        jobs = self._starts if command["do"] == "start" else self._in_order
        jobs.put((command, payload))

    def _thread(self, name: str) -> queue.SimpleQueue[tuple[dict[str, Any], bytes]]:
        jobs: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()

        def run() -> None:
            while True:
                self._carry_out(*jobs.get())

        threading.Thread(target=run, name=name, daemon=True).start()
        return jobs

    def _carry_out(self, command: dict[str, Any], payload: bytes) -> None:
        answer: dict[str, Any] = {"id": command["id"]}
        try:
            self._work[command["do"]](command, payload)
        except BaseException as error:  # the model may even call sys.exit()
            answer["error"] = described(error)
        with self._lock:
            write(self._answers, answer)

    def _warm_up(self, _command: dict[str, Any], _payload: bytes) -> None:
        self._model.warm_up()

    def _start(self, command: dict[str, Any], payload: bytes) -> None:
        state = self._model.start(command["prompt"], decoded(command["image"], payload))
        self._states[command["state"]] = state

    def _know(self, command: dict[str, Any], payload: bytes) -> None:
        image = decoded(command["image"], payload)
        state = None if command["state"] is None else self._states[command["state"]]
        self._conditions[command["number"]] = Conditions(command["prompt"], image, state)

    def _paint(self, command: dict[str, Any], _payload: bytes) -> None:
        count, height, width = command["count"], command["height"], command["width"]
        shared = np.frombuffer(self._memory, np.uint8, count * height * width * 3)
        pictures = shared.reshape(count, height, width, 3)
        # The model gets copies, as it may keep its frames.
        conditions = self._conditions[command["conditions"]]
        for number, painted in enumerate(self._model.paint(pictures.copy(), conditions)):
            pictures[number] = painted

    def _forget_state(self, command: dict[str, Any], _payload: bytes) -> None:
        self._states.pop(command["state"], None)

    def _forget_conditions(self, command: dict[str, Any], _payload: bytes) -> None:
        self._conditions.pop(command["number"], None)


def decoded(shape: list[int] | None, payload: bytes) -> Any:
    """A reference image of a command: (h, w, 3) uint8 RGB, or None."""
    return None if shape is None else np.frombuffer(payload, np.uint8).reshape(shape).copy()


def write(answers: IO[str], message: dict[str, Any]) -> None:
    """Writes an answer; a parent that has ended doesn't read it."""
    try:
        answers.write(json.dumps(message) + "\n")
        answers.flush()
    except OSError:
        os._exit(0)


def end_with_parent() -> None:
    """Ends the process when it has another parent: the input may be held open by a fork of it."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)


def main() -> None:
    """Runs until the input ends."""
    # What the model prints must not come between answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=end_with_parent, daemon=True).start()
    commands = sys.stdin.buffer
    about = json.loads(commands.readline())
    data = commands.read(about.pop("bytes"))
    memory = about.pop("memory")
    try:
        model = LocalModel(pickle.loads(data), Shape(**about))
    except BaseException as error:
        write(answers, {"error": described(error)})
        return
    del data
    child = Child(model, memory, answers)
    write(answers, {"ready": True})
    while line := commands.readline():
        command = json.loads(line)
        child.take(command, commands.read(command.get("bytes", 0)))
    os._exit(0)  # without waiting for the model


if __name__ == "__main__":
    main()
