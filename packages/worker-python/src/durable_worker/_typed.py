"""Values with the type that somebody has given them: text in, text out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from . import _json
from ._values import UNDEFINED_TEXT, decode, encode, format_path, is_plain
from .errors import SchemaValidationError

_MAX_ISSUES = 20


class TypedValue:
    """An input or an output. Without a type it is plain JSON."""

    def __init__(self, kind: Any, side: str, of: str) -> None:
        """`side` is `input` or `output`; `of` is for messages: "remote step 'pack'".

        Raises TypeError for a type that pydantic does not know.
        """
        self._adapter = None if kind is None or kind is Any else _adapter(kind, f"{side} of {of}")
        self._side = side
        self._of = of

    def read(self, text: str) -> Any:
        """Raises UndecodableValueError, SchemaValidationError."""
        value = decode(text)
        if self._adapter is None:
            return value
        # As JSON: strict models take dates and the like from a text there.
        json_text = text if is_plain(text) else _json.write(value)
        try:
            return self._adapter.validate_json(json_text)
        except ValidationError as error:
            raise self._misfit(error) from error

    def write(self, value: Any) -> str:
        """Raises UnserializableValueError, SchemaValidationError."""
        field = f"The {self._side} of {self._of}"
        if self._adapter is None:
            # Nothing: what a contract without an output expects. With an output type None is null.
            return UNDEFINED_TEXT if value is None else encode(plain(value), field)
        try:
            checked = self._adapter.validate_python(value)
        except ValidationError as error:
            raise self._misfit(error) from error
        return encode(self._adapter.dump_python(checked, mode="json", by_alias=True), field)

    def _misfit(self, error: ValidationError) -> SchemaValidationError:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        issues = [
            {"path": format_path(tuple(issue["loc"]), ""), "message": issue["msg"]}
            for issue in found[:_MAX_ISSUES]
        ]
        return SchemaValidationError(self._side, self._of, issues)


def plain(value: Any) -> Any:
    """The value with pydantic models in it as JSON writes them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _adapter(kind: Any, what: str) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(kind)
    except PydanticSchemaGenerationError as error:
        raise TypeError(f"The {what} is no type that pydantic knows: {error.message}") from error


@lru_cache(maxsize=1_000)
def _cached_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
