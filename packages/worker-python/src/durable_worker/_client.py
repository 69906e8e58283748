"""Starts runs and sends signals, by the engines."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from redis.exceptions import RedisError

from ._bad_messages import BadMessages
from ._inbox import Inbox
from ._keys import MESSAGE_FIELD, Keys
from ._limits import MAX_MESSAGE_BYTES, byte_length, is_too_large
from ._link import AWAY_ERRORS, Link
from ._messages import EnginePresence, Message, read_message
from ._recorded_error import decode_error
from ._turn_messages import Call, CallResult, SignalCall, StartCall
from ._typed import plain
from ._values import decode, encode
from ._workflow_loop import WorkflowLoop
from ._workflow_options import Duration, milliseconds, require_name
from .errors import CallTimeoutError, DurableError, PayloadTooLargeError

_MOST_ENGINES: Final = 64
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 5.0
_PAUSE: Final = 0.25


@dataclass(frozen=True)
class StartedRun:
    """A run that exists, durably."""

    run_id: str
    #: False: it was there already, with the same workflow and input.
    created: bool


class Client:
    """Starts and signals runs without a connection to the database: an engine does it.

    A call returns when it is durable. It is sent again, with the same id, to any engine that is
    there, until one has answered. All in one event loop; close it at the end, or use `async with`.
    """

    def __init__(
        self,
        *,
        redis_url: str = "redis://localhost:6379",
        prefix: str = "durable",
        namespace: str = "default",
        timeout: Duration = 30.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        redis_options: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Nothing happens before the first call. `timeout` is for one call, unless it says more."""
        self._redis_url = redis_url
        self._redis_options = dict(redis_options or {})
        self._keys = Keys(prefix, namespace)
        self._timeout = timeout
        self._max_bytes = max_message_bytes
        self._logger = logger or logging.getLogger("durable_worker")
        self._id = str(uuid.uuid4())
        self._waiting: dict[str, asyncio.Future[CallResult]] = {}
        self._link: Link | None = None
        self._inbox: Inbox | None = None
        self._reading: asyncio.Task[None] | None = None
        self._turn = 0

    async def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        version: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        timeout: Duration | None = None,
    ) -> StartedRun:
        """Starts a run. The same `run_id` and input again are the same run.

        Without a `run_id` it gets a new one; without a version the default one, or the highest.
        Raises UnknownWorkflowError, RunConflictError, CallTimeoutError, and DurableError for
        whatever else the engine refuses it with.
        """
        if isinstance(tags, str):
            raise TypeError("tags has to be a list of names, not one str.")
        own_id = str(uuid.uuid4()) if run_id is None else require_name(run_id, "run_id")
        call = StartCall(
            workflow=require_name(workflow, "workflow"),
            version=None if version is None else require_name(version, "version"),
            run_id=own_id,
            input=encode(plain(input), f"The input of workflow '{workflow}'"),
            tags=[require_name(tag, "tags") for tag in tags] or None,
            priority=priority,
        )
        answer = await self._call(call, {"runId": own_id}, timeout)
        return StartedRun(str(answer["runId"]), bool(answer["created"]))

    async def signal(
        self,
        token: str,
        payload: Any = None,
        *,
        id: str | None = None,
        timeout: Duration | None = None,
    ) -> bool:
        """Sends a payload to a token. False: one with this `id` was accepted before.

        Raises CallTimeoutError, and DurableError for what the engine refuses it with.
        """
        own_id = str(uuid.uuid4()) if id is None else require_name(id, "id")
        call = SignalCall(
            token=require_name(token, "token"),
            id=own_id,
            payload=encode(plain(payload), f"The payload for signal '{token}'"),
        )
        answer = await self._call(call, {"id": own_id}, timeout)
        return bool(answer["accepted"])

    async def close(self) -> None:
        """Calls that are under way fail."""
        for waiting in self._waiting.values():
            waiting.cancel()
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])
        if self._inbox is not None:
            await self._inbox.remove()
        if self._link is not None:
            await self._link.close()
        self._link = self._inbox = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(
        self, call: StartCall | SignalCall, ids: dict[str, str], timeout: Duration | None
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        if isinstance(loop, WorkflowLoop):
            raise loop.refusal(
                "Workflow code has no client: use ctx.child, or a step that calls it"
            )
        seconds = milliseconds(self._timeout if timeout is None else timeout, "timeout") / 1000
        link, inbox = self._open()
        call_id = str(uuid.uuid4())
        message = Call(
            call_id=call_id, reply_to=inbox.key, namespace=self._keys.namespace, call=call
        )
        text = message.text()
        if is_too_large(text, self._max_bytes):
            raise PayloadTooLargeError("A call", byte_length(text), self._max_bytes)
        answer: asyncio.Future[CallResult] = loop.create_future()
        self._waiting[call_id] = answer
        try:
            async with asyncio.timeout(seconds):
                return _read(await self._ask(link, text, answer))
        except TimeoutError:
            what = f"No engine has answered in {seconds:g} s. Whether it was done is not known"
            raise CallTimeoutError(f"{what}: call again with the same id.", fields=ids) from None
        finally:
            del self._waiting[call_id]

    async def _ask(self, link: Link, text: str, answer: asyncio.Future[CallResult]) -> CallResult:
        """Until somebody has answered. No answer says nothing: the next engine gets it again."""
        wait = _FIRST_WAIT
        while not answer.done():
            key = await self._next_engine(link)
            if key is None or not await self._send(link, key, text):
                await asyncio.wait([answer], timeout=_PAUSE)
                continue
            await asyncio.wait([answer], timeout=wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        return answer.result()

    async def _next_engine(self, link: Link) -> str | None:
        """Results stream of an engine that is there; each time another, if there are several."""
        ids = await self._tried(link, link.commands.zrevrange, self._keys.engines, 0, _MOST_ENGINES)
        if not ids:
            return None
        names = [self._keys.engine(engine) for engine in ids]
        texts = await self._tried(link, link.commands.mget, names) or []
        found = [read_message(text, ("engine",)) for text in texts if isinstance(text, str)]
        live = [engine.results for engine in found if isinstance(engine, EnginePresence)]
        live = [key for key in live if key.startswith(self._keys.results_of_all)]
        self._turn += 1
        return live[self._turn % len(live)] if live else None

    async def _send(self, link: Link, key: str, text: str) -> bool:
        sent = await self._tried(link, link.commands.xadd, key, {MESSAGE_FIELD: text})
        return sent is not None

    async def _tried(self, link: Link, command: Any, *arguments: Any) -> Any:
        """None where Redis is away, or refuses it for now."""
        try:
            return await link.watch(lambda: command(*arguments))
        except AWAY_ERRORS:
            return None
        except RedisError as error:
            link.report("A call to an engine", error)
            return None

    def _open(self) -> tuple[Link, Inbox]:
        if self._link is None or self._inbox is None:
            self._link = Link(self._redis_url, self._logger, self._redis_options)
            self._inbox = Inbox(
                self._link,
                self._keys.inbox(self._id),
                types=("callResult",),
                take=self._take,
                bad=BadMessages(self._logger),
                max_message_bytes=self._max_bytes,
                logger=self._logger,
            )
            self._reading = asyncio.get_running_loop().create_task(self._inbox.run())
        return self._link, self._inbox

    def _take(self, message: Message) -> None:
        """The first answer counts; a call that was sent twice gets two."""
        waiting = self._waiting.get(message.call_id) if isinstance(message, CallResult) else None
        if waiting is not None and not waiting.done() and isinstance(message, CallResult):
            waiting.set_result(message)


def _read(answer: CallResult) -> dict[str, Any]:
    if not answer.ok:
        raise decode_error(answer.payload, DurableError)
    value: dict[str, Any] = decode(answer.payload)
    return value
