"""A worker that serves: its parts, how they begin, and in which order they end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from ._activations import Activations, Definitions
from ._bad_messages import BadMessages
from ._control import Control
from ._inbox import Inbox
from ._keys import Keys, Pace
from ._link import Link
from ._messages import Sdk, ServedStep, ServedWorkflow, WorkerPresence
from ._presence import Presence
from ._queue_plan import QueuePlan
from ._replies import Replies
from ._runner import Runner
from ._steps import StepDefinition
from ._task_queue import QueuedTask, TaskSource
from ._version import __version__

#: How long parts that have nothing left to do may take to end.
_CLOSE_SECONDS: Final = 3.0
#: How often activations are looked at that nobody uses, at most.
_SWEEP_SECONDS: Final = 5.0


@dataclass(frozen=True)
class SessionSettings:
    """What a worker was made with. Times are seconds."""

    worker: str
    keys: Keys
    pace: Pace
    workflow_concurrency: int
    resident_workflows: int
    resident_idle: float
    max_message_bytes: int


class Session:
    """See the top of the file."""

    def __init__(
        self,
        settings: SessionSettings,
        *,
        steps: dict[str, StepDefinition],
        workflows: Definitions,
        plans: list[QueuePlan],
        link: Link,
        bad: BadMessages,
        logger: logging.Logger,
    ) -> None:
        keys, pace, limit = settings.keys, settings.pace, settings.max_message_bytes
        self._link = link
        self._logger = logger
        replies = Replies(link, worker=settings.worker, max_message_bytes=limit, logger=logger)
        self._runner = Runner(
            steps,
            link=link,
            keys=keys,
            pace=pace,
            replies=replies,
            bad=bad,
            max_message_bytes=limit,
            logger=logger,
        )
        self._activations = Activations(
            workflows,
            worker=settings.worker,
            keys=keys,
            pace=pace,
            replies=replies,
            runner=self._runner,
            bad=bad,
            concurrency=settings.workflow_concurrency,
            most=settings.resident_workflows,
            idle=settings.resident_idle,
            max_message_bytes=limit,
            logger=logger,
        )
        self._inbox = Inbox(
            link,
            keys.inbox(settings.worker),
            types=("turn", "task", "release"),
            take=self._activations.take,
            bad=bad,
            max_message_bytes=limit,
            logger=logger,
        )
        self._control = Control(link, keys.control, bad=bad, on_cancel=self._runner.cancel)
        self._presence = Presence(
            link,
            keys,
            pace,
            control=self._control,
            message=_announcement(settings.worker, plans, workflows, self._inbox.key),
            logger=logger,
        )
        self._sources = [
            TaskSource(
                plan,
                keys.tasks,
                link=link,
                pace=pace,
                run=_run_of(self._runner, plan),
                logger=logger,
            )
            for plan in plans
        ]
        self._has_workflows = len(workflows) > 0
        self._idle = settings.resident_idle
        self._tasks: list[asyncio.Task[None]] = []
        self._announcing: list[asyncio.Task[None]] = []
        self._stopped: asyncio.Future[None] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        work = [self._control.run(), *(source.serve() for source in self._sources)]
        if self._has_workflows:
            work += [self._inbox.run(), self._sweep()]
        self._tasks = [loop.create_task(part) for part in work]
        self._announcing = [loop.create_task(self._presence.run())]

    async def stop(self, timeout: float) -> None:
        """Once, for all who ask."""
        if self._stopped is None:
            self._stopped = asyncio.ensure_future(self._stop(timeout))
        await asyncio.shield(self._stopped)

    async def _stop(self, timeout: float) -> None:
        await asyncio.gather(*(source.pause() for source in self._sources))
        self._activations.refuse_new()
        await _cancelled(self._announcing)
        await self._presence.end()
        await self._runner.close(timeout)
        if self._has_workflows:
            await self._leave_workflows()
        await asyncio.gather(*(source.close(_CLOSE_SECONDS) for source in self._sources))
        await _cancelled(self._tasks)
        await self._link.close()

    async def _leave_workflows(self) -> None:
        """What cannot be told is found out by the engines, from silence."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._activations.close()
        except TimeoutError:
            self._logger.debug("The engines were not told that this worker leaves its workflows.")
        await self._inbox.remove()

    async def _sweep(self) -> None:
        pause = min(_SWEEP_SECONDS, self._idle / 4)
        while True:
            await asyncio.sleep(pause)
            self._activations.sweep()


def _run_of(runner: Runner, plan: QueuePlan) -> Callable[[QueuedTask], Coroutine[Any, Any, None]]:
    async def run(job: QueuedTask) -> None:
        await runner.run(plan.queue, job)

    return run


def _announcement(
    worker_id: str, plans: list[QueuePlan], workflows: Definitions, inbox: str
) -> WorkerPresence:
    return WorkerPresence(
        worker=worker_id,
        started_at=int(time.time() * 1000),
        sdk=Sdk(name="python", version=__version__),
        steps=[ServedStep(name=step, queue=plan.queue) for plan in plans for step in plan.steps],
        workflows=[ServedWorkflow(name=name, version=version) for name, version in workflows]
        or None,
        inbox=inbox if workflows else None,
    )


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
