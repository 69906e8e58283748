from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import make_context, make_task

from durable_worker import StepCancelledError, StepContext
from durable_worker._attempt import Attempt, Outcome
from durable_worker._context import Cancellation
from durable_worker._steps import StepDefinition

LOGGER = logging.getLogger("durable_worker")


def start(
    function: Callable[..., Any],
    beats: list[str | None] | None = None,
    liveness: float = 5,
    **task: Any,
) -> Attempt:
    seen = beats if beats is not None else []
    definition = StepDefinition("s", function)
    return Attempt(
        definition, make_task(**task), liveness=liveness, beat=seen.append, logger=LOGGER
    )


def error_of(outcome: Outcome | None) -> Any:
    assert outcome is not None
    assert not outcome.ok
    return json.loads(outcome.payload)["$error"]


async def test_outcome() -> None:
    outcome = await start(lambda given: given, input="[1]").run()
    assert outcome is not None
    assert (outcome.ok, outcome.payload) == (True, "[1]")


async def test_an_error_is_an_outcome() -> None:
    async def fail(_: Any) -> None:
        raise ValueError("no")

    assert error_of(await start(fail).run())["name"] == "ValueError"


async def test_a_system_exit_is_an_outcome_and_no_exit() -> None:
    async def leave(_: Any) -> None:
        raise SystemExit(3)

    assert error_of(await start(leave).run())["name"] == "SystemExit"


async def test_a_timeout_ends_the_attempt_though_the_handler_does_not_obey() -> None:
    interrupted = asyncio.Event()

    async def stubborn(_: Any, step: StepContext) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            assert step.cancelled
            interrupted.set()
            await asyncio.sleep(60)

    outcome = await start(stubborn, timeout_ms=20).run()
    content = error_of(outcome)
    assert content["class"] == "durable/StepTimeoutError"
    assert content["props"]["fields"] == {"step": "s", "timeoutMs": 20, "attempt": 1}
    await interrupted.wait()


async def test_a_thread_that_takes_too_long_is_left_alone() -> None:
    release, told = threading.Event(), threading.Event()

    def stubborn(_: Any, step: StepContext) -> None:
        if step.wait_cancelled(20):
            told.set()
        release.wait(20)

    assert error_of(await start(stubborn, timeout_ms=20).run())["props"]["code"] == "STEP_TIMEOUT"
    assert await asyncio.to_thread(told.wait, 20)
    release.set()


async def test_silence_ends_the_attempt_and_heartbeats_keep_it() -> None:
    async def talk(_: Any, step: StepContext) -> None:
        for _ in range(10):
            step.heartbeat()
            await asyncio.sleep(0.05)
        await asyncio.sleep(60)

    loop = asyncio.get_running_loop()
    began = loop.time()
    content = error_of(await start(talk, heartbeat_timeout_ms=400).run())
    assert content["class"] == "durable/HeartbeatTimeoutError"
    assert loop.time() - began > 0.8


async def test_progress_is_sent_kept_and_given_to_the_next_attempt() -> None:
    beats: list[str | None] = []

    async def work(_: Any, step: StepContext) -> None:
        assert step.progress == {"page": 1}
        step.heartbeat({"page": 2})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        step.heartbeat({"page": 3})
        raise ValueError("no")

    outcome = await start(work, beats, progress='{"page":1}').run()
    assert outcome is not None
    assert beats == ['{"page":2}']
    assert outcome.progress == '{"page":3}'


async def test_progress_that_is_no_json_is_refused_where_it_is_reported() -> None:
    async def work(_: Any, step: StepContext) -> None:
        step.heartbeat(object())

    assert error_of(await start(work).run())["props"]["fields"]["field"] == "progress"


async def test_signs_of_life_come_by_themselves() -> None:
    beats: list[str | None] = []
    gate = asyncio.Event()

    def beat(progress: str | None) -> None:
        beats.append(progress)
        if len(beats) == 3:
            gate.set()

    async def wait(_: Any) -> None:
        await gate.wait()

    definition = StepDefinition("s", wait)
    attempt = Attempt(definition, make_task(), liveness=0.01, beat=beat, logger=LOGGER)
    assert await attempt.run() is not None
    assert beats == [None, None, None]


async def test_a_cancel_asks_and_waits_for_the_real_outcome() -> None:
    asked = asyncio.Event()

    async def charge(_: Any, step: StepContext) -> str:
        asked.set()
        with pytest.raises(StepCancelledError):
            await step.cancellable(asyncio.sleep(60))
        await asyncio.sleep(0.01)
        return f"charged, though {step.cancel_reason}"

    attempt = start(charge)
    running = asyncio.ensure_future(attempt.run())
    await asyncio.wait_for(asked.wait(), 10)
    attempt.cancel("the customer left")
    outcome = await running
    assert outcome is not None
    assert (outcome.ok, outcome.payload) == (True, '"charged, though the customer left"')


async def test_a_cancel_before_the_start_calls_nobody() -> None:
    called: list[Any] = []
    attempt = start(called.append)
    attempt.cancel("why")
    content = error_of(await attempt.run())
    assert content["class"] == "durable/CancelledError"
    assert called == []


async def test_what_is_abandoned_has_no_outcome() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Any) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    attempt = start(wait)
    running = asyncio.ensure_future(attempt.run())
    await asyncio.wait_for(began.wait(), 10)
    attempt.abandon()
    assert await running is None
    await ended.wait()


async def test_cancellable_breaks_off_what_may_be_broken_off() -> None:
    cancellation = Cancellation()
    step = make_context(cancellation)
    assert await step.cancellable(asyncio.sleep(0, "done")) == "done"
    broken = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            broken.set()

    waiting = asyncio.ensure_future(step.cancellable(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    cancellation.request("why")
    with pytest.raises(StepCancelledError, match="why"):
        await waiting
    assert broken.is_set()
    with pytest.raises(StepCancelledError):
        step.raise_if_cancelled()


async def test_cancellable_keeps_an_outcome_that_was_there() -> None:
    cancellation = Cancellation()
    cancellation.request("why")
    step = make_context(cancellation)

    async def work() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "charged"
        return "never"

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    assert await step.cancellable(task) == "charged"
