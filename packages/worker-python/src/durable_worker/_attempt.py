"""One attempt of a remote step: text in, text out.

An attempt ends once. Its timeouts end it at once, whether or not the handler obeys; a cancel is
only told to the handler, because the engine wants the real outcome: a charge that went through has
to be known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ._context import Cancellation, StepContext
from ._error_text import encode_error
from ._messages import Task
from ._values import decode, encode
from .errors import HeartbeatTimeoutError, StepCancelledError, StepTimeoutError

_THROTTLE = 1.0


class Handler(Protocol):
    """What an attempt calls: text in, text out."""

    async def call(self, text: str, step: StepContext) -> str:
        """Raises whatever the attempt is to fail with."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt has ended, as text."""

    ok: bool
    payload: str
    #: Epoch milliseconds.
    started_at: int
    #: The last progress that was reported.
    progress: str | None


class Attempt:
    """An attempt that has been taken on."""

    def __init__(
        self,
        definition: Handler,
        task: Task,
        *,
        liveness: float,
        beat: Callable[[str | None], None],
        logger: logging.Logger,
    ) -> None:
        """`beat` takes signs of life: at least one in `liveness` seconds. It must not raise."""
        self.task = task
        self._definition = definition
        self._loop = asyncio.get_running_loop()
        self._cancellation = Cancellation()
        self._logger = logger
        self._started_at = int(time.time() * 1000)
        self._ended: asyncio.Future[tuple[bool, str] | None] = self._loop.create_future()
        self._handler: asyncio.Task[None] | None = None
        self._progress: str | None = None
        silence = _seconds(task.heartbeat_timeout_ms)
        fastest = _THROTTLE if silence is None else silence / 3
        self._reporter = _Reporter(self._loop, min(_THROTTLE, fastest, liveness), liveness, beat)
        self._silence = self._limit(silence, self._fail_silent)
        self._timeout = self._limit(_seconds(task.timeout_ms), self._fail_late)

    async def run(self) -> Outcome | None:
        """Runs it to its end. None: it was abandoned, and nobody may be told anything."""
        if not self._ended.done():
            self._handler = self._loop.create_task(self._call())
        ended = await asyncio.shield(self._ended)
        if ended is None:
            return None
        ok, payload = ended
        return Outcome(ok, payload, self._started_at, self._progress)

    def cancel(self, reason: str) -> None:
        """Asks the handler to stop; one that has not been called is not called."""
        if self._handler is None:
            self._end((False, encode_error(StepCancelledError(self.task.run_id, reason))))
        self._cancellation.request(reason)

    def abandon(self) -> None:
        """Nobody will take the outcome: ends it at once, and interrupts the handler."""
        self._end(None)
        self._interrupt("The worker is shutting down.")

    async def _call(self) -> None:
        try:
            progress = None if self.task.progress is None else decode(self.task.progress)
            step = StepContext(
                self.task,
                progress=progress,
                cancellation=self._cancellation,
                heartbeat=self._heartbeat,
                logger=self._logger,
            )
            payload = await self._definition.call(self.task.input, step)
        except BaseException as error:  # Whatever it is, the engine gets it.
            if self._ended.done() and isinstance(error, asyncio.CancelledError):
                raise
            self._end((False, encode_error(error)))
        else:
            self._end((True, payload))

    def _heartbeat(self, progress: Any) -> None:
        """On any thread."""
        text = None if progress is None else encode(progress, "progress")
        if text is not None and not self._ended.done():
            # Now: the handler may fail before the loop gets to report it.
            self._progress = text
        self._loop.call_soon_threadsafe(self._report, text)

    def _report(self, text: str | None) -> None:
        if self._ended.done():
            return
        if self._silence is not None:
            self._silence.touch()
        self._reporter.report(text)

    def _fail_late(self) -> None:
        self._fail(StepTimeoutError, self.task.timeout_ms)

    def _fail_silent(self) -> None:
        self._fail(HeartbeatTimeoutError, self.task.heartbeat_timeout_ms)

    def _fail(
        self, kind: type[StepTimeoutError | HeartbeatTimeoutError], timeout_ms: int | None
    ) -> None:
        error = kind(self.task.step, timeout_ms or 0, self.task.attempt)
        self._end((False, encode_error(error)))
        self._interrupt(str(error))

    def _interrupt(self, reason: str) -> None:
        self._cancellation.request(reason)
        if self._handler is not None:
            self._handler.cancel()

    def _limit(self, limit: float | None, on_due: Callable[[], None]) -> _Watchdog | None:
        return None if limit is None else _Watchdog(self._loop, limit, on_due)

    def _end(self, ended: tuple[bool, str] | None) -> None:
        if self._ended.done():
            return
        self._ended.set_result(ended)
        self._reporter.stop()
        for dog in (self._silence, self._timeout):
            if dog is not None:
                dog.stop()


class _Watchdog:
    """Calls back once when nobody has touched it for a time. Touching it is cheap."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: float, on_due: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._limit = limit
        self._on_due = on_due
        self._due_at = loop.time() + limit
        self._timer = loop.call_at(self._due_at, self._ring)

    def touch(self) -> None:
        self._due_at = self._loop.time() + self._limit

    def stop(self) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        if self._loop.time() < self._due_at:
            self._timer = self._loop.call_at(self._due_at, self._ring)
        else:
            self._on_due()


class _Reporter:
    """Sends signs of life: at once, then one per `throttle`, and one per `liveness` by itself."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        throttle: float,
        liveness: float,
        send: Callable[[str | None], None],
    ) -> None:
        self._loop = loop
        self._throttle = throttle
        self._liveness = liveness
        self._send = send
        self._is_waiting = False
        self._progress: str | None = None
        self._sent_at = loop.time() - throttle
        self._timer = loop.call_later(liveness, self._beat)

    def report(self, progress: str | None) -> None:
        """None: unchanged. What comes in between is sent together; the latest progress wins."""
        if progress is not None:
            self._progress = progress
        if self._is_waiting:
            return
        self._is_waiting = True
        wait = self._sent_at + self._throttle - self._loop.time()
        if wait <= 0:
            self._beat()
        else:
            self._arm(wait)

    def stop(self) -> None:
        """What is held back goes with the result."""
        self._timer.cancel()

    def _beat(self) -> None:
        progress, self._progress = self._progress, None
        self._is_waiting = False
        self._sent_at = self._loop.time()
        self._arm(self._liveness)
        self._send(progress)

    def _arm(self, delay: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._beat)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
