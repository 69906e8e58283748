"""An engine of the tests' own: drives the code of a workflow turn by turn, without a Redis."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from durable_worker import _json
from durable_worker._activation import Activation
from durable_worker._context import StepContext
from durable_worker._turn_messages import (
    AskedOperation,
    AskedPatch,
    AskedWithdraw,
    CancelRequested,
    Settled,
    Start,
    Turn,
    TurnResult,
)
from durable_worker._workflow_definition import WorkflowDefinition

LOGGER = logging.getLogger("durable_worker")
SEED = "2c26b46b68ffc68ff99b453c1d304134"
CANCELLED = _json.write(
    {
        "$error": {
            "class": "durable/CancelledError",
            "name": "CancelledError",
            "message": 'Run "r-1" is being cancelled.',
            "props": {"code": "CANCELLED", "fields": {"runId": "r-1", "reason": None}},
        }
    }
)

Outcome = Settled | CancelRequested
#: Forgotten after each test.
activations: list[Activation] = []


def make_start(**fields: Any) -> Start:
    given: dict[str, Any] = {
        "namespace": "default",
        "run_id": "r-1",
        "branch": 0,
        "workflow": "w",
        "version": "1",
        "input": "null",
        "seed": SEED,
        "started_at": 1_700_000_000_000,
        "tags": [],
        "last_seq": 0,
        "max_position": 0,
        "patches": [],
    }
    return Start(**{**given, **fields})


def make_turn(number: int, outcomes: Sequence[Outcome] = (), start: Start | None = None) -> Turn:
    return Turn(
        activation="a-1",
        token="f" * 32,
        reply_to="durable:default:results:e",
        turn=number,
        start=start,
        outcomes=list(outcomes),
    )


@dataclass
class Engine:
    """One run, and one activation of it at a time."""

    function: Callable[..., Any]
    input: Any = None
    history: list[Outcome] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    pending: dict[int, AskedOperation] = field(default_factory=dict)
    answer: TurnResult | None = None
    end: tuple[bool, Any] | None = None
    now: int = 1_700_000_000_000
    turns: int = 0
    seq: int = 0

    def __post_init__(self) -> None:
        self.definition = WorkflowDefinition("w", "1", self.function)
        self.activation = self.new_activation()

    def new_activation(self, **start: Any) -> Activation:
        text = _json.write(self.input)
        fields = {"input": text, "patches": list(self.patches), **start}
        activation = Activation(self.definition, make_start(**fields), LOGGER)
        activations.append(activation)
        return activation

    def begin(self) -> TurnResult:
        return self._turn([], self.activation.start)

    def turn(self, *outcomes: Outcome) -> TurnResult:
        self.history.extend(outcomes)
        return self._turn(outcomes, None)

    def settle(self, position: int, value: Any = None) -> TurnResult:
        """An error where the value is an exception's content."""
        return self.turn(self.outcome(position, value))

    def outcome(self, position: int, value: Any = None) -> Settled:
        asked = self.pending.pop(position)
        self.seq += 1
        self.now += 1_000
        kind: Any = asked.request.kind.replace("childResult", "child")
        failed = isinstance(value, dict) and "$error" in value
        return Settled(
            seq=self.seq,
            at=self.now,
            position=position,
            kind=kind,
            name=asked.name,
            ok=not failed,
            payload=_json.write(value),
        )

    def cancel(self) -> None:
        """Tells the code, then settles what was pending, one at a time."""
        self.seq += 1
        last = max(self.pending, default=0)
        self.turn(CancelRequested(seq=self.seq, at=self.now, reason="no need"))
        for position in sorted(self.pending):
            if position <= last and position in self.pending:
                self.settle(position, _json.parse(CANCELLED))

    def _turn(self, outcomes: Sequence[Outcome], start: Start | None) -> TurnResult:
        self.turns += 1
        turn = make_turn(self.turns, outcomes, start)
        for _ in self.activation.windows(turn):
            pass
        self.answer = self.activation.answer(turn, "w-1")
        assert TurnResult.model_validate_json(self.answer.text()) == self.answer
        for asked in self.answer.asked:
            self.asked.append(asked)
            if isinstance(asked, AskedOperation):
                self.pending[asked.position] = asked
            elif isinstance(asked, AskedWithdraw):
                del self.pending[asked.position]
            else:
                self.patches.append(asked.name)
        if self.answer.end is not None:
            self.end = (self.answer.end.ok, _json.parse(self.answer.end.payload))
        return self.answer

    async def attempt(self, position: int) -> Any:
        """Runs the function of a step: its payload, parsed."""
        from conftest import make_context

        step: StepContext = make_context()
        return _json.parse(await self.activation.steps[position].call("null", step))

    def names(self) -> list[str]:
        return [asked.name for asked in self.pending.values()]


def replay(engine: Engine, outcomes: int, chunks: int = 3) -> TurnResult:
    """A new activation with the start of a history, in several turns: the sum of its answers."""
    part = engine.history[:outcomes]
    cause = part[-1].seq if part else 0
    known = [asked for asked in engine.asked if asked.cause <= cause]
    positions = [asked.position for asked in known if isinstance(asked, AskedOperation)]
    activation = engine.new_activation(last_seq=cause, max_position=max(positions, default=0))
    asked: list[Any] = []
    end = None
    size = max(1, -(-len(part) // chunks))
    answer: TurnResult | None = None
    for number, at in enumerate(range(0, max(1, len(part)), size), 1):
        start = activation.start if number == 1 else None
        turn = make_turn(number, part[at : at + size], start)
        for _ in activation.windows(turn):
            pass
        answer = activation.answer(turn, "w-1")
        asked.extend(answer.asked)
        end = answer.end or end
    assert answer is not None
    return answer.model_copy(update={"asked": asked, "end": end})


def without_sites(asked: Sequence[Any]) -> list[Any]:
    return [
        item.model_copy(update={"site": None}) if isinstance(item, AskedOperation) else item
        for item in asked
    ]


def check_every_prefix(engine: Engine) -> None:
    """Each prefix of the history, given to new code, brings about the same again."""
    for count in range(len(engine.history) + 1):
        cause = engine.history[count - 1].seq if count else 0
        expected = [
            asked
            for asked in engine.asked
            if asked.cause <= cause and not isinstance(asked, AskedPatch)
        ]
        found = replay(engine, count)
        assert found.mismatch is None
        assert found.broken is None
        assert without_sites(found.asked) == without_sites(expected)
    ended = replay(engine, len(engine.history))
    assert (ended.end is None) == (engine.end is None)
    if ended.end is not None and engine.end is not None and ended.end.ok:
        assert _json.parse(ended.end.payload) == engine.end[1]
    if engine.answer is not None:
        assert ended.next_position == engine.answer.next_position


def drive(engine: Engine, choice: random.Random, *, cancel_at: int | None = None) -> None:
    """Settles what is pending, in a random order, until nothing is."""
    engine.begin()
    for step in range(200):
        assert engine.answer is not None
        assert engine.answer.mismatch is None
        assert engine.answer.broken is None, engine.answer.broken
        if not engine.pending:
            return
        if step == cancel_at:
            engine.cancel()
            continue
        position = choice.choice(sorted(engine.pending))
        fails = choice.random() < 0.25 and engine.pending[position].request.kind == "step"
        error = {"$error": {"name": "Oops", "message": f"at {position}"}}
        value = None if engine.pending[position].request.kind == "sleep" else choice.randrange(100)
        engine.settle(position, error if fails else value)
    raise AssertionError("the program does not end")
