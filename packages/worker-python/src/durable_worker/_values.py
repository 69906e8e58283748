"""Values and text: the "Values" of docs/protocol.md.

What crosses languages is plain JSON. Of what Node has besides, `undefined` and the numbers that
JSON lacks are read; dates, maps and so on are refused, with the place where they are.
"""

from __future__ import annotations

import re
from typing import Any, Final

from . import _json
from ._limits import MAX_VALUE_DEPTH, is_too_deep
from .errors import UndecodableValueError, UnserializableValueError

#: The text of Node's `undefined`.
UNDEFINED_TEXT: Final = '{"$":"undefined"}'

_MAX_SAFE: Final = 2**53 - 1
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_MAX_SHOWN: Final = 24


class _Undefined:
    """What Node calls undefined, while a value is read."""


_UNDEFINED: Final = _Undefined()
_CONSTANTS: Final[dict[str, Any]] = {
    "undefined": _UNDEFINED,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
    "-0": -0.0,
}

Path = tuple[str | int, ...]


def decode(text: str) -> Any:
    """The value of a text.

    `undefined` is None; as a member of an object it is left out, as JSON does.
    Raises UndecodableValueError.
    """
    if text == UNDEFINED_TEXT:
        return None
    if is_too_deep(text, MAX_VALUE_DEPTH):
        raise UndecodableValueError(f"it is nested deeper than {MAX_VALUE_DEPTH} levels")
    try:
        parsed = _json.parse(text)
    except ValueError as error:
        raise UndecodableValueError(str(error)) from None
    value = parsed if is_plain(text) else _read(parsed, ())
    return None if value is _UNDEFINED else value


def is_plain(text: str) -> bool:
    """Whether a JSON text certainly has none of the marks of Node's other values."""
    return "$" not in text and "\\u0024" not in text


def encode(value: Any, field: str) -> str:
    """The text of a value of None, bool, int, float, str, list, tuple, and dict with keys of str.

    Raises UnserializableValueError with the path of what is none of these, or would not come back
    as it is: NaN, and whole numbers that Node cannot tell from their neighbours.
    """
    return _json.write(_Writer(field).write(value, ()))


def _read(value: Any, path: Path) -> Any:
    if isinstance(value, list):
        items = (_read(item, (*path, index)) for index, item in enumerate(value))
        return [None if item is _UNDEFINED else item for item in items]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key,) = value
        if key.startswith("$$"):
            return {key[1:]: _read_member(value[key], (*path, key[1:]))}
        if key.startswith("$"):
            return _read_tag(key, value[key], path)
    members = ((key, _read(member, (*path, key))) for key, member in value.items())
    return {key: member for key, member in members if member is not _UNDEFINED}


def _read_member(value: Any, path: Path) -> Any:
    member = _read(value, path)
    return None if member is _UNDEFINED else member


def _read_tag(tag: str, content: Any, path: Path) -> Any:
    if tag == "$" and isinstance(content, str) and content in _CONSTANTS:
        return _CONSTANTS[content]
    where = format_path(path)
    todo = "use a contract of plain JSON for steps in other languages"
    raise UndecodableValueError(f"{where} is a value of kind {tag[:20]!r} of Node's; {todo}")


class _Writer:
    def __init__(self, field: str) -> None:
        self._field = field
        self._ancestors: list[int] = []

    def write(self, value: Any, path: Path) -> Any:
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return self._int(value, path)
        if isinstance(value, float):
            return self._float(value, path)
        if isinstance(value, dict | list | tuple):
            return self._container(value, path)
        kind = f"is an instance of {type(value).__qualname__}"
        todo = "Return plain data, or give the step an output type."
        raise UnserializableValueError(self._field, format_path(path), kind, todo)

    def _int(self, value: int, path: Path) -> int:
        if -_MAX_SAFE <= value <= _MAX_SAFE:
            return int(value)
        problem = "is a whole number beyond 2^53 - 1, which Node cannot hold"
        raise self._refusal(path, problem, "Send it as a string.")

    def _float(self, value: float, path: Path) -> float:
        if value - value == 0:
            return float(value)
        raise self._refusal(path, f"is {value}, which JSON lacks", "Send None or a string.")

    def _container(self, value: Any, path: Path) -> Any:
        if len(path) >= MAX_VALUE_DEPTH:
            problem = f"is nested deeper than {MAX_VALUE_DEPTH} levels"
            raise self._refusal(path, problem, "Send an id in its place.")
        if id(value) in self._ancestors:
            problem = "refers back to what contains it"
            raise self._refusal(path, problem, "Send an id in its place.")
        self._ancestors.append(id(value))
        written = self._dict(value, path) if isinstance(value, dict) else self._list(value, path)
        self._ancestors.pop()
        return written

    def _list(self, value: list[Any] | tuple[Any, ...], path: Path) -> list[Any]:
        return [self.write(item, (*path, index)) for index, item in enumerate(value)]

    def _dict(self, value: dict[Any, Any], path: Path) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                problem = f"has the key {key!r:.80}, which is no str"
                raise self._refusal(path, problem, "Make the keys strings.")
            written[key] = self.write(member, (*path, key))
        if len(written) != 1:
            return written
        ((key, member),) = written.items()
        return {f"${key}": member} if key.startswith("$") else written

    def _refusal(self, path: Path, problem: str, todo: str) -> UnserializableValueError:
        return UnserializableValueError(self._field, format_path(path), problem, todo)


def format_path(path: Path, root: str = "$") -> str:
    """A path as JavaScript would write it: `$.items[3].sku`; a long one without its middle."""
    half = _MAX_SHOWN // 2
    if len(path) <= _MAX_SHOWN:
        text = root + "".join(map(_segment, path))
    else:
        middle = f" … {len(path) - _MAX_SHOWN} levels … "
        head, tail = (
            "".join(map(_segment, path[:half])),
            "".join(map(_segment, path[-half:])),
        )
        text = root + head + middle + tail
    return text.removeprefix(".") if root == "" else text


def _segment(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    return f".{segment}" if _IDENTIFIER.match(segment) else f"[{_json.write(segment[:80])}]"
