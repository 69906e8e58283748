"""Runs the tasks of a worker: from a job in a queue to an answer in Redis.

R1  A job that cannot be run here goes back to its queue; one that is no task is dropped.
R2  An attempt that is running here already is not run beside itself.
R3  A shutdown is never reported as a failure: what is not done goes back to its queue.
R4  Of jobs that have lost workers before, one begins at a time: what runs beside the culprit is not
    blamed with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from redis.exceptions import RedisError

from ._attempt import Attempt, Handler, Outcome
from ._bad_messages import BadMessages
from ._control import CancelMemory
from ._error_text import encode_error
from ._keys import Keys, Pace
from ._link import Link
from ._messages import Cancel, Refusal, Task, read_message
from ._replies import Replies
from ._steps import StepDefinition
from ._task_queue import Later, QueuedTask
from .errors import RemoteCrashError

#: A job that has waited for longer may be of an attempt that is over.
_FRESH_MS: Final = 60_000
#: When a job comes again that is not run here now.
_LATER_SECONDS: Final = 1.0
#: Processes that an attempt has lost before it is a suspect.
_SUSPECT_FROM: Final = 2
#: Who has lived for longer has not killed its process, or does so slowly.
_PROBATION_SECONDS: Final = 2.0


@dataclass(frozen=True)
class _Running:
    attempt: Attempt
    over: asyncio.Future[bool]


class _SuspectSlot:
    """Lets attempts that have lost processes before begin one at a time (R4)."""

    def __init__(self) -> None:
        self._holder: str | None = None
        self._since = 0.0

    def enter(self, task_id: str) -> bool:
        now = time.monotonic()
        if self._holder is not None and now - self._since < _PROBATION_SECONDS:
            return self._holder == task_id
        self._holder, self._since = task_id, now
        return True

    def leave(self, task_id: str) -> None:
        if self._holder == task_id:
            self._holder = None


class Runner:
    def __init__(
        self,
        steps: Mapping[str, StepDefinition],
        *,
        link: Link,
        keys: Keys,
        pace: Pace,
        replies: Replies,
        bad: BadMessages,
        max_message_bytes: int,
        logger: logging.Logger,
    ) -> None:
        self._steps = steps
        self._link = link
        self._keys = keys
        self._pace = pace
        self._replies = replies
        self._bad = bad
        self._max_bytes = max_message_bytes
        self._logger = logger
        self._cancelled = CancelMemory()
        #: By the token of the attempt: a later attempt of the same task has another.
        self._running: dict[str, _Running] = {}
        self._suspects = _SuspectSlot()
        self._is_closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._foreign: set[tuple[str, str]] = set()

    async def run(self, queue: str, job: QueuedTask) -> None:
        """Returns when the job is done. Raises `Later` when it has to run elsewhere, or again."""
        task = self._read(queue, job.text)
        if task is None:
            return
        if self._is_closing:
            raise Later
        if not await self._is_wanted(job, task):
            return
        definition = self._steps.get(task.step)
        if definition is None:
            self._note_foreign(queue, task.step)
            raise Later(_LATER_SECONDS)
        if task.max_crashes is not None and job.crashes >= task.max_crashes:
            await self._refuse(task, job.crashes)
            return
        if job.crashes >= _SUSPECT_FROM and not self._suspects.enter(task.task_id):
            raise Later(_LATER_SECONDS)
        try:
            # Again: a shutdown may have begun while Redis was asked.
            if self._is_closing or not await self._attempt(definition, task):
                raise Later
        finally:
            self._suspects.leave(task.task_id)

    async def _refuse(self, task: Task, crashes: int) -> None:
        """It has lost too many workers to be begun once more."""
        error = RemoteCrashError(task.step, task.attempt, crashes)
        self._logger.error("Run %s: %s", task.run_id, error)
        now = round(time.time() * 1000)
        await self._replies.result(task, Outcome(False, encode_error(error), now, None))

    async def run_local(self, step: Handler, task: Task) -> None:
        """A step of a workflow whose code is here. Returns when it is answered, or given up."""
        if not self._is_closing:
            await self._attempt(step, task)

    def cancel(self, message: Cancel) -> None:
        """Also remembers it, for attempts that come later."""
        self._cancelled.add(message.task_ids, message.reason)
        ids = set(message.task_ids)
        for running in self._running.values():
            if running.attempt.task.task_id in ids:
                running.attempt.cancel(message.reason)

    async def close(self, timeout: float) -> None:
        """Takes no more; after `timeout` seconds abandons what runs still."""
        self._is_closing = True
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            self._logger.warning(
                "%d attempts had not ended at the deadline; they run again elsewhere.",
                len(self._running),
            )
        for running in list(self._running.values()):
            running.attempt.abandon()
            # Its result may be waiting for Redis: nobody waits with it.
            if not running.over.done():
                running.over.set_result(False)

    async def _attempt(self, definition: Handler, task: Task) -> bool:
        """False: nobody knows how it ended."""
        running = self._running.get(task.token)
        if running is None:
            running = self._begin(definition, task)
        return await asyncio.shield(running.over)

    def _begin(self, definition: Handler, task: Task) -> _Running:
        loop = asyncio.get_running_loop()
        attempt = Attempt(
            definition,
            task,
            liveness=min(task.liveness_ms / 1000, self._pace.liveness),
            beat=lambda progress: self._replies.heartbeat(task, progress),
            logger=self._logger,
        )
        running = _Running(attempt, loop.create_future())
        self._running[task.token] = running
        self._idle.clear()
        reason = self._cancelled.reason_of(task.task_id)
        if reason is not None:
            attempt.cancel(reason)
        finishing = loop.create_task(self._finish(running))
        # The loop keeps no reference to its tasks; this one ends with the future, or before it.
        running.over.add_done_callback(lambda _: finishing.cancel())
        return running

    async def _finish(self, running: _Running) -> None:
        attempt = running.attempt
        is_reported = False
        try:
            outcome = await attempt.run()
            if outcome is not None:
                await self._replies.result(attempt.task, outcome)
                is_reported = True
        except RedisError as error:
            what = f"step '{attempt.task.step}' of run {attempt.task.run_id}"
            self._logger.error("The result of %s was not taken; it runs again: %s", what, error)
        finally:
            del self._running[attempt.task.token]
            if not self._running:
                self._idle.set()
            if not running.over.done():
                running.over.set_result(is_reported)

    def _read(self, queue: str, text: str) -> Task | None:
        """None for what is dropped: also what a forger may want, such as answers to other keys."""
        message = read_message(text, ("task",), self._max_bytes)
        if isinstance(message, Task):
            if not message.reply_to.startswith(self._keys.results_of_all):
                message = Refusal("invalid", "field 'replyTo' is no results stream")
            elif message.namespace != self._keys.namespace:
                message = Refusal("invalid", "field 'namespace' is not ours")
            else:
                return message
        if isinstance(message, Refusal):
            self._bad.drop(queue, message)
        return None

    async def _is_wanted(self, job: QueuedTask, task: Task) -> bool:
        """Engines ask again, all the time, for what they wait for."""
        if time.time() * 1000 - job.timestamp < _FRESH_MS:
            return True
        member = f"{task.task_id}.{task.attempt}"
        asked = await self._link.persist(
            lambda: self._link.commands.zscore(self._keys.wanted, member),
            "a look at what is wanted",
        )
        if asked is None:
            message = "A task was dropped: it is old, and no engine asks for it any more (%s)."
            self._logger.info(message, task.task_id)
        return asked is not None

    def _note_foreign(self, queue: str, step: str) -> None:
        if (queue, step) in self._foreign or len(self._foreign) >= 1_000:
            return
        self._foreign.add((queue, step))
        self._logger.warning(
            "Queue '%s' has tasks of step '%s', which this worker does not serve; it leaves them "
            "to others. All workers of a queue should serve the same steps.",
            queue,
            step,
        )
