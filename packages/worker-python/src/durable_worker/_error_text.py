"""Errors as text: the "Errors" of docs/protocol.md.

The engine gives the workflow an `Error` with the class's name, the message and the traceback. Never
raises, and the text is of bounded size, whatever the error is.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

from . import _json
from ._values import encode
from .errors import DurableError, RetryableError, UnserializableValueError

_MAX_MESSAGE: Final = 16 * 1024
_MAX_NAME: Final = 256
_MAX_STACK: Final = 16 * 1024
_MAX_PROP: Final = 4 * 1024
_MAX_PROPS: Final = 16
_MAX_CAUSES: Final = 4


def encode_error(error: BaseException) -> str:
    """The text of an error: name, message, traceback, causes, and attributes that are JSON."""
    return _json.write(_outline(error, _MAX_CAUSES))


def _outline(error: BaseException, causes: int) -> dict[str, Any]:
    recorded = getattr(error, "_recorded", None)
    if isinstance(error, DurableError) and recorded is not None:
        return _handed_on(error, recorded, causes)
    content: dict[str, Any] = {}
    if isinstance(error, DurableError):
        content["class"] = f"durable/{error.wire_name}"
    content["name"] = _name(error)
    content["message"] = _cut(_message(error), _MAX_MESSAGE)
    content["stack"] = _stack(error)
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    if cause is not None and causes > 0:
        content["cause"] = _outline(cause, causes - 1)
    props, dropped = _props(error)
    if props:
        content["props"] = props
    if dropped:
        content["dropped"] = dropped
    return {"$error": content}


def _handed_on(error: DurableError, recorded: Mapping[str, Any], causes: int) -> dict[str, Any]:
    """What an engine has sent, as it was; the cause too, unless it was raised `from` another."""
    cause = error.__cause__
    if cause is None or cause is getattr(error, "_recorded_cause", None) or causes == 0:
        return {"$error": dict(recorded)}
    return {"$error": {**recorded, "cause": _outline(cause, causes - 1)}}


def _name(error: BaseException) -> str:
    kind = type(error)
    is_ours = isinstance(error, DurableError) and kind.__module__.startswith("durable_worker")
    return (
        error.wire_name
        if is_ours and isinstance(error, DurableError)
        else _cut(kind.__name__, _MAX_NAME)
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a `__str__` of the user's own must not hide the error.
        return ""


def _stack(error: BaseException) -> str:
    """The traceback of this error alone: causes have their own. The end says most."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, chain=False)
    except Exception:  # noqa: BLE001 - as above.
        lines = [type(error).__name__]
    text = "".join(lines)
    return text if len(text) <= _MAX_STACK else f"…{text[-_MAX_STACK:]}"


def _props(error: BaseException) -> tuple[dict[str, Any], list[str]]:
    props: dict[str, Any] = {}
    dropped: list[str] = []
    for key, value in _attributes(error).items():
        text = _prop_text(value)
        if text is None:
            dropped.append(key[:_MAX_NAME])
        else:
            props[key] = _json.parse(text)
    return props, dropped


def _prop_text(value: object) -> str | None:
    try:
        text = encode(value, "")
    except UnserializableValueError:
        return None
    return text if len(text) <= _MAX_PROP else None


def _attributes(error: BaseException) -> dict[str, Any]:
    """Of our errors what the engine knows of them; of others the public attributes."""
    public = {
        key: value
        for key, value in list(getattr(error, "__dict__", {}).items())[:_MAX_PROPS]
        if not key.startswith("_") and len(key) <= _MAX_NAME
    }
    if not isinstance(error, DurableError):
        return public
    public.pop("message", None)
    public["code"] = error.code
    if isinstance(error, RetryableError):
        public.pop("retry_after", None)
        if error.retry_after is not None:
            public["after"] = round(error.retry_after * 1000)
    return public


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
