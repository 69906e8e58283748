"""Messages of workflows and calls, version 1: "Workflows" and "Calls" of docs/protocol.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ._message_parts import MAX_ITEMS, MAX_SAFE, Count, Message, Name, Part, Positive, Text, whole

Whole = Annotated[int, BeforeValidator(whole), Field(ge=-MAX_SAFE, le=MAX_SAFE)]
Names = Annotated[list[Name], Field(max_length=MAX_ITEMS)]
ClosePolicy = Literal["cancel", "terminate", "abandon"]
Site = Name | Literal[""]


def _number(value: object) -> object:
    """JSON knows one kind of number: 2 is 2.0."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


Factor = Annotated[float, BeforeValidator(_number), Field(ge=1, le=MAX_SAFE)]


class Parent(Part):
    id: Name
    branch: Count


class Group(Part):
    """A named region, and the branch of it that an operation belongs to."""

    id: Name
    mode: Literal["all", "race", "map", "scope"]
    name: Name
    branch: Count
    parent: Parent | None = None


class Options(Part):
    """Of a step; what is absent is the engine's default."""

    max_attempts: Positive | None = None
    initial_delay_ms: Count | None = None
    factor: Factor | None = None
    max_delay_ms: Count | None = None
    jitter: Literal["full", "none"] | None = None
    timeout_ms: Count | None = None
    heartbeat_timeout_ms: Count | None = None


class StepRequest(Part):
    kind: Literal["step"] = "step"
    options: Options


class RemoteRequest(Part):
    kind: Literal["remote"] = "remote"
    input: str
    options: Options


class SleepRequest(Part):
    kind: Literal["sleep"] = "sleep"
    duration_ms: Count | None = None
    until_ms: Count | None = None


class SignalRequest(Part):
    kind: Literal["signal"] = "signal"
    token: Name
    timeout_ms: Count | None = None


class ChildRequest(Part):
    kind: Literal["child"] = "child"
    workflow: Name
    version: Name | None = None
    run_id: Name | None = None
    input: str
    tags: Names | None = None
    priority: Whole | None = None
    close_policy: ClosePolicy | None = None
    detached: bool | None = None


class ChildResultRequest(Part):
    kind: Literal["childResult"] = "childResult"
    run_id: Name


Request = (
    StepRequest | RemoteRequest | SleepRequest | SignalRequest | ChildRequest | ChildResultRequest
)


class AskedOperation(Part):
    ask: Literal["operation"] = "operation"
    #: `seq` of the window in which the code asked; 0 for the start.
    cause: Count
    position: Positive
    name: Name
    request: Annotated[Request, Field(discriminator="kind")]
    group: Group | None = None
    #: `file:line` of the code.
    site: Site | None = None


class AskedPatch(Part):
    ask: Literal["patch"] = "patch"
    cause: Count
    name: Name


class AskedWithdraw(Part):
    ask: Literal["withdraw"] = "withdraw"
    cause: Count
    position: Positive


Asked = AskedOperation | AskedPatch | AskedWithdraw


class Settled(Part):
    """The outcome of an operation."""

    outcome: Literal["settled"] = "settled"
    seq: Positive
    #: Database time, epoch milliseconds.
    at: Count
    position: Positive
    kind: Literal["step", "remote", "sleep", "signal", "child"]
    name: Name
    ok: bool
    payload: str


class CancelRequested(Part):
    outcome: Literal["cancelRequested"] = "cancelRequested"
    seq: Positive
    at: Count
    reason: Text | None = None


class Start(Part):
    """The run that an activation is of, and how far its history goes."""

    namespace: Name
    run_id: Name
    branch: Count
    workflow: Name
    version: Name
    input: str
    seed: Name
    #: Database time at which the body first ran, epoch milliseconds.
    started_at: Count
    tags: Names
    parent_run_id: Name | None = None
    last_seq: Count
    max_position: Count
    patches: Names


class Turn(Message):
    """The next outcomes for the code of a run, from the engine that owns it to a worker."""

    type: Literal["turn"] = "turn"
    activation: Name
    token: Name
    reply_to: Name
    turn: Positive
    start: Start | None = None
    outcomes: Annotated[
        list[Annotated[Settled | CancelRequested, Field(discriminator="outcome")]],
        Field(max_length=MAX_ITEMS),
    ]


class End(Part):
    ok: bool
    payload: str


class Label(Part):
    kind: Name
    name: Name


class Mismatch(Part):
    position: Positive
    asked: Label | None = None


class TurnResult(Message):
    """What the code did in a turn."""

    type: Literal["turnResult"] = "turnResult"
    activation: Name
    token: Name
    turn: Positive
    worker: Name
    asked: Annotated[
        list[Annotated[Asked, Field(discriminator="ask")]], Field(max_length=MAX_ITEMS)
    ]
    next_position: Positive
    end: End | None = None
    mismatch: Mismatch | None = None
    broken: Text | None = None


class Lost(Message):
    """The worker does not have this activation (any more)."""

    type: Literal["lost"] = "lost"
    activation: Name
    token: Name


class Release(Message):
    """The engine needs an activation no more."""

    type: Literal["release"] = "release"
    activation: Name


class StartCall(Part):
    method: Literal["start"] = "start"
    workflow: Name
    version: Name | None = None
    run_id: Name
    input: str
    tags: Names | None = None
    priority: Whole | None = None


class SignalCall(Part):
    method: Literal["signal"] = "signal"
    token: Name
    id: Name
    payload: str


class Call(Message):
    """A start or a signal, from a process without a database to an engine."""

    type: Literal["call"] = "call"
    call_id: Name
    #: Key of the stream for the answer.
    reply_to: Name
    namespace: Name
    call: Annotated[StartCall | SignalCall, Field(discriminator="method")]


class CallResult(Message):
    """What came of a call, when it is durable."""

    type: Literal["callResult"] = "callResult"
    call_id: Name
    ok: bool
    payload: str
