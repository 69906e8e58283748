"""News for everybody in a namespace. A worker wants to know of cancels.

A stream: who was away for a moment, or begins to listen, reads what it has missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from ._bad_messages import BadMessages
from ._keys import MESSAGE_FIELD
from ._link import AWAY_ERRORS, Link
from ._messages import Cancel, Refusal, read_message

#: How much of the past somebody who begins to listen is told.
_PAST: Final = 3_600
_BLOCK_MS: Final = 2_000
_COUNT: Final = 500
_PAUSE: Final = 0.25
_MAX_ENTRIES: Final = 10_000
_MAX_REMEMBERED: Final = 10_000


class CancelMemory:
    """Attempts that were cancelled before they came here. Keeps the youngest."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def add(self, task_ids: Sequence[str], reason: str) -> None:
        for task_id in task_ids:
            self._reasons.pop(task_id, None)
            self._reasons[task_id] = reason
        while len(self._reasons) > _MAX_REMEMBERED:
            del self._reasons[next(iter(self._reasons))]

    def reason_of(self, task_id: str) -> str | None:
        """None where nobody has cancelled it."""
        return self._reasons.get(task_id)


class Control:
    """Reads the news from an hour ago on, and tells of cancels."""

    def __init__(
        self,
        link: Link,
        key: str,
        *,
        bad: BadMessages,
        on_cancel: Callable[[Cancel], None],
    ) -> None:
        self._link = link
        self._key = key
        self._bad = bad
        self._on_cancel = on_cancel
        self._redis = link.blocking()

    async def post(self, text: str) -> None:
        await self._link.commands.xadd(
            self._key, {MESSAGE_FIELD: text}, maxlen=_MAX_ENTRIES, approximate=True
        )

    async def run(self) -> None:
        """Reads until it is cancelled."""
        cursor: str | None = None
        while True:
            try:
                cursor = await self._read(cursor or await self._start())
            except AWAY_ERRORS:
                await asyncio.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever it is, news have to be read.
                self._link.report(f"Reading '{self._key}'", error)
                await asyncio.sleep(1)

    async def _start(self) -> str:
        """By the clock of Redis, which makes the ids."""
        seconds, _ = await self._link.commands.time()
        return f"{max(0, int(seconds) - _PAST) * 1_000}-0"

    async def _read(self, cursor: str) -> str:
        reply: Any = await self._link.watch(
            lambda: self._redis.xread({self._key: cursor}, count=_COUNT, block=_BLOCK_MS)
        )
        for _, entries in reply or ():
            for entry_id, fields in entries:
                cursor = entry_id
                self._take((fields or {}).get(MESSAGE_FIELD, ""))
        return cursor

    def _take(self, text: str) -> None:
        message = read_message(text, ("cancel", "worker"))
        if isinstance(message, Refusal):
            self._bad.drop("control", message)
        elif isinstance(message, Cancel):
            self._on_cancel(message)
