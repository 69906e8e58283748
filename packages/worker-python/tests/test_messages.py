"""The fixtures of the protocol: TypeScript reads the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durable_worker._limits import MAX_MESSAGE_BYTES, is_too_deep, is_too_large
from durable_worker._messages import (
    MESSAGE_TYPES,
    Cancel,
    Heartbeat,
    Refusal,
    Result,
    Task,
    read_message,
)

FIXTURES = Path(__file__).parents[2] / "protocol" / "fixtures"
EVERY_TYPE = tuple(MESSAGE_TYPES)


def files_in(folder: str) -> list[Path]:
    found = sorted(
        path for path in (FIXTURES / folder).rglob("*") if path.suffix in {".json", ".txt"}
    )
    assert len(found) > 10
    return found


@pytest.mark.parametrize("path", files_in("valid"), ids=lambda path: path.name)
def test_valid_fixture_is_read(path: Path) -> None:
    message = read_message(path.read_text("utf-8"), EVERY_TYPE)
    assert isinstance(message, MESSAGE_TYPES[path.stem.split("-")[0]]), message


@pytest.mark.parametrize(
    "path", files_in("invalid"), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_invalid_fixture_is_refused_for_its_reason(path: Path) -> None:
    refusal = read_message(path.read_text("utf-8"), EVERY_TYPE)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == path.parent.name, refusal.detail


@pytest.mark.parametrize("path", files_in("valid"), ids=lambda path: path.name)
def test_what_is_written_is_read_again(path: Path) -> None:
    message = read_message(path.read_text("utf-8"), EVERY_TYPE)
    assert not isinstance(message, Refusal)
    assert read_message(message.text(), EVERY_TYPE) == message


def test_fields_that_are_none_are_left_out() -> None:
    text = Heartbeat(task_id="t", token="k").text()
    assert json.loads(text) == {"v": 1, "type": "heartbeat", "taskId": "t", "token": "k"}


def test_a_message_of_a_type_that_does_not_belong_there_is_refused() -> None:
    text = Cancel(task_ids=["t"], reason="r").text()
    refusal = read_message(text, ("task",))
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "unknownType"


def test_lengths_are_those_of_javascript() -> None:
    text = Result(task_id="t", token="k", attempt=1, ok=True, payload="", worker="w").text()
    fits = text.replace('"w"', json.dumps("😀" * 512, ensure_ascii=False))
    assert isinstance(read_message(fits, ("result",)), Result)
    too_long = text.replace('"w"', json.dumps("😀" * 513, ensure_ascii=False))
    assert isinstance(read_message(too_long, ("result",)), Refusal)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x" * (MAX_MESSAGE_BYTES + 1), "tooLarge"),
        ('"' + "€" * (MAX_MESSAGE_BYTES // 3 + 1) + '"', "tooLarge"),
        ("[" * 1_000_000, "tooDeep"),
        ('{"a":' * 1_000_000, "tooDeep"),
        ('"' + '\\"' * 3_000_000 + "\\", "notJson"),
        ("[" * 33 + '"' * 1_000_001, "tooDeep"),
        ("9" * 100_000, "notJson"),
        ("\ufeff{}", "notJson"),
        ('{"v":1e400}', "unknownVersion"),
        ('{"v":1.0,"type":"engine","engine":"e","startedAt":1.0,"results":"\\ud800"}', "invalid"),
    ],
)
def test_a_hostile_text_is_refused_soon(text: str, kind: str) -> None:
    refusal = read_message(text, EVERY_TYPE)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == kind
    assert len(refusal.detail) < 300


def test_numbers_are_those_of_json() -> None:
    text = '{"v":1.0,"type":"engine","engine":"e","startedAt":1e3,"results":"r"}'
    assert not isinstance(read_message(text, EVERY_TYPE), Refusal)
    as_bool = text.replace("1e3", "true")
    assert isinstance(read_message(as_bool, EVERY_TYPE), Refusal)
    assert isinstance(read_message('{"v":true,"type":"engine"}', EVERY_TYPE), Refusal)


def test_brackets_in_strings_do_not_count() -> None:
    text = json.dumps({"a": "[" * 100 + '\\"' + "{" * 100})
    assert not is_too_deep(text, 2)
    assert is_too_deep(json.dumps([[["[" * 5]]]), 2)


def test_size_is_in_utf8() -> None:
    assert not is_too_large("€€", 6)
    assert is_too_large("€€", 5)


def test_a_task_keeps_unknown_fields_out() -> None:
    path = FIXTURES / "valid" / "task-unknown-fields.json"
    task = read_message(path.read_text("utf-8"), ("task",))
    assert isinstance(task, Task)
    assert set(json.loads(task.text())) < set(json.loads(path.read_text("utf-8")))
