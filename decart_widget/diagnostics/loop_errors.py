"""The exception handler of the event loops that this package runs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from decart_widget.diagnostics.log import log_to_all
from decart_widget.diagnostics.redaction import shorten

logger = logging.getLogger(__name__)


def report_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs what asyncio reports, redacted.

    asyncio's default handler logs arguments and messages as they are, which may hold a key.

    Args:
        context: As ``loop.call_exception_handler`` gives it.
    """
    error = context.get("exception")
    if isinstance(error, Exception):
        log_to_all("A task on a thread of ours failed", error)
    else:
        logger.warning("%s", shorten(str(context.get("message", "")), 300))
