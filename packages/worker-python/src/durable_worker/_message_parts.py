"""What messages are made of: names, counts, and how they are read and written."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from . import _json

PROTOCOL_VERSION: Final = 1
#: Longest list of a message.
MAX_ITEMS: Final = 10_000
#: Largest whole number that every language holds.
MAX_SAFE: Final = 2**53 - 1


def whole(value: object) -> object:
    """JSON knows one kind of number: 1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at_most(units: int) -> AfterValidator:
    """Length in UTF-16 code units, as JavaScript counts."""

    def check(text: str) -> str:
        if len(text) + sum(character > "\uffff" for character in text) > units:
            raise ValueError(f"it is longer than {units}")
        return text

    return AfterValidator(check)


Name = Annotated[str, Field(min_length=1), _at_most(1_024)]
Text = Annotated[str, _at_most(8_192)]
Count = Annotated[int, BeforeValidator(whole), Field(ge=0, le=MAX_SAFE)]
Positive = Annotated[int, BeforeValidator(whole), Field(ge=1, le=MAX_SAFE)]
Version = Annotated[Literal[1], BeforeValidator(whole)]


class Part(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Message(Part):
    v: Version = PROTOCOL_VERSION

    def text(self) -> str:
        """The message as it is sent; fields that are None are left out."""
        return _json.write(self.model_dump(by_alias=True, exclude_none=True))
