"""Says in Redis that this worker is there, and what it serves.

A key that ends by itself, written again all the time: a flushed Redis knows it again within a beat.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from redis.exceptions import RedisError

from ._control import Control
from ._keys import Keys, Pace
from ._link import AWAY_ERRORS, Link
from ._messages import WorkerPresence

#: Who has been gone for longer is forgotten.
_MEMORY_MS: Final = 24 * 3_600_000
_PATIENCE: Final = 3.0


class Presence:
    def __init__(
        self,
        link: Link,
        keys: Keys,
        pace: Pace,
        *,
        control: Control,
        message: WorkerPresence,
        logger: logging.Logger,
    ) -> None:
        self._link = link
        self._keys = keys
        self._pace = pace
        self._control = control
        self._message = message
        self._logger = logger
        self._text = message.text()

    async def run(self) -> None:
        """Says so until it is cancelled. The news are told once Redis has taken the presence."""
        is_told = False
        while True:
            try:
                if await self._link.try_once(self._write) and not is_told:
                    await self._control.post(self._text)
                    is_told = True
            except (RedisError, OSError) as error:
                self._link.report("This worker could not be announced", error)
            await asyncio.sleep(self._pace.beat)

    async def end(self) -> None:
        """Nobody is there any more. A hint: the key ends by itself. Takes seconds at most."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._link.commands.delete(self._keys.worker(self._message.worker))
                gone = self._message.model_copy(
                    update={"steps": [], "workflows": None, "inbox": None}
                )
                await self._control.post(gone.text())
        except (TimeoutError, *AWAY_ERRORS, RedisError) as error:
            self._logger.debug("The farewell was not sent: %s", error)

    async def _write(self) -> bool:
        now = int(time.time() * 1000)
        worker = self._message.worker
        async with self._link.commands.pipeline(transaction=True) as batch:
            batch.set(
                self._keys.worker(worker), self._text, px=max(1, round(self._pace.presence * 1000))
            )
            batch.zadd(self._keys.workers, {worker: now})
            batch.zremrangebyscore(self._keys.workers, "-inf", now - _MEMORY_MS)
            await batch.execute()
        return True
