"""What a session costs, and which model it has, in a widget's traits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from decart_widget.prices import set_price
from tests.pure.session.test_session_vectors import ScriptedWidget

STEPS: list[dict[str, Any]] = [
    {"do": "connect", "prompt_state": {"prompt": "sepia", "enrich": True, "image": None}},
    {"do": "socket-opened"},
    {"do": "offer", "sdp": "v=0"},
    {"receive": {"type": "prompt_ack", "prompt": "sepia", "success": True, "error": None}},
    {"receive": {"type": "answer", "sdp": "v=0"}},
    {"do": "media-established"},
    {"receive": {"type": "generation_tick", "seconds": 42}},
]


@pytest.mark.parametrize(
    ("endpoint", "cost"), [("decart", 0.84), ("sandbox", 0.0), ("https://x.example", None)]
)
@pytest.mark.usefixtures("own_prices")
def test_a_session_s_cost_is_its_billed_seconds_times_the_price_at_its_start(
    endpoint: str,
    cost: float | None,
    monkeypatch: pytest.MonkeyPatch,
    on_simulated_clock: Callable[..., Any],
) -> None:
    async def play() -> None:
        widget = ScriptedWidget(monkeypatch)
        monkeypatch.setattr(widget.controller._destination, "name", endpoint)
        await widget.act(STEPS[0])
        assert widget.traits["cost"] == (None if cost is None else 0.0)
        set_price("lucy", 5.0)  # for later sessions
        for step in STEPS[1:]:
            await widget.act(step)
        assert widget.traits["cost"] == cost
        assert widget.traits["resolved_model"] == "lucy-2.6"
        widget.controller.model_changed()
        await asyncio.sleep(0.5)
        assert widget.traits["resolved_model"] is None
        await widget.close()

    on_simulated_clock(play())
