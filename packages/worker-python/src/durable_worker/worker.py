"""The worker: what an application makes, gives its steps to, and runs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ._bad_messages import BadMessages, DroppedMessages
from ._client import Client
from ._keys import Keys, Pace
from ._limits import MAX_MESSAGE_BYTES
from ._link import Link
from ._queue_plan import TaskQueue, plan_queues
from ._session import Session, SessionSettings
from ._steps import StepDefinition
from ._workflow_definition import WorkflowDefinition

F = TypeVar("F", bound=Callable[..., Any])

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """Serves remote steps, and workflows, of nestjs-durable.

    Example:
        worker = Worker(redis_url="redis://localhost:6379")

        @worker.step("payments.charge-card", input=Charge, output=Charged)
        async def charge(input: Charge, step: StepContext) -> Charged: ...

        @worker.workflow("fulfilment", version="1")
        async def fulfil(ctx: WorkflowContext, order: Order) -> Shipped: ...

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
        workflow_concurrency: int = 100,
        resident_workflows: int = 1_000,
        resident_idle: float = 300.0,
        lease: float = 30.0,
        shutdown_timeout: float = 20.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        redis_options: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Nothing happens before `run`, `serve` or `start`.

        `prefix`, `namespace` and `lease` (seconds) are those of the engines. `concurrency` is the
        number of tasks of one queue that run at once in this process; a step has a queue of its own
        name, unless one of `queues` names it. `workflow_concurrency` is that number for steps of
        workflows that have their code here. About `resident_workflows` runs stay in memory, each
        for `resident_idle` seconds after its last use; of one that is needed again the history is
        sent. `redis_options` are options of redis-py's connections
        such as `ssl_ca_certs`. Raises ValueError for what cannot be.
        """
        _require(concurrency >= 1, "concurrency has to be 1 or more")
        _require(workflow_concurrency >= 1, "workflow_concurrency has to be 1 or more")
        _require(resident_workflows >= 1, "resident_workflows has to be 1 or more")
        _require(resident_idle >= 1, "resident_idle has to be 1 second or more")
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
        self._concurrency = concurrency
        self._queues = tuple(queues)
        self._logger = logger or logging.getLogger("durable_worker")
        self._bad = BadMessages(self._logger)
        self._settings = SessionSettings(
            worker=self.id,
            keys=Keys(prefix, namespace),
            pace=Pace.of_lease(lease),
            workflow_concurrency=workflow_concurrency,
            resident_workflows=resident_workflows,
            resident_idle=resident_idle,
            max_message_bytes=max_message_bytes,
        )
        #: Starts and signals runs. Closed when the worker stops.
        self.client: Client = Client(
            redis_url=redis_url,
            prefix=prefix,
            namespace=namespace,
            max_message_bytes=max_message_bytes,
            redis_options=redis_options,
            logger=self._logger,
        )
        self._steps: dict[str, StepDefinition] = {}
        self._workflows: dict[tuple[str, str], WorkflowDefinition] = {}
        self._session: Session | None = None
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

    def workflow(
        self, name: str, *, version: str, input: Any = None, output: Any = None
    ) -> Callable[[F], F]:
        """Serves a workflow by the async function below; gives the function back as it is.

        The function takes `(ctx)` or `(ctx, input)`, a `WorkflowContext`. Input and output are of
        the types that it is annotated with, or of `input` and `output`; without any they are plain
        JSON. Values that do not fit fail the run. A run stays on the version it was started with.

        Raises ValueError for a name and version that are taken, or when the worker has started;
        TypeError for a function that cannot be called so.
        """

        def register(function: F) -> F:
            _require(self._session is None, "workflows have to be there before the worker starts")
            key = (name, version)
            _require(key not in self._workflows, f"two workflows are '{name}' version '{version}'")
            self._workflows[key] = WorkflowDefinition(
                name, version, function, input=input, output=output
            )
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
        is_empty = not self._steps and not self._workflows
        _require(not is_empty, "there is nothing to serve: use @worker.step or @worker.workflow")
        self._session = Session(
            self._settings,
            steps=dict(self._steps),
            workflows=dict(self._workflows),
            plans=plan_queues(list(self._steps), self._queues, self._concurrency),
            link=Link(self._redis_url, self._logger, self._redis_options),
            bad=self._bad,
            logger=self._logger,
        )
        self._session.start()
        workflows = (f"workflow {name} {version}" for name, version in sorted(self._workflows))
        self._logger.info("Serving %s.", ", ".join([*sorted(self._steps), *workflows]))

    async def stop(self, timeout: float | None = None) -> None:
        """Takes no more, and waits for handlers up to `timeout` seconds (`shutdown_timeout`).

        What is not done by then goes back to its queue. Ends some seconds later at most, whether
        Redis answers or not. A worker does not start again.
        """
        if self._session is not None:
            await self._session.stop(self.shutdown_timeout if timeout is None else timeout)
        await self.client.close()

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


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"{message[0].upper()}{message[1:]}.")
