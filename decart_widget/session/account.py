"""What the service says about an account and about its models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from decart_widget.errors import ProtocolError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import unknown_model
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import exchange

MAX_MODEL_ID: Final = 100
"""Characters of a model's id."""


@dataclass(frozen=True)
class Quota:
    """How many realtime sessions an organisation may run at once.

    Attributes:
        limit: Sessions at once.
        active: Sessions that run now, those of other users and programs included.
        remaining: Sessions that can be started now.
    """

    limit: int
    active: int
    remaining: int


async def quota(key: Secret, endpoint: Endpoint, *, timeout: float = 10.0) -> Quota:
    """Asks how many sessions the key's organisation may still start.

    Args:
        key: A permanent key.
        endpoint: The service to ask.
        timeout: Seconds for the whole request.

    Raises:
        AuthenticationError: The service refused the key.
        ServiceError: The service answered with another error.
        ProtocolError: The answer can't be read.
        TransportError: The service can't be reached, or did not answer in time.
    """
    answer = await exchange(
        f"{endpoint.base_url}/v1/realtime/quota",
        key,
        None,
        name=endpoint.name,
        timeout=timeout,
    )
    counts = [answer.get(name) for name in ("limit", "active", "remaining")]
    whole = [count for count in counts if type(count) is int and 0 <= count < 2**31]
    if len(whole) < len(counts):
        raise ProtocolError("The service's quota can't be read.")
    return Quota(*whole)


async def resolve_model(name: str, endpoint: Endpoint, *, timeout: float = 10.0) -> str:
    """Asks which model a name stands for; no key is sent.

    Args:
        name: A model's name, such as ``"lucy-latest"``.
        endpoint: The service to ask.
        timeout: Seconds for the whole request.

    Returns:
        The model's id, such as ``"lucy-2.6"``.

    Raises:
        UnknownModelError: The service knows no such model.
        ServiceError: The service answered with another error.
        ProtocolError: The answer can't be read.
        TransportError: The service can't be reached, or did not answer in time.
    """
    answer = await exchange(
        f"{endpoint.base_url}/v1/models/resolve",
        None,
        {"model": name},
        name=endpoint.name,
        timeout=timeout,
        missing=unknown_model(name),
    )
    found = answer.get("model_id")
    if not isinstance(found, str) or not 0 < len(found) <= MAX_MODEL_ID or not found.isprintable():
        raise ProtocolError("The service's answer about the model can't be read.")
    return found
