"""A workflow that is served here: a function, and the types of its input and output."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._steps import is_async
from ._typed import TypedValue
from ._workflow_options import require_name

if TYPE_CHECKING:
    from ._workflow_context import WorkflowContext


class WorkflowDefinition:
    """What `@worker.workflow` registers."""

    def __init__(
        self,
        name: str,
        version: str,
        function: Callable[..., Any],
        *,
        input: Any = None,
        output: Any = None,
    ) -> None:
        """Types that are not given are those of the function's annotations.

        Raises TypeError for what cannot be a workflow, or a type that pydantic does not know;
        ValueError for a name that the engine refuses.
        """
        self.name = require_name(name, "The name of a workflow")
        self.version = require_name(version, "The version of a workflow")
        if not is_async(function):
            raise TypeError(f"Workflow '{name}' has to be an async function.")
        self._function = function
        parameter = _input_parameter(name, function)
        self._takes_input = parameter is not None
        hints = annotations_of(function) if input is None or output is None else {}
        annotated = None if parameter is None else hints.get(parameter)
        of = f"workflow '{name}'"
        self._input = TypedValue(annotated if input is None else input, "input", of)
        self._output = TypedValue(hints.get("return") if output is None else output, "output", of)

    async def call(self, ctx: WorkflowContext, text: str) -> str:
        """Text in, text out. Raises what the function raises, and what does not fit."""
        arguments = (ctx, self._input.read(text)) if self._takes_input else (ctx,)
        return self._output.write(await self._function(*arguments))


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of its parameters, and `return`. None and `object` say nothing, and are left out.

    Raises TypeError for a name that is not known where the function is.
    """
    target = function
    if not inspect.isroutine(target) and not hasattr(target, "__annotations__"):
        target = getattr(function, "func", getattr(type(function), "__call__", function))  # noqa: B004
    try:
        found = typing.get_type_hints(target, include_extras=True)
    except NameError as error:
        name = getattr(function, "__qualname__", repr(function))
        todo = "Import it at the top of the module, or name the types: input=…, output=…."
        raise TypeError(f"A type of {name} is not known there: {error}. {todo}") from error
    except TypeError:
        return {}
    nothing = (None, type(None), object)
    return {key: kind for key, kind in found.items() if kind not in nothing}


def _input_parameter(name: str, function: Callable[..., Any]) -> str | None:
    """Name of the second parameter, if the function takes one."""
    signature = inspect.signature(function)
    try:
        signature.bind(None, None)
    except TypeError:
        try:
            signature.bind(None)
        except TypeError:
            todo = "It has to take (ctx), or (ctx, input)."
            raise TypeError(f"Workflow '{name}' cannot be called. {todo}") from None
        return None
    parameters = list(signature.parameters)
    return parameters[min(1, len(parameters) - 1)]
