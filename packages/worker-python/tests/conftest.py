"""Helpers of the tests. They run without a Redis; the suite in test/ has one."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_engine import activations

from durable_worker import StepContext
from durable_worker._context import Cancellation
from durable_worker._messages import Task


def make_task(**fields: Any) -> Task:
    """A task with defaults."""
    given: dict[str, Any] = {
        "task_id": "t-1",
        "token": "f" * 32,
        "reply_to": "durable:default:results:e",
        "namespace": "default",
        "run_id": "r-1",
        "branch": 0,
        "position": 0,
        "attempt": 1,
        "step": "s",
        "input": "null",
        "idempotency_key": "default:r-1:0:0",
        "liveness_ms": 5_000,
    }
    return Task(**{**given, **fields})


def make_context(cancellation: Cancellation | None = None, **fields: Any) -> StepContext:
    """The context of an attempt that nobody runs."""
    return StepContext(
        make_task(**fields),
        progress=None,
        cancellation=cancellation or Cancellation(),
        heartbeat=lambda _: None,
        logger=logging.getLogger("test"),
    )


@pytest.fixture(autouse=True)
def _forget_workflows() -> Iterator[None]:
    yield
    while activations:
        activations.pop().forget()


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "durable_worker")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests may be coroutines."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), 60))
    return True
