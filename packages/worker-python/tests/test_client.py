"""Calls to engines, without a Redis: what is refused before, and what answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_engine import Engine

from durable_worker import (
    CallTimeoutError,
    Client,
    DurableError,
    RunConflictError,
    UnknownWorkflowError,
    UnserializableValueError,
    WorkflowContext,
)
from durable_worker._client import _read
from durable_worker._turn_messages import CallResult


def answer(ok: bool, payload: Any) -> CallResult:
    return CallResult(call_id="c", ok=ok, payload=json.dumps(payload))


def test_answers() -> None:
    assert _read(answer(True, {"runId": "r", "created": True})) == {"runId": "r", "created": True}
    for kind, name in (
        (UnknownWorkflowError, "UnknownWorkflowError"),
        (RunConflictError, "RunConflictError"),
        (DurableError, "InvalidArgumentError"),
    ):
        content = {"class": f"durable/{name}", "name": name, "message": "m"}
        with pytest.raises(kind, match="m") as caught:
            _read(answer(False, {"$error": content}))
        assert caught.value.name == name


async def test_what_cannot_be_is_refused_before_anything_is_sent() -> None:
    async with Client(redis_url="redis://127.0.0.1:1") as client:
        with pytest.raises(UnserializableValueError):
            await client.start("w", object())
        with pytest.raises(ValueError, match="white space"):
            await client.start(" w")
        with pytest.raises(TypeError):
            await client.start("w", tags="eu")
        with pytest.raises(ValueError, match="token"):
            await client.signal("")


async def test_a_call_that_nobody_answers_ends_and_says_with_which_id() -> None:
    async with Client(redis_url="redis://127.0.0.1:1", timeout=0.05) as client:
        with pytest.raises(CallTimeoutError, match="same id") as caught:
            await client.start("w", run_id="r-7")
        assert caught.value.fields == {"runId": "r-7"}
        with pytest.raises(CallTimeoutError) as caught:
            await client.signal("t", id="s-7", timeout=0.01)
        assert caught.value.fields == {"id": "s-7"}


def test_workflow_code_has_no_client() -> None:
    client = Client()

    async def starts(ctx: WorkflowContext) -> None:
        await client.start("w")

    assert "has no client" in (Engine(starts).begin().broken or "")
