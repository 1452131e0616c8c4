"""What is measured of arrays: the same expressions in each library, called from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.bench.contenders.contender import Loop, Timed


def tensor_arrays(parameters: dict[str, Any]) -> list[Any]:
    """The float32 operands of an expression."""
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape).astype(np.float32) for shape in parameters["shapes"]]


def tensor_loop(
    parameters: dict[str, Any],
    library: Any,
    convert: Callable[[Any], Any],
    compiled: Callable[[Any], Any] = lambda function: function,
    finish: Callable[[Any], object] = lambda result: None,
) -> Timed:
    """The expression in a library.

    Args:
        parameters: Those of a case of the section "tensor".
        library: Has add, multiply, exp, sum and matmul.
        convert: From a NumPy array to the library's.
        compiled: What the library does with a function beforehand.
        finish: Waits for a result.
    """
    expressions: dict[str, Callable[..., Any]] = {
        "add": lambda a, b: a + b,
        "chain": lambda a, b, c: a * b + c,
        "exp": library.exp,
        "sum": library.sum,
        "matmul": lambda a, b: a @ b,
    }
    function = compiled(expressions[parameters["what"]])
    operands = [convert(array) for array in tensor_arrays(parameters)]
    last: list[Any] = [None]

    def call() -> None:
        last[0] = function(*operands)

    return Loop(call, lambda: finish(last[0]))
