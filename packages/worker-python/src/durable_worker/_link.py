"""Connections to Redis, and patience with it.

Commands share a few connections. What blocks (a queue that waits for tasks, the stream of news)
takes one each. A result waits for Redis as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

T = TypeVar("T")

#: Longer than any command of ours or BullMQ's blocks.
_SOCKET_TIMEOUT: Final = 15.0
_CONNECT_TIMEOUT: Final = 5.0
_MAX_COMMANDS: Final = 8
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
#: A Redis that answers, but takes nothing: out of memory, read only, without the right.
_MAX_REFUSALS: Final = 6
#: A Redis that refuses in ever new words must not fill the log.
_MAX_REPORTS: Final = 100

#: Redis cannot be reached now.
AWAY_ERRORS: Final = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError)


class Link:
    """The connections of a worker, which end together."""

    def __init__(self, url: str, logger: logging.Logger, options: dict[str, Any]) -> None:
        """`options` are those of redis-py's connections: TLS, user and so on."""
        own: dict[str, Any] = {
            **options,
            "decode_responses": True,
            # Replies of the shape that BullMQ and we read.
            "protocol": 2,
            # What lies in Redis may be anything, and must break no connection.
            "encoding_errors": "replace",
            "socket_timeout": _SOCKET_TIMEOUT,
            "socket_connect_timeout": _CONNECT_TIMEOUT,
            "socket_keepalive": True,
            "health_check_interval": 10,
            # For a connection that was lost while nobody looked. One that brings no answer has
            # taken long enough. More patience is the callers'.
            "retry": Retry(ConstantBackoff(0.1), 1, supported_errors=(RedisConnectionError,)),
        }
        self._logger = logger
        self._is_away = False
        self._changed_at = time.monotonic()
        self._is_closed = False
        self._reported: set[str] = set()
        self._pools: tuple[ConnectionPool, ConnectionPool] = (
            BlockingConnectionPool.from_url(
                url, max_connections=_MAX_COMMANDS, timeout=None, **own
            ),
            ConnectionPool.from_url(url, **own),
        )
        self.commands: Redis = Redis(connection_pool=self._pools[0])

    @property
    def is_away(self) -> bool:
        """Whether the last command has failed for want of a Redis."""
        return self._is_away

    def blocking(self) -> Redis:
        """A client for commands that block; of a pool that gives each a connection."""
        return Redis(connection_pool=self._pools[1])

    async def watch(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does it, and notes whether Redis is there. Raises what the work raises."""
        began = time.monotonic()
        try:
            value = await work()
        except AWAY_ERRORS as error:
            self._note_away(error, began)
            raise
        self._note_ready(began)
        return value

    async def try_once(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """None where Redis is away."""
        try:
            return await self.watch(work)
        except AWAY_ERRORS:
            return None

    async def persist(self, work: Callable[[], Awaitable[T]], what: str) -> T:
        """Tries until Redis has done it. Raises what Redis refuses it with, time and again."""
        refusals = 0
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.watch(work)
            except AWAY_ERRORS:
                pass  # It has been noted, and logged.
            except RedisError as error:
                refusals += 1
                if refusals >= _MAX_REFUSALS:
                    raise
                self._logger.warning("Redis refuses %s: %s. Trying again.", what, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def report(self, what: str, error: BaseException) -> None:
        """Says that something has failed and is tried again: once, however often it fails."""
        text = f"{what}: {type(error).__name__}: {error}"
        is_news = text not in self._reported and len(self._reported) < _MAX_REPORTS
        if is_news:
            self._reported.add(text)
        # Redis's own words say enough.
        trace = None if isinstance(error, RedisError) else error
        level = logging.WARNING if is_news else logging.DEBUG
        self._logger.log(level, "%s. Trying again.", text, exc_info=trace)

    def _note_away(self, error: BaseException, began: float) -> None:
        """Late news of an outage that is over says nothing."""
        if self._is_away or self._is_closed or began < self._changed_at:
            return
        self._is_away = True
        self._changed_at = time.monotonic()
        self._logger.warning("Redis is away (%s). Everything waits, and goes on with it.", error)

    def _note_ready(self, began: float) -> None:
        if not self._is_away or self._is_closed or began < self._changed_at:
            return
        self._is_away = False
        self._changed_at = time.monotonic()
        self._logger.info("Redis is back.")

    async def close(self) -> None:
        """Ends all connections at once."""
        self._is_closed = True
        for pool in self._pools:
            await pool.disconnect(inuse_connections=True)
