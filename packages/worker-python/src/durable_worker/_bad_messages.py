"""What is no message is dropped, counted, and logged once for each place and reason."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

from ._messages import Refusal, RefusalKind

#: A hostile place must not fill the memory: later places are counted under one name.
_MAX_KINDS: Final = 1_000


@dataclass(frozen=True)
class DroppedMessages:
    """Messages that were dropped at one place for one reason."""

    #: The queue or stream.
    place: str
    kind: RefusalKind
    count: int


class BadMessages:
    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._counts: dict[tuple[str, str], DroppedMessages] = {}

    def drop(self, place: str, refusal: Refusal) -> None:
        key = (refusal.kind, place if len(self._counts) < _MAX_KINDS else "")
        known = self._counts.get(key, DroppedMessages(place, refusal.kind, 0))
        self._counts[key] = replace(known, count=known.count + 1)
        if known.count == 0:
            self._logger.warning(
                "A message on '%s' was dropped: %s. More of this kind are only counted.",
                place,
                refusal.detail,
            )

    def list(self) -> tuple[DroppedMessages, ...]:
        return tuple(self._counts.values())
