"""The queue of prompts and images: one request in flight, one waiting, acks matched to requests.

Only one request is in flight because acks carry no number: two equal prompts in flight could not
be told apart. The newest request wins: one that is overtaken while it waits is *superseded* and
never sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from decart_widget.protocol.messages import ImageData, Prompt, PromptAck, SetImage, SetImageAck


@dataclass(frozen=True)
class PromptState:
    """What the service is asked to show; a reconnect restores it.

    Args:
        prompt: None for none; without a prompt and an image the picture passes through.
        enrich: Whether the service may elaborate the prompt.
        image: The reference image.
    """

    prompt: str | None = None
    enrich: bool = True
    image: ImageData | None = None

    @property
    def passthrough(self) -> bool:
        """Whether the picture is left unchanged."""
        return self.prompt is None and self.image is None


PASSTHROUGH: Final = PromptState()
"""No prompt and no image: the picture passes through unchanged."""


@dataclass(frozen=True)
class Request:
    """A request for a prompt state.

    Args:
        number: Rises with each request of a session.
        prompt_state: What is requested.
        with_image: Whether image and prompt are sent together; a prompt that is sent alone leaves
            the service's image unchanged.
    """

    number: int
    prompt_state: PromptState
    with_image: bool

    def message(self) -> Prompt | SetImage:
        """Returns the message that makes this request."""
        prompt_state = self.prompt_state
        if self.with_image or prompt_state.prompt is None:
            return SetImage(prompt_state.image, prompt_state.prompt, prompt_state.enrich)
        return Prompt(prompt_state.prompt, prompt_state.enrich)

    def answered_by(self, ack: PromptAck | SetImageAck) -> bool:
        """Returns whether an ack answers this request.

        A service may answer a ``set_image`` that carries a prompt with both acks: the prompt's own
        then matches no request and changes nothing.
        """
        message = self.message()
        if isinstance(ack, SetImageAck):
            return isinstance(message, SetImage)
        return isinstance(message, Prompt) and message.prompt == ack.prompt

    def full_state(self) -> Request:
        """Returns the same request for a new attempt, where the service has no image yet."""
        return Request(self.number, self.prompt_state, self.prompt_state.image is not None)


class RequestQueue:
    """At most one request in flight and one waiting."""

    def __init__(self) -> None:
        self.in_flight: Request | None = None
        self.waiting: Request | None = None

    def put(self, request: Request) -> Request | None:
        """Queues a request.

        A waiting image is not lost to a later prompt: the later request then sends the image too,
        which is part of its prompt state.

        Returns:
            The waiting request that this one overtakes, or None.
        """
        overtaken = self.waiting
        if overtaken is not None and overtaken.with_image and not request.with_image:
            request = Request(request.number, request.prompt_state, True)
        self.waiting = request
        return overtaken

    def put_back(self) -> Request | None:
        """Moves the request in flight back to waiting, after a connection was lost.

        Returns:
            The request that was in flight, if a newer one waits and overtakes it; else None.
        """
        returned, newest = self.drop_in_flight(), self.waiting
        self.waiting = returned
        if returned is None or newest is None:
            self.waiting = newest or returned
            return None
        return self.put(newest)

    def next(self) -> Request | None:
        """Moves the waiting request into flight, if nothing is in flight.

        Returns:
            The request to send now, or None.
        """
        if self.in_flight is not None or self.waiting is None:
            return None
        self.in_flight, self.waiting = self.waiting, None
        return self.in_flight

    def match(self, ack: PromptAck | SetImageAck) -> Request | None:
        """Takes the request that an ack answers out of flight.

        Returns:
            That request; None when the ack answers nothing that is in flight.
        """
        request = self.in_flight
        if request is None or not request.answered_by(ack):
            return None
        self.in_flight = None
        return request

    def clear(self) -> list[Request]:
        """Removes every open request and returns them, oldest first."""
        open_requests = [r for r in (self.in_flight, self.waiting) if r is not None]
        self.in_flight = self.waiting = None
        return open_requests

    def drop_in_flight(self) -> Request | None:
        """Removes the request in flight, whose answer is no longer awaited, and returns it."""
        request, self.in_flight = self.in_flight, None
        return request
