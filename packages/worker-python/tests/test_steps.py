from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from conftest import make_context
from pydantic import BaseModel, ConfigDict, Field

from durable_worker import SchemaValidationError, StepContext, UnserializableValueError, Worker
from durable_worker._steps import StepDefinition


class Charge(BaseModel):
    order_id: str = Field(alias="orderId")
    amount_cents: int = Field(alias="amountCents")


class Charged(BaseModel):
    charge_id: str = Field(alias="chargeId")


def call(definition: StepDefinition, text: str) -> str:
    return asyncio.run(definition.call(text, make_context()))


def test_models_are_made_of_the_input_and_sent_as_json() -> None:
    def charge(given: Charge) -> Charged:
        assert isinstance(given, Charge)
        return Charged(chargeId=f"ch-{given.order_id}-{given.amount_cents}")

    definition = StepDefinition("s", charge, input=Charge, output=Charged)
    assert call(definition, '{"orderId":"o","amountCents":5}') == '{"chargeId":"ch-o-5"}'


def test_an_input_that_does_not_fit_is_refused_before_the_function_is_called() -> None:
    called: list[Any] = []
    definition = StepDefinition("pay", called.append, input=Charge)
    with pytest.raises(SchemaValidationError) as caught:
        call(definition, '{"orderId":7}')
    assert called == []
    assert caught.value.code == "INVALID_INPUT"
    assert caught.value.fields["side"] == "input"
    paths = [issue["path"] for issue in caught.value.fields["issues"]]
    assert paths == ["orderId", "amountCents"]
    assert "remote step 'pay'" in str(caught.value)


def test_an_output_that_does_not_fit_is_refused() -> None:
    definition = StepDefinition("pay", lambda _: {"chargeId": 7}, output=Charged)
    with pytest.raises(SchemaValidationError) as caught:
        call(definition, "null")
    assert caught.value.code == "INVALID_OUTPUT"
    assert caught.value.fields["issues"][0]["path"] == "chargeId"


def test_an_output_may_be_a_dict_of_the_model() -> None:
    definition = StepDefinition("pay", lambda _: {"chargeId": "c"}, output=Charged)
    assert call(definition, "null") == '{"chargeId":"c"}'


def test_types_that_are_no_models_will_do_and_strict_models_read_json() -> None:
    class Day(BaseModel):
        model_config = ConfigDict(strict=True)

        day: date

    def next_day(given: list[Day]) -> list[date]:
        return [item.day for item in given]

    definition = StepDefinition("s", next_day, input=list[Day], output=list[date])
    assert call(definition, '[{"day":"2026-11-23"}]') == '["2026-11-23"]'


def test_without_types_values_are_json() -> None:
    definition = StepDefinition("s", lambda given: {"got": given})
    assert call(definition, '{"$$date":[1,null]}') == '{"got":{"$$date":[1,null]}}'
    with pytest.raises(UnserializableValueError, match=r"\$\.when is an instance of date"):
        call(StepDefinition("s", lambda _: {"when": date.today()}), "null")


def test_nothing_is_undefined_and_with_a_type_null() -> None:
    assert call(StepDefinition("s", lambda _: None), "null") == '{"$":"undefined"}'
    assert call(StepDefinition("s", lambda _: None, output=int | None), "null") == "null"


def test_an_absent_member_is_absent_for_the_model() -> None:
    class Note(BaseModel):
        text: str = "none"

    definition = StepDefinition("s", lambda note: note.text, input=Note)
    assert call(definition, '{"text":{"$":"undefined"}}') == '"none"'


async def with_context(given: Any, step: StepContext) -> str:
    return f"{given} {step.attempt}"


class Handler:
    async def __call__(self, given: Any, step: StepContext) -> str:
        return f"{given} {step.attempt}"

    def method(self, given: Any) -> Any:
        return f"{given} 1"


def optional_context(given: Any, step: StepContext | None = None) -> str:
    return f"{given} {step.attempt if step else 'none'}"


@pytest.mark.parametrize(
    "function",
    [
        with_context,
        Handler(),
        Handler().method,
        optional_context,
        lambda given, step: f"{given} {step.attempt}",
        lambda given, times=1: f"{given} {times}",
    ],
)
def test_kinds_of_functions(function: Callable[..., Any]) -> None:
    assert call(StepDefinition("s", function), "7") == '"7 1"'


@pytest.mark.parametrize("function", [lambda: 1, lambda a, b, c: 1, lambda *, given: 1])
def test_a_function_that_cannot_be_called_so_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="has to take"):
        StepDefinition("s", function)


def test_synchronous_functions_run_in_threads_and_hold_nobody_up() -> None:
    gate = threading.Barrier(2, timeout=10)

    def meet(_: Any) -> str:
        gate.wait()
        return threading.current_thread().name

    async def both() -> list[str]:
        definition = StepDefinition("s", meet)
        calls = (definition.call("null", make_context()) for _ in range(2))
        return await asyncio.gather(*calls)

    assert asyncio.run(both()) == ['"durable-step s"', '"durable-step s"']


def test_an_error_of_a_thread_is_raised() -> None:
    def fail(_: Any) -> None:
        raise StopIteration("odd")

    with pytest.raises(RuntimeError, match="StopIteration"):
        call(StepDefinition("s", fail), "null")


def test_the_decorator_gives_the_function_back() -> None:
    worker = Worker()

    @worker.step("s", input=int, output=int)
    def double(given: int) -> int:
        return given * 2

    assert double(4) == 8
    with pytest.raises(ValueError, match="Two handlers serve the step 's'"):
        worker.step("s")(double)
    with pytest.raises(TypeError, match="name of a step"):
        worker.step("")(double)


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"lease": 0}, {"prefix": ""}, {"shutdown_timeout": -1}],
    ids=repr,
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Worker(**options)


def test_a_worker_without_steps_does_not_start() -> None:
    with pytest.raises(ValueError, match="nothing to serve"):
        asyncio.run(Worker().start())
