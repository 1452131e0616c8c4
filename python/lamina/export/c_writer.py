"""What a C file is written with: buffers, constants, functions and steps."""

from __future__ import annotations

import numpy as np

from lamina._typing import Array
from lamina.export.c_activations import helpers
from lamina.export.c_functions import DEPTH_CHUNK


def _literal(number: float) -> str:
    if number - number != 0.0:
        raise ValueError(f"export: weights must be finite for C. Received: {number}")
    return number.hex()


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
        self._uses: dict[int, int] = {}
        self._known: dict[tuple[str, bytes], str] = {}

    def take(self, size: int) -> str:
        """The name of a buffer of that many numbers, which has one use."""
        if not self._free:
            self._free.append(len(self.sizes))
            self.sizes.append(1)
        place = self._free.pop()
        self.sizes[place] = max(self.sizes[place], size)
        self._uses[place] = 1
        return f"b{place}"

    def share(self, buffer: str, more: int) -> None:
        """The buffer has so many more uses; -1 ends one."""
        place = int(buffer[1:])
        self._uses[place] += more
        if self._uses[place] == 0:
            self._free.append(place)

    def give(self, buffer: str) -> None:
        """One use of the buffer ends; after the last it is free."""
        self.share(buffer, -1)

    def writable(self, buffer: str, size: int) -> str:
        """A buffer with the same numbers that may be overwritten: a copy, if there are other uses.

        One use of `buffer` ends, and the result has one.
        """
        if self._uses[int(buffer[1:])] == 1:
            return buffer
        copy = self.take(size)
        self.steps.append(f"for (i = 0; i < {size}; ++i) {copy}[i] = {buffer}[i];")
        self.give(buffer)
        return copy

    def is_buffer(self, name: str) -> bool:
        """Whether it is a buffer, not a constant."""
        return name[0] == "b" and name[1:].isdigit()

    def table(self, name: str, places: Array) -> str:
        """Adds an array of places and returns its name."""
        unique = f"{name}_{len(self.constants)}"
        text = ", ".join(str(int(place)) for place in places.ravel())
        self.constants.append(f"static const size_t {unique}[{places.size}] = {{{text}}};\n")
        return unique

    def constant(self, name: str, value: Array) -> str:
        """Adds an array, digit by digit as it is, once, and returns its name."""
        key = (name, np.ascontiguousarray(value).tobytes())
        if key in self._known:  # a layer that is called several times
            return self._known[key]
        unique = f"{name}_{len(self.constants)}"
        suffix = "" if self.double else "f"
        numbers = [_literal(float(item)) + suffix for item in value.ravel()]
        lines = [", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
        text = ",\n  ".join(lines)
        self._known[key] = unique
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
