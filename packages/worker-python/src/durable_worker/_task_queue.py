"""A queue of tasks, by the official package `bullmq`: it knows BullMQ's keys, scripts and locks.

Q1  What lies in a queue may be anything. Of a job nothing is parsed but its message, by our reader.
Q2  Every job that was taken is run, or goes back: also one that arrives when the worker closes.
Q3  A job is done when its answer is in Redis. BullMQ tries nothing again by itself.

The package's own loop is not used. Each time it looks it asks for as many jobs as it may run at
once (100 scripts for one job), and it keeps a job that arrives while it is paused until its lock
ends: docs/decisions/0011-python-rides-on-bullmq.md.

This is the only file that knows the package, which has no types.
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
from redis.exceptions import RedisError

from ._keys import Pace, escape_part
from ._link import AWAY_ERRORS, Link
from ._queue_plan import QueuePlan

#: How many lost locks are too many is the engine's to say: BullMQ is to drop nothing.
_MAX_STALLED: Final = 1_000_000
#: How long an idle worker waits for a task before it looks by itself.
_DRAIN_SECONDS: Final = 5
_AWAY_PAUSE: Final = 0.25
_ERROR_PAUSE: Final = 1.0


@dataclass(frozen=True)
class QueuedTask:
    """A job as it lies in the queue."""

    job_id: str
    #: The message, unparsed.
    text: str
    #: When it was added, in epoch milliseconds, by the engine's clock.
    timestamp: int
    #: How often the lock of who ran it has ended without an end of the job.
    crashes: int


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
        self._link = link
        self._pace = pace
        self._run = run
        self._logger = logger
        self._worker = _open(plan, prefix, link, pace)
        self._slots = asyncio.Semaphore(plan.concurrency)
        self._jobs: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._is_closing = False
        self._last_error = ""

    async def serve(self) -> None:
        """Takes jobs until it is paused, or cancelled while none is on its way."""
        self._worker.lockManager.start()
        stalled = asyncio.ensure_future(self._look_for_stalled())
        try:
            while not self._is_closing:
                await self._slots.acquire()
                job = await self._next()
                if job is None:
                    self._slots.release()
                else:
                    self._begin(job)
        finally:
            stalled.cancel()

    async def pause(self) -> None:
        """Takes no more. What runs goes on."""
        self._is_closing = True
        await self._worker.pause(True)

    async def close(self, patience: float) -> None:
        """Waits until every job that was taken is done or put back, `patience` seconds at most."""
        self._is_closing = True
        deadline = time.monotonic() + patience
        while self._jobs and time.monotonic() < deadline:
            await asyncio.wait(self._jobs, timeout=max(0, deadline - time.monotonic()))
        for job in list(self._jobs):
            job.cancel()
        await self._worker.lockManager.close()

    async def _next(self) -> Any:
        """The next job; None when it has to be asked for again."""
        if self._is_closing:
            return None
        self._taken += 1
        try:
            token = f"{self._worker.id}:{self._taken}"
            return await self._link.watch(lambda: self._worker.getNextJob(token))
        except AWAY_ERRORS:
            await asyncio.sleep(_AWAY_PAUSE)
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue has to be served.
            self._report(error)
            await asyncio.sleep(_ERROR_PAUSE)
        return None

    def _begin(self, job: Any) -> None:
        work = asyncio.ensure_future(self._process(job))
        self._jobs.add(work)
        work.add_done_callback(self._jobs.discard)

    async def _process(self, job: Any) -> None:
        locks = self._worker.lockManager
        locks.track_job(job.id, job.token, int(time.time() * 1000))
        try:
            await self._finish(job, await self._later(job))
        except Exception as error:  # noqa: BLE001 - its lock ends, and it comes again.
            self._report(error)
        finally:
            locks.untrack_job(job.id)
            self._slots.release()

    async def _later(self, job: Any) -> float | None:
        """None when the job is done, else the seconds after which it has to come again."""
        if self._is_closing:
            return 0
        try:
            await self._run(QueuedTask(job.id, job.data, job.timestamp, job.stalledCounter))
        except Later as later:
            return later.seconds
        return None

    async def _finish(self, job: Any, later: float | None) -> None:
        async def finish() -> None:
            if later is None:
                await job.moveToCompleted(None, job.token)
            else:
                await job.moveToDelayed(int((time.time() + later) * 1000), job.token)

        await self._link.persist(finish, f"the end of job {job.id}")

    async def _look_for_stalled(self) -> None:
        """Jobs of workers that are gone go back to the queue."""
        interval = round(self._pace.stalled * 1000)
        while True:
            await asyncio.sleep(self._pace.stalled)
            try:
                await self._link.try_once(
                    lambda: self._worker.backend.moveStalledJobsToWait(_MAX_STALLED, interval)
                )
            except RedisError as error:
                self._report(error)

    def _report(self, error: BaseException) -> None:
        """What goes on failing is logged once."""
        text = f"{type(error).__name__}: {error}"
        level = logging.DEBUG if text == self._last_error else logging.WARNING
        self._last_error = text
        self._logger.log(level, "BullMQ, queue '%s': %s", self._plan.queue, text)


def _open(plan: QueuePlan, prefix: str, link: Link, pace: Pace) -> _JobWorker:
    options: dict[str, Any] = {
        "connection": link.commands,
        "prefix": prefix,
        "concurrency": plan.concurrency,
        "lockDuration": round(pace.lock * 1000),
        "drainDelay": _DRAIN_SECONDS,
        "skipVersionCheck": True,
    }
    limit = plan.rate_limit
    if limit is not None:
        options["limiter"] = {"max": limit.max, "duration": round(limit.seconds * 1000)}
    worker = _JobWorker(escape_part(plan.queue), None, options)
    blocking = worker.backend.blocking_connection
    blocking.conn = link.blocking()
    # Redis is 6.2 or newer: it waits for parts of a second.
    blocking.capabilities = {"canBlockFor1Ms": False, "canDoubleTimeout": True}
    return worker


class _JobWorker(BullWorker):  # type: ignore[misc]
    """BullMQ's worker with Q1."""

    async def _ensure_client_names(self) -> None:
        """Nothing: Redis refuses clients whose names have spaces, as names of steps may."""

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
                # BullMQ's worker would look again after `drainDelay` only.
                self.blockUntil = int(time.time() * 1000) + self.limitUntil
            return None
        self.drained = False
        return _to_job(self, job_data, str(job_id), token)


def _to_job(worker: Any, data: dict[str, str], job_id: str, token: str | None) -> Any:
    """A job of what we need of it: other fields are BullMQ's business, or a forger's."""
    options = {"removeOnComplete": True, "removeOnFail": True}
    job = Job(worker, "task", data.get("data", ""), options, job_id)
    job.timestamp = _count(data.get("timestamp", ""))
    job.stalledCounter = _count(data.get("stc", ""))
    job.token = token
    return job


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0
