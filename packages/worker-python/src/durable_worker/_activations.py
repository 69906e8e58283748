"""The activations that this worker has: turns in, answers out, and their steps.

W1  A turn is run once, and in its order: one that was run is ignored, and one that is too early
    means that something was lost, so the activation is, too.
W2  Answers carry the token of the activation, and messages for it have to.
W3  Whatever goes wrong with one activation is the end of that one alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import RedisError

from ._activation import Activation
from ._attempt import Handler
from ._bad_messages import BadMessages
from ._context import StepContext
from ._error_text import encode_error
from ._keys import Keys, Pace
from ._limits import byte_length, is_too_large
from ._messages import Message, Refusal, Task
from ._replies import Replies
from ._runner import Runner
from ._turn_messages import End, Lost, Release, Turn, TurnResult
from ._watch import Watch
from ._workflow_definition import WorkflowDefinition
from .errors import PayloadTooLargeError, StepCancelledError

#: How long turns may keep the loop from other work.
_SLICE: Final = 0.02
_MAX_FORGOTTEN: Final = 10_000
#: For so long an activation is kept though there are too many: two that push each other out, again
#: and again, would both get nowhere.
_GRACE: Final = 5.0

Definitions = Mapping[tuple[str, str], WorkflowDefinition]


@dataclass
class _Held:
    activation: Activation
    token: str
    reply_to: str
    used_at: float
    #: Number of the turn that comes next.
    next_turn: int = 1
    #: Turns and steps under way.
    busy: int = 0
    is_released: bool = False
    in_turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Activations:
    def __init__(
        self,
        definitions: Definitions,
        *,
        worker: str,
        keys: Keys,
        pace: Pace,
        replies: Replies,
        runner: Runner,
        bad: BadMessages,
        concurrency: int,
        most: int,
        idle: float,
        max_message_bytes: int,
        logger: logging.Logger,
    ) -> None:
        """Keeps about `most` activations, and each for `idle` seconds after its last use."""
        self._definitions = definitions
        self._worker = worker
        self._keys = keys
        self._pace = pace
        self._replies = replies
        self._runner = runner
        self._bad = bad
        self._steps = asyncio.Semaphore(concurrency)
        self._most = most
        self._idle = idle
        self._max_bytes = max_message_bytes
        self._logger = logger
        self._watch = Watch(logger)
        #: Those that were used last at the end.
        self._held: dict[str, _Held] = {}
        #: Tokens of those that were forgotten.
        self._forgotten: dict[str, str] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def take(self, message: Message) -> None:
        """What lies in the inbox. What is not of this namespace is dropped."""
        if isinstance(message, Release):
            self._release(message.activation)
        elif isinstance(message, Turn | Task) and self._is_ours(message):
            if isinstance(message, Turn):
                self._turn(message)
            else:
                self._task(message)

    def sweep(self) -> None:
        """Forgets those that nobody has used for a while, the oldest first."""
        now = time.monotonic()
        count = 0
        for key, held in list(self._held.items()):
            is_too_many = len(self._held) > self._most
            if now - held.used_at < (min(_GRACE, self._idle) if is_too_many else self._idle):
                break
            if held.busy == 0:
                self._forget(key)
                count += 1
        if count > 0:
            self._logger.debug("%d idle runs were forgotten; the engines have them.", count)

    def refuse_new(self) -> None:
        """Begins no activation and no step any more; what there is goes on."""
        self._is_closing = True

    async def close(self) -> None:
        """Tells the engines that nothing of it goes on here."""
        self._is_closing = True
        left = [(key, held.token, held.reply_to) for key, held in self._held.items()]
        for key in list(self._held):
            self._forget(key)
        for work in list(self._work):
            work.cancel()
        self._watch.close()
        await asyncio.gather(*(self._lose(*one) for one in left))

    # ---- turns ----

    def _turn(self, turn: Turn) -> None:
        held = self._held.get(turn.activation)
        if held is None:
            held = self._begin(turn)
        elif held.token != turn.token:
            self._refuse("field 'token' is not that of the activation")
            return
        if held is None or turn.turn > held.next_turn:
            self._spawn(self._lose(turn.activation, turn.token, turn.reply_to))
            self._forget(turn.activation)
        elif turn.turn == held.next_turn:
            held.next_turn += 1
            held.reply_to = turn.reply_to
            self._use(turn.activation, held)
            self._spawn(self._run_turn(held, turn))

    def _begin(self, turn: Turn) -> _Held | None:
        """None for what cannot begin here."""
        start = turn.start
        if start is None or turn.turn != 1 or self._is_closing:
            return None
        definition = self._definitions.get((start.workflow, start.version))
        if definition is None or turn.activation in self._forgotten:
            return None
        activation = Activation(definition, start, self._logger)
        self.sweep()
        held = _Held(activation, turn.token, turn.reply_to, time.monotonic())
        self._held[turn.activation] = held
        return held

    async def _run_turn(self, held: _Held, turn: Turn) -> None:
        start = held.activation.start
        what = f"Workflow '{start.workflow}' (run {start.run_id})"
        try:
            async with held.in_turn:
                await self._run_windows(held, turn, what)
                text = self._answer_text(held.activation.answer(turn, self._worker))
                await self._replies.send(turn.reply_to, text, f"a turn of {what}")
        except RedisError as error:
            self._logger.error("A turn of %s was not taken: %s", what, error)
            self._forget(turn.activation)
        except Exception:
            self._logger.exception("%s was given up here; another activation begins.", what)
            self._forget(turn.activation)
            await self._lose(turn.activation, turn.token, turn.reply_to)
        finally:
            self._leave(turn.activation, held)

    async def _run_windows(self, held: _Held, turn: Turn, what: str) -> None:
        windows = held.activation.windows(turn)
        paused_at = time.monotonic()
        while True:
            with self._watch.over(what):
                more = next(windows, self) is not self
            if not more:
                return
            if time.monotonic() - paused_at > _SLICE:
                await asyncio.sleep(0)
                paused_at = time.monotonic()

    def _answer_text(self, answer: TurnResult) -> str:
        text = answer.text()
        if not is_too_large(text, self._max_bytes):
            return text
        if answer.end is not None:
            error = PayloadTooLargeError("The output", byte_length(text), self._max_bytes)
            end = End(ok=False, payload=encode_error(error))
            shorter = answer.model_copy(update={"end": end}).text()
            if not is_too_large(shorter, self._max_bytes):
                return shorter
        what = f"What the code asks for in one turn takes {byte_length(text)} bytes"
        todo = "Pass references in place of values, or raise it here and in the engines."
        return self._broken(answer, f"{what}; max_message_bytes is {self._max_bytes}. {todo}")

    def _broken(self, answer: TurnResult, text: str) -> str:
        none: dict[str, Any] = {"asked": [], "end": None, "mismatch": None, "broken": text}
        return answer.model_copy(update=none).text()

    # ---- steps ----

    def _task(self, task: Task) -> None:
        key = task.activation
        held = None if key is None else self._held.get(key)
        if key is None:
            self._refuse("field 'activation' is missing: tasks without one come by their queue")
        elif held is None or self._is_closing:
            token = self._forgotten.get(key, task.token) if held is None else held.token
            self._spawn(self._lose(key, token, task.reply_to))
        else:
            step: Handler = held.activation.steps.get(task.position) or _Withdrawn()
            self._use(key, held)
            self._spawn(self._run_step(key, held, step, task))

    async def _run_step(self, key: str, held: _Held, step: Handler, task: Task) -> None:
        try:
            await self._wait_for_room(task)
            try:
                await self._runner.run_local(step, task)
            finally:
                self._steps.release()
        finally:
            self._leave(key, held)

    async def _wait_for_room(self, task: Task) -> None:
        """Gives signs of life meanwhile. Its timeouts have not begun."""
        pace = min(task.liveness_ms / 1000, self._pace.liveness)
        while True:
            try:
                async with asyncio.timeout(pace):
                    await self._steps.acquire()
                return
            except TimeoutError:
                self._replies.heartbeat(task, None)

    # ---- ends ----

    def _release(self, key: str) -> None:
        held = self._held.get(key)
        if held is None:
            return
        held.is_released = True
        if held.busy == 0:
            self._forget(key)

    def _use(self, key: str, held: _Held) -> None:
        held.busy += 1
        held.used_at = time.monotonic()
        self._held[key] = self._held.pop(key)

    def _leave(self, key: str, held: _Held) -> None:
        held.busy -= 1
        held.used_at = time.monotonic()
        if held.is_released and held.busy == 0 and self._held.get(key) is held:
            self._forget(key)

    def _forget(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is None:
            return
        held.activation.forget()
        self._forgotten[key] = held.token
        while len(self._forgotten) > _MAX_FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]

    async def _lose(self, activation: str, token: str, reply_to: str) -> None:
        text = Lost(activation=activation, token=token).text()
        try:
            await self._replies.send(reply_to, text, f"the loss of activation {activation}")
        except RedisError as error:
            self._logger.debug("The loss of %s was not told: %s", activation, error)

    def _is_ours(self, message: Turn | Task) -> bool:
        """Also what a forger may want, such as answers to other keys, is dropped."""
        start = message.start if isinstance(message, Turn) else message
        if not message.reply_to.startswith(self._keys.results_of_all):
            self._refuse("field 'replyTo' is no results stream")
        elif start is not None and start.namespace != self._keys.namespace:
            self._refuse("field 'namespace' is not ours")
        else:
            return True
        return False

    def _refuse(self, detail: str) -> None:
        self._bad.drop("inbox", Refusal("invalid", detail))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


class _Withdrawn:
    """The step of a position that has none any more: the code has given it up."""

    async def call(self, _text: str, step: StepContext) -> str:
        raise StepCancelledError(step.run_id, "the workflow has given the step up")
