"""Prompts and images on their way: one request in flight, the newest waiting, acks matched.

One in flight, because acks carry no number: two equal prompts in flight would be told apart by
nothing. The newest wins: a request that is overtaken while it waits is *superseded*, never sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from decart_widget.protocol.messages import ImageData, Prompt, PromptAck, SetImage, SetImageAck


@dataclass(frozen=True)
class PromptState:
    """All that decides the picture: what a reconnect must bring back.

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
        """Whether the picture is left alone."""
        return self.prompt is None and self.image is None


PASSTHROUGH = PromptState()


@dataclass(frozen=True)
class Request:
    """A prompt state asked for.

    Args:
        number: Rises with each request of a session.
        prompt_state: What is wanted.
        with_image: Whether image and prompt travel together; a change of the prompt alone leaves
            the image at the service as it is.
    """

    number: int
    prompt_state: PromptState
    with_image: bool

    def message(self) -> Prompt | SetImage:
        """The frame that asks for it."""
        prompt_state = self.prompt_state
        if self.with_image or prompt_state.prompt is None:
            return SetImage(prompt_state.image, prompt_state.prompt, prompt_state.enrich)
        return Prompt(prompt_state.prompt, prompt_state.enrich)

    def answered_by(self, ack: PromptAck | SetImageAck) -> bool:
        """Whether the ack is this request's.

        A service may answer a set_image that carries a prompt with both acks: the prompt's own
        then matches nothing and changes nothing.
        """
        message = self.message()
        if isinstance(ack, SetImageAck):
            return isinstance(message, SetImage)
        return isinstance(message, Prompt) and message.prompt == ack.prompt

    def full_state(self) -> Request:
        """The same request for a session that knows nothing yet."""
        return Request(self.number, self.prompt_state, self.prompt_state.image is not None)


class RequestQueue:
    """At most one request in flight and one waiting."""

    def __init__(self) -> None:
        self.in_flight: Request | None = None
        self.waiting: Request | None = None
        self.superseded = 0
        self.unmatched_acks = 0

    def put(self, request: Request) -> Request | None:
        """Lets a request wait for its turn; returns the one that it overtakes, if any.

        A waiting image is not lost to a later prompt: the later request takes it along, because
        its look holds the image too.
        """
        overtaken = self.waiting
        if overtaken is not None:
            self.superseded += 1
            if overtaken.with_image and not request.with_image:
                request = Request(request.number, request.prompt_state, True)
        self.waiting = request
        return overtaken

    def put_back(self) -> Request | None:
        """Lets the request in flight wait again; returns it if a newer one waits already."""
        returned, newest = self.drop_in_flight(), self.waiting
        self.waiting = returned
        if returned is None or newest is None:
            self.waiting = newest or returned
            return None
        return self.put(newest)

    def next(self) -> Request | None:
        """Takes the waiting request into flight, if nothing is in flight."""
        if self.in_flight is not None or self.waiting is None:
            return None
        self.in_flight, self.waiting = self.waiting, None
        return self.in_flight

    def match(self, ack: PromptAck | SetImageAck) -> Request | None:
        """The request that the ack answers, which is then no longer in flight."""
        request = self.in_flight
        if request is not None and request.answered_by(ack):
            self.in_flight = None
            return request
        self.unmatched_acks += 1
        return None

    def clear(self) -> list[Request]:
        """Forgets every open request and returns them, oldest first."""
        open_requests = [r for r in (self.in_flight, self.waiting) if r is not None]
        self.in_flight = self.waiting = None
        return open_requests

    def drop_in_flight(self) -> Request | None:
        """Gives up on the answer to the request in flight."""
        request, self.in_flight = self.in_flight, None
        return request
