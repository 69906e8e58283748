"""Answers to the engine that has sent a task. A result waits for Redis; a sign of life does not."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from redis.exceptions import RedisError

from ._attempt import Outcome
from ._error_text import encode_error
from ._keys import MESSAGE_FIELD
from ._limits import byte_length, is_too_large
from ._link import Link
from ._messages import Heartbeat, Result, Task
from .errors import PayloadTooLargeError

#: How long answers are kept that no engine reads: 7 days.
_KEPT_MS: Final = 7 * 24 * 3_600_000


class Replies:
    def __init__(
        self, link: Link, *, worker: str, max_message_bytes: int, logger: logging.Logger
    ) -> None:
        self._link = link
        self._worker = worker
        self._max_bytes = max_message_bytes
        self._logger = logger
        self._beats: set[asyncio.Task[None]] = set()

    async def send(self, reply_to: str, text: str, what: str) -> None:
        """Returns when Redis has it. Raises what Redis refuses it with, time and again."""
        await self._link.persist(lambda: self._send(reply_to, text), what)

    async def result(self, task: Task, outcome: Outcome) -> None:
        """Returns when Redis has it. Raises what Redis refuses it with, time and again."""
        text = self._result_text(task, outcome)
        what = f"the result of step '{task.step}' of run {task.run_id}"
        await self._link.persist(lambda: self._send(task.reply_to, text), what)

    def heartbeat(self, task: Task, progress: str | None) -> None:
        if self._link.is_away:
            return
        text = Heartbeat(task_id=task.task_id, token=task.token, progress=progress).text()
        if is_too_large(text, self._max_bytes):
            text = Heartbeat(task_id=task.task_id, token=task.token).text()
        beat = asyncio.get_running_loop().create_task(self._beat(task, text))
        self._beats.add(beat)
        beat.add_done_callback(self._beats.discard)

    async def _beat(self, task: Task, text: str) -> None:
        try:
            await self._link.try_once(lambda: self._send(task.reply_to, text))
        except RedisError as error:
            self._logger.debug("A heartbeat of task %s was not sent: %s", task.task_id, error)

    def _result_text(self, task: Task, outcome: Outcome) -> str:
        text = self._text(task, outcome.ok, outcome.payload, outcome)
        if not is_too_large(text, self._max_bytes):
            return text
        field = f"the result of step '{task.step}' (max_message_bytes)"
        error = PayloadTooLargeError(field, byte_length(text), self._max_bytes)
        return self._text(task, False, encode_error(error), None, outcome.started_at)

    def _text(
        self,
        task: Task,
        ok: bool,
        payload: str,
        outcome: Outcome | None,
        started_at: int | None = None,
    ) -> str:
        return Result(
            task_id=task.task_id,
            token=task.token,
            attempt=task.attempt,
            ok=ok,
            payload=payload,
            worker=self._worker,
            started_at=outcome.started_at if outcome else started_at,
            progress=outcome.progress if outcome else None,
        ).text()

    async def _send(self, key: str, text: str) -> None:
        async with self._link.commands.pipeline(transaction=False) as batch:
            batch.xadd(key, {MESSAGE_FIELD: text})
            batch.pexpire(key, _KEPT_MS)
            await batch.execute()
