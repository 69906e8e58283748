"""A stream of what is sent to this process alone.

Its key is new with each process, and what was read is deleted. Senders let it expire.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.exceptions import RedisError

from ._bad_messages import BadMessages
from ._keys import MESSAGE_FIELD
from ._link import AWAY_ERRORS, Link
from ._messages import Message, Refusal, read_message

_BLOCK_MS: Final = 2_000
_COUNT: Final = 500
_PAUSE: Final = 0.25
_ERROR_PAUSE: Final = 1.0
_PATIENCE: Final = 2.0


class Inbox:
    def __init__(
        self,
        link: Link,
        key: str,
        *,
        types: tuple[str, ...],
        take: Callable[[Message], None],
        bad: BadMessages,
        max_message_bytes: int,
        logger: logging.Logger,
    ) -> None:
        """`take` gets each message once, in order, on the loop's thread."""
        self.key = key
        self._link = link
        self._types = types
        self._take = take
        self._bad = bad
        self._max_bytes = max_message_bytes
        self._logger = logger
        self._redis = link.blocking()

    async def run(self) -> None:
        """Reads until it is cancelled."""
        # All of it is after this process has begun: nobody has known the key before.
        cursor = "0-0"
        while True:
            try:
                cursor = await self._read(cursor)
            except AWAY_ERRORS:
                await asyncio.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever it is, it has to be read.
                self._link.report(f"Reading '{self.key}'", error)
                await asyncio.sleep(_ERROR_PAUSE)

    async def remove(self) -> None:
        """Nobody reads it any more. A hint: it expires by itself."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._link.commands.delete(self.key)
        except (TimeoutError, *AWAY_ERRORS, RedisError) as error:
            self._logger.debug("'%s' was not removed: %s", self.key, error)

    async def _read(self, cursor: str) -> str:
        reply: Any = await self._link.watch(
            lambda: self._redis.xread({self.key: cursor}, count=_COUNT, block=_BLOCK_MS)
        )
        ids: list[str] = []
        for _, entries in reply or ():
            for entry_id, fields in entries:
                ids.append(entry_id)
                self._one((fields or {}).get(MESSAGE_FIELD, ""))
        if not ids:
            return cursor
        await self._forget(ids)
        return ids[-1]

    def _one(self, text: str) -> None:
        message = read_message(text, self._types, self._max_bytes)
        if isinstance(message, Refusal):
            self._bad.drop("inbox", message)
            return
        try:
            self._take(message)
        except Exception:
            self._logger.exception("A message of '%s' could not be handled.", self.key)

    async def _forget(self, ids: Sequence[str]) -> None:
        """What is not deleted is not read again either: the cursor is behind it."""
        try:
            await self._link.try_once(lambda: self._link.commands.xdel(self.key, *ids))
        except RedisError as error:
            self._logger.debug("Entries of '%s' were not deleted: %s", self.key, error)
