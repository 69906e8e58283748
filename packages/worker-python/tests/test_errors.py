from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import durable_worker
from durable_worker import DurableError, FatalError, RetryableError, StepCancelledError
from durable_worker._error_text import encode_error


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as seen:  # noqa: BLE001 - that is what is tested.
        return seen


def outline(error: BaseException) -> Any:
    return json.loads(encode_error(error))["$error"]


def test_an_error_keeps_its_name_message_and_traceback() -> None:
    content = outline(caught(ValueError("no such order")))
    assert content["name"] == "ValueError"
    assert content["message"] == "no such order"
    assert content["stack"].startswith("Traceback (most recent call last):")
    assert "test_errors.py" in content["stack"]
    assert content["stack"].endswith("ValueError: no such order\n")
    assert "class" not in content


def test_causes_come_along_each_with_its_own_traceback() -> None:
    error = RuntimeError("outer")
    error.__cause__ = caught(KeyError("inner"))
    content = outline(error)
    assert content["cause"]["$error"]["name"] == "KeyError"
    assert "inner" not in content["stack"]


def test_a_chain_of_causes_without_an_end_is_cut() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert encode_error(first).count("$error") == 5


def test_public_attributes_come_along_where_they_are_json() -> None:
    class DeclinedError(Exception):
        def __init__(self) -> None:
            super().__init__("declined")
            self.code = "card_declined"
            self.raw = object()
            self._secret = "s"
            self.large = "x" * 10_000

    content = outline(DeclinedError())
    assert content["name"] == "DeclinedError"
    assert content["props"] == {"code": "card_declined"}
    assert content["dropped"] == ["raw", "large"]


def test_a_fatal_error_and_its_subclasses_are_the_engines() -> None:
    class StolenCardError(FatalError):
        pass

    content = outline(StolenCardError("stolen", fields={"card": "42"}))
    assert content["class"] == "durable/FatalError"
    assert content["name"] == "StolenCardError"
    assert content["props"] == {"code": "FATAL", "fields": {"card": "42"}}


@pytest.mark.parametrize("after", [1.5, timedelta(milliseconds=1_500)])
def test_a_retryable_error_says_when_in_milliseconds(after: float | timedelta) -> None:
    content = outline(RetryableError("later", retry_after=after))
    assert content["class"] == "durable/RetryableError"
    assert content["name"] == "RetryableError"
    assert content["props"] == {"code": "RETRYABLE", "fields": {}, "after": 1_500}
    assert "after" not in outline(RetryableError("later"))["props"]


@pytest.mark.parametrize("after", [-1, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(after: float) -> None:
    with pytest.raises(ValueError, match="retry_after"):
        RetryableError("later", retry_after=after)


def test_names_are_those_that_the_engine_knows() -> None:
    content = outline(StepCancelledError("r", "why"))
    assert content["class"] == "durable/CancelledError"
    assert content["name"] == "CancelledError"
    assert content["message"] == 'Run "r" is being cancelled: why.'


def test_the_text_is_of_bounded_size_whatever_the_error_is() -> None:
    class MonsterError(Exception):
        def __str__(self) -> str:
            return "€" * 1_000_000

        def __repr__(self) -> str:
            raise ValueError("no")

    error = MonsterError("x" * 1_000_000)
    for index in range(100):
        setattr(error, f"a{index}" + "k" * 1_000, "x" * 100_000)
        setattr(error, f"b{index}", "x" * 4_000)
    error.__cause__ = error
    assert len(encode_error(error)) < 1_000_000


def test_an_error_that_cannot_say_what_it_is_is_one_all_the_same() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    content = outline(caught(MuteError()))
    assert content["name"] == "MuteError"
    assert content["message"] == ""


def test_an_error_without_attributes_is_fine() -> None:
    class Model(BaseModel):
        n: int

    with pytest.raises(ValidationError) as found:
        Model.model_validate({"n": "x"})
    assert outline(found.value)["name"] == "ValidationError"


def test_every_error_is_exported_and_has_a_code() -> None:
    kinds = DurableError.__subclasses__()
    for kind in kinds:
        if kind.__module__ == "durable_worker.errors":
            assert getattr(durable_worker, kind.__name__) is kind
            assert kind.wire_name != DurableError.wire_name
