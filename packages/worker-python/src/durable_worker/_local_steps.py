"""The function of `ctx.step`, with what it was called with."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

from ._context import StepContext
from ._steps import in_thread, is_async
from ._typed import TypedValue
from ._workflow_definition import annotations_of


class LocalStep:
    """A step that runs in the worker that has the workflow's code."""

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], output: Any
    ) -> None:
        """Copies the arguments: what the code does with them later is not seen by the step.

        `output` is a type, None for the one of the function's annotation. Raises TypeError.
        """
        if not callable(function):
            raise TypeError(f"Step '{name}' needs a function, not {function!r:.80}.")
        if inspect.iscoroutine(function):
            function.close()
        self._function = function
        self._arguments = _copied(name, arguments)
        self._name = name
        kind = annotations_of(function).get("return") if output is None else output
        self.output = TypedValue(kind, "output", f"step '{name}'")
        self._wants_context = _wants_context(name, function, arguments)

    async def call(self, _text: str, step: StepContext) -> str:
        """One attempt. Raises what the function raises, and what does not fit."""
        call = functools.partial(self._function, *_copied(self._name, self._arguments))
        if self._wants_context:
            call = functools.partial(call, step=step)
        result = await call() if is_async(call) else await in_thread(call, (), self._name)
        if inspect.isawaitable(result):
            # A lambda around a coroutine function.
            result = await result
        return self.output.write(result)


def _copied(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        return copy.deepcopy(arguments)
    except Exception as error:
        todo = "Pass plain data and models; what cannot be copied belongs into the module."
        raise TypeError(
            f"An argument of step '{name}' cannot be copied: {error}. {todo}"
        ) from error


def _wants_context(name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether it has a parameter `step` that the arguments leave free. Raises TypeError."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return False  # Of C functions that do not say.
    try:
        bound = signature.bind_partial(*arguments)
        wants = "step" in signature.parameters and "step" not in bound.arguments
        signature.bind(*arguments, **({"step": None} if wants else {}))
    except TypeError as error:
        raise TypeError(f"The function of step '{name}' cannot be called so: {error}.") from None
    return wants
