"""Connections to Redis, and patience with it.

Commands share a few connections. What blocks (a queue that waits for tasks, the stream of news)
takes one each. A result waits for Redis as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
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
        }
        self._logger = logger
        self._is_away = False
        self._is_closed = False
        self._pools: tuple[ConnectionPool, ConnectionPool] = (
            BlockingConnectionPool.from_url(
                url, max_connections=_MAX_COMMANDS, timeout=None, **own, retry=_quick_retry()
            ),
            ConnectionPool.from_url(url, **own, retry=_quick_retry()),
        )
        self.commands: Redis = Redis(connection_pool=self._pools[0])

    def blocking(self) -> Redis:
        """A client for commands that block; of a pool that gives each a connection."""
        return Redis(connection_pool=self._pools[1])

    async def try_once(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """None where Redis is away, which is logged once."""
        try:
            value = await work()
        except AWAY_ERRORS as error:
            self.note_away(error)
            return None
        self.note_ready()
        return value

    async def persist(self, work: Callable[[], Awaitable[T]], what: str) -> T:
        """Tries until Redis has done it. Raises what Redis refuses it with, time and again."""
        refusals = 0
        pause = _FIRST_PAUSE
        while True:
            try:
                value = await work()
            except AWAY_ERRORS as error:
                self.note_away(error)
            except RedisError as error:
                refusals += 1
                if refusals >= _MAX_REFUSALS:
                    raise
                self._logger.warning("Redis refuses %s: %s. Trying again.", what, error)
            else:
                self.note_ready()
                return value
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def note_away(self, error: BaseException) -> None:
        if self._is_away or self._is_closed:
            return
        self._is_away = True
        self._logger.warning("Redis is away (%s). Everything waits, and goes on with it.", error)

    def note_ready(self) -> None:
        if self._is_away and not self._is_closed:
            self._logger.info("Redis is back.")
        self._is_away = False

    async def close(self) -> None:
        """Ends all connections at once."""
        self._is_closed = True
        for pool in self._pools:
            await pool.disconnect(inuse_connections=True)


def _quick_retry() -> Retry:
    """For a connection that has been lost while nobody looked. More patience is the callers'."""
    return Retry(ConstantBackoff(0.1), 1)
