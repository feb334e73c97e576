"""Every error that this package raises, in one tree.

::

    DecartError
    ├── ConfigurationError            the call was wrong (also a ValueError)
    │   ├── UnknownModelError
    │   ├── UnknownArgumentError      (also a TypeError)
    │   ├── InvalidKeyError
    │   ├── InvalidPromptError
    │   ├── InvalidImageError
    │   ├── InvalidPathError
    │   ├── SourceError               a source of frames
    │   ├── InvalidTransformError     a function or model of your own
    │   ├── InvalidURLError
    │   └── InvalidOptionError
    ├── ServiceError                  the service refused or failed, or broke the protocol
    │   ├── AuthenticationError       permanent: no retry can help
    │   ├── SessionExpiredError       permanent
    │   ├── InsufficientCreditsError permanent: the account has to be topped up
    │   ├── QuotaExceededError       permanent: the organisation's quota is used up
    │   ├── SessionLimitError        too many sessions of the organisation at once
    │   ├── AtCapacityError
    │   ├── RequestRejectedError      one prompt or image was refused; the session continues
    │   └── ProtocolError
    ├── TransportError                the connection to the service (also a ConnectionError)
    │   ├── ConnectTimeoutError
    │   ├── AckTimeoutError
    │   └── ConnectionLostError
    ├── MediaError                    the camera, the browser or the picture
    │   ├── NoFrontEndError
    │   ├── VirtualCameraError        no device for the result
    │   └── MediaUnreachableError
    ├── BudgetSpentError              the session ended because its budget was used up
    ├── SandboxError                  the local server could not start or stay up
    └── ClosedError                   the widget or session is closed

An error has a ``code`` that programs can compare (stable, kebab-case), a ``message`` that says what
happened and a ``remedy`` that says what to do next. Keys and tokens in them are redacted.
"""

from __future__ import annotations

from typing import ClassVar, Self

from decart_widget.diagnostics.redaction import redact, shorten


class DecartError(Exception):
    """Base of all errors of this package.

    Args:
        message: What happened.
        remedy: What to do next; None for ``default_remedy``.
        code: A more precise code than ``default_code``; None for that.

    Attributes:
        message: What happened, redacted.
        remedy: What to do next, redacted; may be empty.
        code: The error's code.
        default_code: The code of the class.
        default_remedy: The remedy of the class.
    """

    default_code: ClassVar[str] = "decart-error"
    default_remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, remedy: str | None = None, code: str | None = None) -> None:
        self.message = message = redact(message)
        self.remedy = self.default_remedy if remedy is None else redact(remedy)
        self.code = code or self.default_code
        # Only the message, because unpickling calls the class with these arguments.
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def bare(self) -> Self:
        """Returns this error without its traceback and without the errors that caused it.

        Frames hold variables, which some tracebacks show, and these may be secrets. An error that
        leaves the background thread therefore consists of its text only.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

    def as_trait(self) -> dict[str, str]:
        """Returns the value of the widget's ``error`` trait for this error."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class ConfigurationError(DecartError, ValueError):
    """A call was wrong and changed nothing."""

    default_code = "configuration"


class UnknownModelError(ConfigurationError):
    """No realtime model has this name."""

    default_code = "unknown-model"


class UnknownArgumentError(ConfigurationError, TypeError):
    """A keyword argument that does not exist."""

    default_code = "unknown-argument"


class InvalidKeyError(ConfigurationError):
    """The API key can't be one: empty, or with spaces or line breaks in it."""

    default_code = "invalid-key"


class InvalidPromptError(ConfigurationError):
    """A prompt was needed and is empty, or is no text, or is too long."""

    default_code = "invalid-prompt"


class InvalidImageError(ConfigurationError):
    """The reference image is no image, too large, or can't be read."""

    default_code = "invalid-image"


class InvalidPathError(ConfigurationError):
    """Nothing can be written there."""

    default_code = "invalid-path"


class SourceError(ConfigurationError):
    """A source of frames can't be used, or can't be read further."""

    default_code = "invalid-source"
    default_remedy = "Give a readable video file, a camera that is free, or frames as arrays."


class InvalidTransformError(ConfigurationError):
    """A function or model of your own can't be called with frames, or can't run where it should."""

    default_code = "invalid-transform"


class InvalidURLError(ConfigurationError):
    """A URL is not http(s) or ws(s), or has no host."""

    default_code = "invalid-url"


class InvalidOptionError(ConfigurationError):
    """An option has a value outside its range."""

    default_code = "invalid-option"


class ServiceError(DecartError):
    """The service refused, failed, or sent something that makes no sense."""

    default_code = "service-error"
    default_remedy = "Start again; if the error persists, look at the service's status page."


class AuthenticationError(ServiceError):
    """The key or token was refused. Never retried."""

    default_code = "authentication"
    default_remedy = "Check DECART_API_KEY or api_key=, and that the key may use this model."


class SessionExpiredError(ServiceError):
    """The session reached its longest permitted duration. Never retried."""

    default_code = "session-expired"
    default_remedy = "Start a new session; a larger budget= lets it last longer."


class InsufficientCreditsError(ServiceError):
    """The account has no credits left, so the service generates nothing more. Never retried."""

    default_code = "insufficient-credits"
    default_remedy = "Add credits to the account in Decart's console, then Start again."


class QuotaExceededError(ServiceError):
    """The organisation has used up its quota. Never retried."""

    default_code = "quota-exceeded"
    default_remedy = (
        "Wait until the quota is renewed, or have it raised in Decart's console, then Start again."
    )


