"""What a handler knows of its attempt, and what it can say."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from ._messages import Task
from .errors import StepCancelledError

T = TypeVar("T")


class StepLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the step, the run and the attempt to every record, as `durable_step` and so on."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        given = kwargs.get("extra") or {}
        return msg, {**kwargs, "extra": {**(self.extra or {}), **given}}


class Cancellation:
    """A request to stop, which comes once. Any thread may ask for it."""

    def __init__(self) -> None:
        self._for_threads = threading.Event()
        self._for_tasks = asyncio.Event()
        self.reason: str | None = None

    @property
    def is_requested(self) -> bool:
        return self._for_threads.is_set()

    def request(self, reason: str) -> None:
        """On the loop's thread."""
        if self.is_requested:
            return
        self.reason = reason
        self._for_threads.set()
        self._for_tasks.set()

    async def wait(self) -> None:
        await self._for_tasks.wait()

    def wait_in_thread(self, timeout: float | None) -> bool:
        return self._for_threads.wait(timeout)


class StepContext:
    """The attempt that a handler runs in.

    All of it may be used by synchronous handlers, which run in threads, but for what is awaited.
    """

    def __init__(
        self,
        task: Task,
        *,
        progress: Any,
        cancellation: Cancellation,
        heartbeat: Callable[[Any], None],
        logger: logging.Logger,
    ) -> None:
        #: From 1.
        self.attempt: int = task.attempt
        #: The same for all attempts of the step: give it to the services that you call.
        self.idempotency_key: str = task.idempotency_key
        self.step: str = task.step
        self.run_id: str = task.run_id
        self.namespace: str = task.namespace
        #: The last progress of the attempt before; None for the first.
        self.progress: Any = progress
        #: W3C trace context of the engine's span, if it has one.
        self.traceparent: str | None = task.traceparent
        self.tracestate: str | None = task.tracestate
        #: Logs with the step, the run and the attempt in every record.
        self.logger = StepLogger(
            logger,
            {
                "durable_step": task.step,
                "durable_run": task.run_id,
                "durable_attempt": task.attempt,
            },
        )
        self._cancellation = cancellation
        self._heartbeat = heartbeat

    @property
    def cancelled(self) -> bool:
        """Whether the run is being cancelled, or nobody wants this attempt's outcome any more.

        The engine waits for the real outcome: clean up and raise, or finish and return.
        """
        return self._cancellation.is_requested

    @property
    def cancel_reason(self) -> str | None:
        return self._cancellation.reason

    def raise_if_cancelled(self) -> None:
        """Raises StepCancelledError when `cancelled`."""
        if self.cancelled:
            raise StepCancelledError(self.run_id, self.cancel_reason)

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """For synchronous handlers: sleeps for up to `timeout` seconds. True: `cancelled`."""
        return self._cancellation.wait_in_thread(timeout)

    async def cancellable(self, work: Awaitable[T]) -> T:
        """Awaits something that may be broken off at any point.

        When the run is cancelled, the work is cancelled (as asyncio does it) and StepCancelledError
        raised. Nothing else of an asynchronous handler is interrupted by a cancel.
        """
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._cancellation.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            task.cancel()
            await asyncio.wait({task})
            if task.cancelled():
                raise StepCancelledError(self.run_id, self.cancel_reason)
            # It had ended, or has an outcome of its own.
            return task.result()
        finally:
            stop.cancel()
            task.cancel()

    def heartbeat(self, progress: Any = None) -> None:
        """Says that the handler is alive, and how far it is. Cheap: sent once a second at most.

        `progress` is JSON, None for none of it; the next attempt gets the last one. Raises
        UnserializableValueError.
        """
        self._heartbeat(progress)
