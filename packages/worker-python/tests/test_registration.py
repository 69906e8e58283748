"""Workflows as they are registered, and errors as they come back."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from pydantic import BaseModel

from durable_worker import (
    DurableError,
    RetryableError,
    StepFailedError,
    UndecodableValueError,
    Worker,
    WorkflowContext,
    _json,
)
from durable_worker._error_text import encode_error
from durable_worker._recorded_error import decode_error
from durable_worker._workflow_definition import WorkflowDefinition


class Order(BaseModel):
    id: str


class Flow:
    async def run(self, ctx: WorkflowContext, order: Order) -> Order:
        return order

    async def __call__(self, ctx: WorkflowContext) -> None:
        """An object that can be called."""


def test_what_cannot_be_a_workflow_is_refused() -> None:
    worker = Worker()

    def plain(ctx: WorkflowContext) -> None: ...

    async def none() -> None: ...

    async def three(ctx: WorkflowContext, a: int, b: int) -> None: ...

    async def odd(ctx: WorkflowContext, given: type[Worker.__init__]) -> None: ...  # type: ignore[valid-type]

    for function in (plain, none, three, odd):
        with pytest.raises(TypeError):
            worker.workflow("w", version="1")(function)
    for name, version in (("", "1"), (" w", "1"), ("w", ""), ("w\n", "1")):
        with pytest.raises(ValueError):
            worker.workflow(name, version=version)(Flow().run)


def test_a_name_and_version_are_taken_once() -> None:
    worker = Worker()
    worker.workflow("w", version="1")(Flow().run)
    worker.workflow("w", version="2")(Flow().run)
    with pytest.raises(ValueError, match="Two workflows are 'w' version '2'"):
        worker.workflow("w", version="2")(Flow().run)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (Flow().run, '{"id":"o"}'),
        (functools.partial(Flow.run, Flow()), '{"id":"o"}'),
        (Flow(), '{"$":"undefined"}'),
    ],
)
async def test_methods_and_objects_may_be_workflows(function: Any, text: str) -> None:
    definition = WorkflowDefinition("w", "1", function)
    ctx: Any = None
    assert await definition.call(ctx, '{"id":"o"}') == text


async def test_types_of_the_decorator_win() -> None:
    async def run(ctx: WorkflowContext, given: Any) -> Any:
        return given

    definition = WorkflowDefinition("w", "1", run, input=Order, output=Order)
    ctx: Any = None
    assert await definition.call(ctx, '{"id":"o","more":1}') == '{"id":"o"}'


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"$error":{}}', '{"$error":{"name":1,"message":""}}', "[" * 10_000]
)
def test_what_is_no_error_is_an_error_too(text: str) -> None:
    assert isinstance(decode_error(text, StepFailedError), UndecodableValueError)


def test_an_error_makes_the_round_trip() -> None:
    try:
        try:
            raise KeyError("deep")
        except KeyError as cause:
            raise RetryableError("later", retry_after=1.5, fields={"n": 1}) from cause
    except RetryableError as error:
        text = encode_error(error)
    revived = decode_error(text, StepFailedError)
    assert isinstance(revived, RetryableError)
    assert (revived.retry_after, revived.fields, revived.code) == (1.5, {"n": 1}, "RETRYABLE")
    assert isinstance(revived.__cause__, StepFailedError)
    assert revived.__cause__.name == "KeyError"
    assert encode_error(revived) == text
    # Another cause takes its place, and nothing else changes.
    revived.__cause__ = ValueError("other")
    again = _json.parse(encode_error(revived))["$error"]
    assert again["cause"]["$error"]["name"] == "ValueError"
    assert again["props"] == _json.parse(text)["$error"]["props"]


def test_every_class_comes_back_as_itself() -> None:
    for kind in DurableError.__subclasses__():
        if kind.__name__ == "StepCancelledError":
            continue  # Workflow code gets the one of workflows.
        content = {"class": f"durable/{kind.wire_name}", "name": "N", "message": "m"}
        revived = decode_error(_json.write({"$error": content}), StepFailedError)
        assert type(revived) is kind
        assert (str(revived), revived.name, revived.fields) == ("m", "N", {})
