"""A queue of tasks: BullMQ's worker, of the official package, and what it lacks for us.

Q1  What lies in a queue may be anything. Of a job nothing is parsed but its message, by our reader.
Q2  A job that arrives when the worker has begun to close goes back at once: BullMQ's own loop would
    keep it, unserved, until its lock ends.
Q3  A job is done when its answer is in Redis. BullMQ tries nothing again by itself.

This is the only file that knows the package `bullmq`, which has no types.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from bullmq import Job
from bullmq import Worker as BullWorker
from bullmq.custom_errors import DelayedError

from ._keys import Pace, escape_part
from ._link import Link
from ._queue_plan import QueuePlan

#: A lock is lost when a process stands still, which is no fault of the task: the engine decides.
_MAX_STALLED: Final = 1_000_000
#: How long an idle worker waits for a task before it looks by itself.
_DRAIN_SECONDS: Final = 5
_RETRY_MS: Final = 500
_RESTART_SECONDS: Final = 1.0


@dataclass(frozen=True)
class QueuedTask:
    """A job as it lies in the queue."""

    job_id: str
    #: The message, unparsed.
    text: str
    #: When it was added, in epoch milliseconds, by the engine's clock.
    timestamp: int


class Later(Exception):  # noqa: N818 - it is no error.
    """Raised by who was to run a job: it goes back to its queue, and comes again after a time."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(f"in {seconds} seconds")
        self.seconds = seconds


class TaskSource:
    """Takes the jobs of one queue, and has them run."""

    def __init__(
        self,
        plan: QueuePlan,
        prefix: str,
        *,
        link: Link,
        pace: Pace,
        run: Callable[[QueuedTask], Awaitable[None]],
        logger: logging.Logger,
    ) -> None:
        """`run` returns when the job is done, or raises `Later`."""
        self._plan = plan
        self._prefix = prefix
        self._link = link
        self._pace = pace
        self._run = run
        self._logger = logger
        self._worker: _JobWorker | None = None
        self._is_closing = False

    async def serve(self) -> None:
        """Until it is closed. BullMQ's loop may end over an error; then another one begins."""
        while not self._is_closing:
            self._worker = self._open()
            try:
                await self._worker.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, the queue has to be served.
                self._report(error)
            if self._is_closing:
                return
            await self._worker.close(force=True)
            await asyncio.sleep(_RESTART_SECONDS)

    async def pause(self) -> None:
        """Takes no more. What runs goes on."""
        self._is_closing = True
        if self._worker is not None:
            self._worker.is_closing = True
            await self._worker.pause(True)

    async def close(self, patience: float) -> None:
        """Waits until every job that was taken is done or put back, then ends it."""
        self._is_closing = True
        worker = self._worker
        if worker is None:
            return
        # A task of its own: BullMQ's cannot be cancelled while it waits.
        closing = asyncio.ensure_future(worker.close())
        await asyncio.wait({closing}, timeout=patience)
        if not closing.done():
            worker.cancelProcessing()
            await asyncio.wait({closing}, timeout=patience)

    def _open(self) -> _JobWorker:
        limit = self._plan.rate_limit
        options: dict[str, Any] = {
            "connection": self._link.blocking(),
            "prefix": self._prefix,
            "autorun": False,
            "concurrency": self._plan.concurrency,
            "lockDuration": round(self._pace.lock * 1000),
            "stalledInterval": round(self._pace.stalled * 1000),
            "maxStalledCount": _MAX_STALLED,
            "drainDelay": _DRAIN_SECONDS,
            "runRetryDelay": _RETRY_MS,
            "skipVersionCheck": True,
        }
        if limit is not None:
            options["limiter"] = {"max": limit.max, "duration": round(limit.seconds * 1000)}
        worker = _JobWorker(escape_part(self._plan.queue), self._process, options)
        worker.on("error", lambda error, *_: self._report(error))
        return worker

    async def _process(self, job: Any, token: str) -> None:
        try:
            await self._run(QueuedTask(job.id, job.data, job.timestamp))
        except Later as later:
            await _put_back(job, token, later.seconds)
            raise DelayedError from later

    def _report(self, error: BaseException) -> None:
        if not self._is_closing:
            self._logger.debug("BullMQ, queue '%s': %s", self._plan.queue, error)


async def _put_back(job: Any, token: str, seconds: float) -> None:
    await job.moveToDelayed(int((time.time() + seconds) * 1000), token)


class _JobWorker(BullWorker):  # type: ignore[misc]
    """BullMQ's worker with Q1 and Q2."""

    def __init__(self, name: str, processor: Any, options: dict[str, Any]) -> None:
        super().__init__(name, processor, options)
        self.is_closing = False
        # Redis is 6.2 or newer: it waits for parts of a second.
        blocking = self.backend.blocking_connection
        blocking.capabilities = {"canBlockFor1Ms": False, "canDoubleTimeout": True}

    async def nextJobFromJobData(  # noqa: N802 - BullMQ's name.
        self,
        job_data: dict[str, str] | None = None,
        job_id: str | None = None,
        limit_until: int = 0,
        delay_until: int = 0,
        token: str | None = None,
    ) -> Any:
        if not job_data:
            await super().nextJobFromJobData(None, None, limit_until, delay_until, token)
            if self.limitUntil > 0:
                # BullMQ's Python worker would look again after `drainDelay` only.
                self.blockUntil = int(time.time() * 1000) + self.limitUntil
            return None
        self.drained = False
        job = _to_job(self, job_data, str(job_id))
        job.token = token
        if not self.is_closing:
            return job
        await _put_back(job, str(token), 0)
        return None


def _to_job(worker: Any, data: dict[str, str], job_id: str) -> Any:
    """A job of what we need of it: other fields are BullMQ's business, or a forger's."""
    options = {"removeOnComplete": True, "removeOnFail": True}
    job = Job(worker, "task", data.get("data", ""), options, job_id)
    timestamp = data.get("timestamp", "")
    job.timestamp = int(timestamp) if timestamp.isdecimal() and len(timestamp) < 16 else 0
    return job
