"""The messages between engines and workers, version 1: docs/protocol.md says what they mean.

A reader keeps unknown fields out and takes null for an absent one. `packages/protocol/fixtures`
holds texts that it has to take, and texts that it has to refuse, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from . import _json
from ._limits import MAX_MESSAGE_BYTES, MAX_MESSAGE_DEPTH, is_too_deep, is_too_large
from ._message_parts import (
    MAX_ITEMS,
    MAX_SAFE,
    PROTOCOL_VERSION,
    Count,
    Name,
    Part,
    Positive,
    Text,
    whole,
)
from ._message_parts import Message as MessageBase
from ._turn_messages import Call, CallResult, Lost, Release, Turn, TurnResult

_QUOTED: Final = 60

RefusalKind = Literal[
    "tooLarge",
    "tooDeep",
    "notJson",
    "notMessage",
    "newerVersion",
    "unknownVersion",
    "unknownType",
    "invalid",
]


@dataclass(frozen=True)
class Refusal:
    """Why a text is not taken as a message. `detail` quotes little of the text."""

    kind: RefusalKind
    detail: str


class Task(MessageBase):
    """One attempt of a remote step, from an engine to a worker."""

    type: Literal["task"] = "task"
    task_id: Name
    token: Name
    reply_to: Name
    namespace: Name
    run_id: Name
    branch: Count
    position: Count
    attempt: Positive
    step: Name
    input: str
    idempotency_key: Name
    timeout_ms: Count | None = None
    heartbeat_timeout_ms: Count | None = None
    liveness_ms: Positive
    max_crashes: Count | None = None
    progress: str | None = None
    #: A step of a workflow whose code is here: the function is at `position` of it.
    activation: Name | None = None
    traceparent: Name | Literal[""] | None = None
    tracestate: Text | None = None


class Result(MessageBase):
    """How an attempt has ended, from a worker to an engine."""

    type: Literal["result"] = "result"
    task_id: Name
    token: Name
    attempt: Positive
    ok: bool
    payload: str
    worker: Name
    started_at: Count | None = None
    progress: str | None = None
    traceparent: Name | Literal[""] | None = None
    tracestate: Text | None = None


class Heartbeat(MessageBase):
    """A sign of life of a running attempt."""

    type: Literal["heartbeat"] = "heartbeat"
    task_id: Name
    token: Name
    progress: str | None = None


class Cancel(MessageBase):
    """Asks for attempts to be stopped."""

    type: Literal["cancel"] = "cancel"
    task_ids: Annotated[list[Name], Field(max_length=MAX_ITEMS)]
    reason: Text


class Sdk(Part):
    name: Name
    version: Name


class ServedStep(Part):
    name: Name
    queue: Name


class ServedWorkflow(Part):
    name: Name
    version: Name


class WorkerPresence(MessageBase):
    """Who serves what. A worker without steps and workflows serves no more."""

    type: Literal["worker"] = "worker"
    worker: Name
    started_at: Count
    sdk: Sdk
    steps: Annotated[list[ServedStep], Field(max_length=MAX_ITEMS)]
    workflows: Annotated[list[ServedWorkflow], Field(max_length=MAX_ITEMS)] | None = None
    #: Key of the stream of turns; there if it serves any workflow.
    inbox: Name | None = None


class EnginePresence(MessageBase):
    """An engine that reads a results stream."""

    type: Literal["engine"] = "engine"
    engine: Name
    started_at: Count
    results: Name


Message = (
    Task
    | Result
    | Heartbeat
    | Cancel
    | WorkerPresence
    | EnginePresence
    | Turn
    | TurnResult
    | Lost
    | Release
    | Call
    | CallResult
)

MESSAGE_TYPES: Final[dict[str, type[Message]]] = {
    "task": Task,
    "result": Result,
    "heartbeat": Heartbeat,
    "cancel": Cancel,
    "worker": WorkerPresence,
    "engine": EnginePresence,
    "turn": Turn,
    "turnResult": TurnResult,
    "lost": Lost,
    "release": Release,
    "call": Call,
    "callResult": CallResult,
}


def read_message(
    text: str, types: tuple[str, ...], max_bytes: int = MAX_MESSAGE_BYTES
) -> Message | Refusal:
    """Reads a message of one of the types that belong where the text was found.

    Never raises, whatever the text is: the limits are checked before it is parsed.
    """
    if is_too_large(text, max_bytes):
        return Refusal("tooLarge", f"it takes more than {max_bytes} bytes")
    if is_too_deep(text, MAX_MESSAGE_DEPTH):
        return Refusal("tooDeep", f"it is nested deeper than {MAX_MESSAGE_DEPTH}")
    try:
        value = _json.parse(text)
    except ValueError:
        return Refusal("notJson", "it is no JSON")
    return _read_parsed(value, types)


def _read_parsed(value: Any, types: tuple[str, ...]) -> Message | Refusal:
    if not isinstance(value, dict):
        return Refusal("notMessage", "it is no object")
    refusal = _check_version(value)
    if refusal is not None:
        return refusal
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in types:
        return Refusal("unknownType", f"{_quote(kind)} is none of {', '.join(types)}")
    try:
        return MESSAGE_TYPES[kind].model_validate(value, by_name=False, by_alias=True)
    except ValidationError as error:
        issue = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in issue["loc"])
        return Refusal("invalid", f"field '{field}': {issue['msg']}")


def _check_version(value: dict[str, Any]) -> Refusal | None:
    if "v" not in value:
        return Refusal("notMessage", "it has no version 'v'")
    version = whole(value["v"])
    is_number = isinstance(version, int) and not isinstance(version, bool)
    if is_number and version == PROTOCOL_VERSION:
        return None
    if isinstance(version, int) and is_number and PROTOCOL_VERSION < version <= MAX_SAFE:
        todo = f"this release reads version {PROTOCOL_VERSION}; upgrade it"
        return Refusal("newerVersion", f"it has version {version}, and {todo}")
    return Refusal("unknownVersion", f"{_quote(value['v'])} is no version that is read here")


def _quote(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f"'{text[:_QUOTED] + '…' if len(text) > _QUOTED else text}'"
