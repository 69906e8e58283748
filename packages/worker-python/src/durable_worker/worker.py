"""The worker: what an application makes, gives its steps to, and runs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ._bad_messages import BadMessages, DroppedMessages
from ._control import Control
from ._keys import Keys, Pace
from ._limits import MAX_MESSAGE_BYTES
from ._link import Link
from ._messages import Sdk, ServedStep, WorkerPresence
from ._presence import Presence
from ._queue_plan import QueuePlan, TaskQueue, plan_queues
from ._replies import Replies
from ._runner import Runner
from ._steps import StepDefinition
from ._task_queue import QueuedTask, TaskSource
from ._version import __version__

F = TypeVar("F", bound=Callable[..., Any])

#: How long parts that have nothing left to do may take to end.
_CLOSE_SECONDS: Final = 3.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """Serves remote steps of durable workflows.

    Example:
        worker = Worker(redis_url="redis://localhost:6379")

        @worker.step("payments.charge-card", input=Charge, output=Charged)
        async def charge(input: Charge, step: StepContext) -> Charged: ...

        worker.run()
    """

    def __init__(
        self,
        *,
        redis_url: str = "redis://localhost:6379",
        prefix: str = "durable",
        namespace: str = "default",
        concurrency: int = 100,
        queues: Sequence[TaskQueue] = (),
        lease: float = 30.0,
        shutdown_timeout: float = 20.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        redis_options: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Nothing happens before `run`, `serve` or `start`.

        `prefix`, `namespace` and `lease` (seconds) are those of the engines. `concurrency` is the
        number of tasks of one queue that run at once in this process; a step has a queue of its own
        name, unless one of `queues` names it. `redis_options` are options of redis-py's connections
        such as `ssl_ca_certs`. Raises ValueError for what cannot be.
        """
        _require(concurrency >= 1, "concurrency has to be 1 or more")
        _require(lease > 0, "lease has to be more than 0 seconds")
        _require(shutdown_timeout >= 0, "shutdown_timeout has to be 0 seconds or more")
        _require(prefix != "" and namespace != "", "prefix and namespace must not be empty")
        names = [queue.name for queue in queues]
        _require(len(set(names)) == len(names), "queues has to name each queue once")
        #: Unique to this worker.
        self.id: str = str(uuid.uuid4())
        self.shutdown_timeout = shutdown_timeout
        self._redis_url = redis_url
        self._redis_options = dict(redis_options or {})
        self._keys = Keys(prefix, namespace)
        self._pace = Pace.of_lease(lease)
        self._concurrency = concurrency
        self._queues = tuple(queues)
        self._max_bytes = max_message_bytes
        self._logger = logger or logging.getLogger("durable_worker")
        self._bad = BadMessages(self._logger)
        self._steps: dict[str, StepDefinition] = {}
        self._session: _Session | None = None
        self._stop_asked: asyncio.Event | None = None

    def step(self, name: str, *, input: Any = None, output: Any = None) -> Callable[[F], F]:
        """Serves a remote step by the function below; gives the function back as it is.

        The function takes `(input)` or `(input, step)`, a `StepContext`. A synchronous one runs in
        a thread. `input` and `output` are pydantic models, or types that pydantic knows; an input
        that does not fit fails the step for good, an output fails the attempt. Without them values
        are plain JSON: None, bool, int, float, str, list, dict.

        Raises ValueError for a name that is taken, or when the worker has started; TypeError for a
        function that cannot be called so.
        """

        def register(function: F) -> F:
            _require(self._session is None, "steps have to be there before the worker starts")
            _require(name not in self._steps, f"two handlers serve the step '{name}'")
            self._steps[name] = StepDefinition(name, function, input=input, output=output)
            return function

        return register

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then ends in order. A second signal ends the process."""
        asyncio.run(self.serve(handle_signals=True))

    async def serve(self, *, handle_signals: bool = False) -> None:
        """As `run`, in a loop that is there already. It ends after `request_stop`, or a cancel."""
        self._stop_asked = asyncio.Event()
        if handle_signals:
            self._listen_to_signals()
        await self.start()
        try:
            await self._stop_asked.wait()
        finally:
            await self.stop()

    def request_stop(self) -> None:
        """Makes `serve` end in order. On the loop's thread."""
        if self._stop_asked is not None:
            self._stop_asked.set()

    async def start(self) -> None:
        """Begins to serve. Does not wait for Redis, which may be away. Raises ValueError."""
        _require(self._session is None, "this worker has been started before")
        _require(bool(self._steps), "there is no step to serve: use @worker.step")
        self._session = _Session(
            worker_id=self.id,
            steps=dict(self._steps),
            plans=plan_queues(list(self._steps), self._queues, self._concurrency),
            link=Link(self._redis_url, self._logger, self._redis_options),
            keys=self._keys,
            pace=self._pace,
            bad=self._bad,
            max_message_bytes=self._max_bytes,
            logger=self._logger,
        )
        self._session.start()
        self._logger.info("Serving %s.", ", ".join(sorted(self._steps)))

    async def stop(self, timeout: float | None = None) -> None:
        """Takes no more, and waits for handlers up to `timeout` seconds (`shutdown_timeout`).

        What is not done by then goes back to its queue. Ends some seconds later at most, whether
        Redis answers or not. A worker does not start again.
        """
        if self._session is not None:
            await self._session.stop(self.shutdown_timeout if timeout is None else timeout)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def dropped_messages(self) -> tuple[DroppedMessages, ...]:
        """What lay in queues and streams and was no message, counted by place and kind."""
        return self._bad.list()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            for number in _STOP_SIGNALS:
                loop.add_signal_handler(number, self._on_signal, number)
        except NotImplementedError:
            # Windows. Ctrl-C cancels `serve`, which ends in order.
            self._logger.debug("This platform has no signals for event loops.")

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop_asked is None or not self._stop_asked.is_set():
            self._logger.info("%s: ending in order.", number.name)
            self.request_stop()
            return
        # At once, as if nobody listened. The tasks run again elsewhere when their locks have ended.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


