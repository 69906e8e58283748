"""The worker's half of a contract: a function, and the types of its input and output."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import Any

from ._context import StepContext
from ._typed import TypedValue


class StepDefinition:
    """A step that is served here."""

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        input: Any = None,
        output: Any = None,
    ) -> None:
        """Raises TypeError for what cannot be a handler, or a type that pydantic does not know."""
        if not isinstance(name, str) or not 0 < len(name) <= 1_024:
            raise TypeError(
                f"The name of a step is a str of 1 to 1,024 characters, not {name!r:.80}."
            )
        self.name = name
        self.function = function
        self._input = TypedValue(input, "input", f"remote step '{name}'")
        self._output = TypedValue(output, "output", f"remote step '{name}'")
        self._is_async = is_async(function)
        self._wants_context = _wants_context(name, function)

    async def call(self, text: str, step: StepContext) -> str:
        """Text in, text out. Raises what the function raises, and what does not fit.

        When the caller is cancelled, so is an asynchronous function; a thread goes on alone.
        """
        argument = self._input.read(text)
        arguments = (argument, step) if self._wants_context else (argument,)
        if self._is_async:
            output = await self.function(*arguments)
        else:
            output = await in_thread(self.function, arguments, self.name)
        return self._output.write(output)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _wants_context(name: str, function: Callable[..., Any]) -> bool:
    """Whether the function takes (input, step), not (input) alone."""
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        pass
    else:
        parameters = list(inspect.signature(function).parameters.values())
        return len(parameters) > 1 and parameters[1].name == "step"
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        todo = "It has to take (input), or (input, step)."
        raise TypeError(f"The handler of step '{name}' cannot be called. {todo}") from None
    return True


async def in_thread(function: Callable[..., Any], arguments: tuple[Any, ...], name: str) -> Any:
    """Calls a function in a thread of its own, which does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(value: Any, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(value)
        else:
            outcome.set_exception(error)

    def tell(value: Any, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            return  # The loop has ended, and with it everybody who could want to know.

    def run() -> None:
        try:
            value = context.run(function, *arguments)
        except StopIteration as error:
            # A future does not take it.
            tell(None, RuntimeError(f"StopIteration: {error}"))
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits.
            tell(None, error)
        else:
            tell(value, None)

    threading.Thread(target=run, name=f"durable-step {name}", daemon=True).start()
    return await outcome
