"""Models as one C99 file: weights and forward pass, with no dependency but libm.

Everything that is made of single operations, fused multiply-adds, divisions and square roots is
computed in lamina's own order (docs/numerics.md), so it gives lamina's own bits wherever `fma` is
IEEE's. Functions such as tanh and exp are libm's and differ in the last places.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.export.c_activations import helpers
from lamina.export.c_functions import DEPTH_CHUNK, texts
from lamina.export.c_layers import write_stack

_HEADER = """\
/* {title}
 *
 * Written by lamina {version}. C99, reentrant, no memory from the heap; link with libm.
 * void {name}_predict(const {real} *x, {real} *y): one sample of {inputs} numbers in,
 * {outputs} numbers out.
 */
#include <math.h>
#include <stddef.h>

/* Nothing is fused but what calls fma. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#define {upper}_INPUTS {inputs}
#define {upper}_OUTPUTS {outputs}

typedef {real} R;
#define F(function) {call}

"""


class Source:
    """What has been written so far, where the numbers are, and which buffers are free.

    Args:
        double: Whether numbers are double, else float.

    Example:
        >>> source = Source(False)
        >>> x = source.take(3)
        >>> source.constant("scale", np.ones(3))
        'scale_0'
        >>> source.give(x)
        >>> source.take(5) == x
        True
    """

    def __init__(self, double: bool) -> None:
        self.double = double
        self.dtype = "float64" if double else "float32"
        self.constants: list[str] = []
        self.functions: dict[str, str] = {}
        self.used: set[str] = set()
        self.steps: list[str] = []
        self.parts = 1
        self.sizes: list[int] = []
        self._free: list[int] = []

    def take(self, size: int) -> str:
        """The name of a buffer of that many numbers, which nobody else uses."""
        if not self._free:
            self._free.append(len(self.sizes))
            self.sizes.append(1)
        place = self._free.pop()
        self.sizes[place] = max(self.sizes[place], size)
        return f"b{place}"

    def give(self, buffer: str) -> None:
        """The buffer is not used any more."""
        self._free.append(int(buffer[1:]))

    def constant(self, name: str, value: Array) -> str:
        """Adds an array, digit by digit as it is, and returns its name."""
        unique = f"{name}_{len(self.constants)}"
        suffix = "" if self.double else "f"
        numbers = [_literal(float(item)) + suffix for item in value.ravel()]
        lines = [", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
        text = ",\n  ".join(lines)
        self.constants.append(f"static const R {unique}[{value.size}] = {{\n  {text}\n}};\n")
        return unique

    def literal(self, value: float) -> str:
        """A number, rounded to the type."""
        return f"(R){_literal(value if self.double else float(np.float32(value)))}"

    def function(self, kind: str, text: str) -> str:
        """Adds a function of x with this body, once, and returns its name."""
        if text not in self.functions:
            name = f"function_{len(self.functions)}"
            self.functions[text] = f"/* {kind} */\nstatic R {name}(R x) {{ {text} }}\n\n"
            self.used |= helpers(text)
        return f"function_{list(self.functions).index(text)}"

    def add_dense(
        self,
        rows: int,
        depth: int,
        units: int,
        x: str,
        kernel: str,
        bias: str,
        y: str,
        groups: int = 1,
    ) -> None:
        """Adds products of rows with a kernel; with one of the kernels for each group of a row."""
        self.used.add("dense")
        self.parts = max(self.parts, units * max(1, -(-depth // DEPTH_CHUNK)))
        if groups > 1:
            kernel = f"{kernel} + i % {groups} * {depth * units}"
        self.steps.append(
            f"for (i = 0; i < {rows * groups}; ++i) dense({depth}, {units}, {x} + i * {depth}, "
            f"{kernel}, {bias}, parts, {y} + i * {units});"
        )


def _literal(number: float) -> str:
    if number - number != 0.0:
        raise ValueError(f"export: weights must be finite for C. Received: {number}")
    return number.hex()


def encode(model: Any) -> bytes:
    """The content of a C file that computes what `model.predict` does, one sample at a time.

    Raises:
        ValueError: If the model is not built, or a weight is not finite.
        NotImplementedError: For layers and activations that cannot be written; the message names
            them.
    """
    if not model.built:
        raise ValueError(
            f"export: model '{model.name}' has not been built yet. Put an `Input` in front or call "
            "`build()`."
        )
    source = Source(model.dtype == "float64")
    inputs, outputs = _size(model.input_shape), _size(model.output_shape)
    first = source.take(inputs)
    last = write_stack(source, model, first)
    name = re.sub(r"\W", "_", model.name, flags=re.ASCII)
    name = name if not name[0].isdigit() else f"model_{name}"
    header = _HEADER.format(
        title=name,
        version=_core.__version__,
        name=name,
        upper=name.upper(),
        real="double" if source.double else "float",
        call="function" if source.double else "function##f",
        inputs=inputs,
        outputs=outputs,
    )
    buffers = ", ".join(f"b{place}[{size}]" for place, size in enumerate(source.sizes))
    steps = "\n".join(f"  {step}" for step in source.steps)
    predict = (
        f"void {name}_predict(const R *x, R *y);\n"
        f"void {name}_predict(const R *x, R *y) {{\n"
        f"  R {buffers}, parts[{source.parts}];\n"
        "  size_t i;\n  (void)parts;\n"
        f"  for (i = 0; i < {inputs}; ++i) {first}[i] = x[i];\n{steps}\n"
        f"  for (i = 0; i < {outputs}; ++i) y[i] = {last}[i];\n}}\n"
    )
    functions = "".join(f"{text}\n" for text in texts(source.used))
    functions += "".join(source.functions.values())
    return (header + "".join(source.constants) + "\n" + functions + predict).encode("ascii")


def _size(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([extent for extent in shape[1:] if extent is not None], dtype="int64"))