class _Session:
    """A worker that serves."""

    def __init__(
        self,
        *,
        worker_id: str,
        steps: dict[str, StepDefinition],
        plans: list[QueuePlan],
        link: Link,
        keys: Keys,
        pace: Pace,
        bad: BadMessages,
        max_message_bytes: int,
        logger: logging.Logger,
    ) -> None:
        self._link = link
        self._logger = logger
        replies = Replies(
            link, worker=worker_id, max_message_bytes=max_message_bytes, logger=logger
        )
        self._runner = Runner(
            steps,
            link=link,
            keys=keys,
            pace=pace,
            replies=replies,
            bad=bad,
            max_message_bytes=max_message_bytes,
            logger=logger,
        )
        self._control = Control(link, keys.control, bad=bad, on_cancel=self._runner.cancel)
        self._presence = Presence(
            link,
            keys,
            pace,
            control=self._control,
            message=_announcement(worker_id, plans),
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
        self._tasks: list[asyncio.Task[None]] = []
        self._announcing: list[asyncio.Task[None]] = []
        self._stopped: asyncio.Future[None] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        serving = [source.serve() for source in self._sources]
        self._tasks = [loop.create_task(work) for work in (self._control.run(), *serving)]
        self._announcing = [loop.create_task(self._presence.run())]

    async def stop(self, timeout: float) -> None:
        """Once, for all who ask."""
        if self._stopped is None:
            self._stopped = asyncio.ensure_future(self._stop(timeout))
        await asyncio.shield(self._stopped)

    async def _stop(self, timeout: float) -> None:
        await asyncio.gather(*(source.pause() for source in self._sources))
        await _cancelled(self._announcing)
        await self._presence.end()
        await self._runner.close(timeout)
        await asyncio.gather(*(source.close(_CLOSE_SECONDS) for source in self._sources))
        await _cancelled(self._tasks)
        await self._link.close()


def _run_of(runner: Runner, plan: QueuePlan) -> Callable[[QueuedTask], Coroutine[Any, Any, None]]:
    async def run(job: QueuedTask) -> None:
        await runner.run(plan.queue, job)

    return run


def _announcement(worker_id: str, plans: list[QueuePlan]) -> WorkerPresence:
    return WorkerPresence(
        worker=worker_id,
        started_at=int(time.time() * 1000),
        sdk=Sdk(name="python", version=__version__),
        steps=[ServedStep(name=step, queue=plan.queue) for plan in plans for step in plan.steps],
    )


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"{message[0].upper()}{message[1:]}.")
