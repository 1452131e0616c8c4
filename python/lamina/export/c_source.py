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
from lamina.export.c_functions import texts
from lamina.export.c_layers import write_stack
from lamina.export.c_writer import Source

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
