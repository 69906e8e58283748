"""Errors that an engine has sent, as exceptions: the other half of `_error_text`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from . import _json, errors
from ._limits import MAX_VALUE_DEPTH, is_too_deep
from ._values import decode
from .errors import DurableError, RetryableError, UndecodableValueError

_PREFIX: Final = "durable/"


def _classes() -> Iterator[tuple[str, type[DurableError]]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, DurableError):
            yield value.wire_name, value


#: A cancel reaches workflow code; what a handler raises about it has the same name.
_BY_NAME: Final = {**dict(_classes()), "CancelledError": errors.WorkflowCancelledError}


def decode_error(text: str, otherwise: type[DurableError]) -> DurableError:
    """The exception of an error's text; of the class `otherwise` where it is none of this package.

    A new one each time. What is no error in this form is an UndecodableValueError, not raised.
    """
    if is_too_deep(text, MAX_VALUE_DEPTH):
        return UndecodableValueError(f"it is nested deeper than {MAX_VALUE_DEPTH} levels")
    try:
        content = _content(_json.parse(text))
    except ValueError as error:
        return UndecodableValueError(str(error))
    if content is None:
        return UndecodableValueError("it is no error")
    return _revive(content, otherwise)


def _content(value: Any) -> dict[str, Any] | None:
    content = value.get("$error") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(content, dict):
        return None
    texts = (content.get("name"), content.get("message"))
    return content if all(isinstance(text, str) for text in texts) else None


def _revive(content: dict[str, Any], otherwise: type[DurableError]) -> DurableError:
    kind = _class_of(content, otherwise)
    error = kind.__new__(kind, content["message"])
    error.message = content["message"]
    properties = dict(_readable(content.get("props")))
    fields = properties.get("fields")
    error.fields = dict(fields) if isinstance(fields, Mapping) else {}
    # The class variable of others is this one's own.
    own: dict[str, Any] = {"_recorded": content, "_properties": properties}
    if isinstance(properties.get("code"), str):
        own["code"] = properties["code"]
    cause = _content(content.get("cause"))
    if cause is not None:
        error.__cause__ = own["_recorded_cause"] = _revive(cause, otherwise)
    vars(error).update(own)
    if isinstance(error, RetryableError):
        after = properties.get("after")
        error.retry_after = after / 1000 if isinstance(after, int | float) else None
    return error


def _class_of(content: dict[str, Any], otherwise: type[DurableError]) -> type[DurableError]:
    name = content.get("class")
    if isinstance(name, str) and name.startswith(_PREFIX):
        return _BY_NAME.get(name.removeprefix(_PREFIX), otherwise)
    return otherwise


def _readable(props: Any) -> Iterator[tuple[str, Any]]:
    for key, value in props.items() if isinstance(props, dict) else ():
        try:
            yield key, decode(_json.write(value))
        except UndecodableValueError:
            continue