class SessionLimitError(ServiceError):
    """The organisation runs as many sessions at once as it may.

    A reconnect tries again, because the service may still count the connection that was lost.
    """

    default_code = "session-limit"
    default_remedy = (
        "End another session (DecartWidget.running() lists those of this kernel, await w.quota() "
        "counts the organisation's), then Start again."
    )


class AtCapacityError(ServiceError):
    """The service has no place for another session now (WebSocket close code 1013)."""

    default_code = "at-capacity"
    default_remedy = "Wait a moment, then Start again."


class RequestRejectedError(ServiceError):
    """One prompt or image was rejected; the session keeps the previous prompt state."""

    default_code = "request-rejected"
    default_remedy = "Change the prompt or the image and apply it again."


class ProtocolError(ServiceError):
    """The other side broke the protocol in a way that can't be ignored."""

    default_code = "protocol-error"
    default_remedy = "Start again; if the error persists, update decart_widget."


class TransportError(DecartError, ConnectionError):
    """The service can't be reached, or the connection to it broke."""

    default_code = "transport-error"
    default_remedy = "Check the network, then Start again."


class ConnectTimeoutError(TransportError):
    """The session was not established within ``ConnectionOptions.connection_timeout``."""

    default_code = "connect-timeout"
    default_remedy = (
        "Check the network and firewall (UDP may be blocked: set a TURN server in "
        "ConnectionOptions.ice_servers), then Start again."
    )


class AckTimeoutError(TransportError):
    """A prompt or image was not answered within ``ConnectionOptions.ack_timeout``."""

    default_code = "ack-timeout"
    default_remedy = "Apply it again; if the error persists, Stop and Start."


class ConnectionLostError(TransportError):
    """An established session broke off."""

    default_code = "connection-lost"


class MediaError(DecartError):
    """The camera, the browser's media or the picture failed."""

    default_code = "media-failed"
    default_remedy = "Close other programs that use the camera, then Retry."


class NoFrontEndError(MediaError):
    """No browser shows the widget, so no camera can be opened."""

    default_code = "no-frontend"
    default_remedy = "Display the widget in JupyterLab (a cell that ends with it), then Start."


class VirtualCameraError(MediaError):
    """There is no virtual camera on this machine, or no package to open one."""

    default_code = "no-virtual-camera"


class MediaUnreachableError(MediaError):
    """Browser and service can't exchange pictures."""

    default_code = "media-unreachable"
    default_remedy = "Set a TURN server in ConnectionOptions.ice_servers, then Start again."


class BudgetSpentError(DecartError):
    """The session ended because its budget was used up."""

    default_code = "budget-spent"
    default_remedy = "Start again, or give a larger budget=."


class SandboxError(DecartError):
    """The local server could not start or did not stay up."""

    default_code = "sandbox-failed"
    default_remedy = "Run `python -m decart_widget.sandbox` in a terminal to see why."


class ClosedError(DecartError):
    """The widget or session is closed and can't be used again."""

    default_code = "closed"
    default_remedy = "Make a new one."


def internal_error(unexpected: Exception) -> DecartError:
    """Returns the error for a bug of this package.

    Args:
        unexpected: The exception; only its class is named, because its text may hold a secret.
    """
    return DecartError(
        f"decart_widget failed ({type(unexpected).__name__}).",
        remedy="Please report this with the log.",
        code="internal",
    )


def unattended_error() -> DecartError:
    """The error of a session that was ended because no page showed it any more."""
    return DecartError(
        "The session was ended because no page showed it any more.",
        remedy="Start again.",
        code="unattended",
    )


def suspended_error(seconds: float) -> DecartError:
    """The error of a session that was ended because the machine was suspended for too long."""
    return DecartError(
        f"The session was ended because the machine slept for {seconds:.0f} s.",
        remedy="Start again.",
        code="unattended",
    )


def superseded_error() -> DecartError:
    """The error of a session that was ended because its widget's cell was run again."""
    return DecartError(
        "The session was ended because the cell that made this widget was run again.",
        remedy="Use the widget that the cell made then, or click Start here again.",
        code="superseded-by-rerun",
    )


def no_session_error() -> MediaError:
    """The error of a call that needs the picture of a session, without one."""
    return MediaError(
        "There is no session, so there is no picture to take.",
        remedy="Start (or await connect()), then try again.",
        code="no-picture",
    )


def model_process_error(error: BaseException) -> DecartError:
    """Returns the error of a model of the user's whose process has ended; the session continues.

    Args:
        error: How it ended.
    """
    return DecartError(
        shorten(str(error), 300),
        remedy="Pictures are sent unchanged until it runs again.",
        code="function-failed",
    )


def function_error(error: BaseException, *, stalled: bool) -> DecartError:
    """Returns the error of a function that was given as ``endpoint=``; the session continues.

    Args:
        error: What it raised.
        stalled: Whether it did not return in time.
    """
    if stalled:
        return DecartError(
            f"Your function doesn't return: {shorten(str(error), 200)}.",
            remedy="Pictures are sent unchanged until it returns again.",
            code="function-stalled",
        )
    text = shorten(f"{type(error).__name__}: {error}", 200).rstrip(": ")
    return DecartError(
        f"Your function raised {text}.",
        remedy="Pictures are sent unchanged. Correct the function and run its cell again.",
        code="function-failed",
    )
