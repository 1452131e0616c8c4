"""Models as one C99 file: weights and forward pass, with no dependency but libm.

Products are lamina's own chains of fused multiply-adds (docs/numerics.md, section 4), so dense
networks whose activations are compositions of comparisons and single operations give lamina's own
bits wherever `fma` is IEEE's. Functions such as tanh are libm's and differ in the last places.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, activations
from lamina._typing import Array

if TYPE_CHECKING:
    from lamina.models.sequential import Sequential

_CHUNK = 512  # kDepthChunk of cpp/numerics/order.h
_NOTHING = frozenset({"Dropout", "GaussianDropout", "GaussianNoise", "Identity", "Flatten"})
#: An expression of x for each activation function; F(f) is f or its float form.
_EXPRESSIONS = {
    "relu": "x > 0 ? x : (x != x ? x : 0)",
    "relu6": "x > 0 ? (x < 6 ? x : 6) : (x != x ? x : 0)",
    "sigmoid": "x < 0 ? F(exp)(x) / (1 + F(exp)(x)) : 1 / (1 + F(exp)(-x))",
    "tanh": "F(tanh)(x)",
    "exponential": "F(exp)(x)",
    "softplus": "x > 0 ? x + F(log1p)(F(exp)(-x)) : F(log1p)(F(exp)(x))",
    "softsign": "F(fabs)(x) > (R)1e30 ? (x > 0 ? 1 : -1) : x / (1 + F(fabs)(x))",
    "elu": "x > 0 ? x : F(expm1)(x)",
    "selu": "(R)1.0507009873554805 * (x > 0 ? x : (R)1.6732632423543772 * F(expm1)(x))",
    "silu": "x < 0 ? x * F(exp)(x) / (1 + F(exp)(x)) : x / (1 + F(exp)(-x))",
    "gelu": "(R)0.5 * x * F(erfc)(x * (R)-0.7071067811865476)",
    "leaky_relu": "x > 0 ? x : (R)0.2 * x",
}
_HEADER = """\
/* {title}
 *
 * Written by lamina {version}. C99, reentrant, no memory from the heap; link with libm.
 * void {name}_predict(const {real} *x, {real} *y): one sample of {inputs} numbers in,
 * {outputs} numbers out.
 */
#include <math.h>
#include <stddef.h>

#define {upper}_INPUTS {inputs}
#define {upper}_OUTPUTS {outputs}

typedef {real} R;
#define F(function) {call}

"""
_DENSE = """\
/* y[j] = sum over l of x[l] * w[l][j], plus b[j]: chains of {chunk} fused multiply-adds, joined by
 * a tree of neighbours. `parts` has room for all chains. */
static void dense(size_t n, size_t m, const R *x, const R *w, const R *b, R *parts, R *y) {{
  size_t chains = n ? (n + {chunk} - 1) / {chunk} : 1, c, i, j, l;
  for (c = 0; c < chains; ++c) {{
    R *sum = parts + c * m;
    const size_t end = n < (c + 1) * {chunk} ? n : (c + 1) * {chunk};
    for (j = 0; j < m; ++j) sum[j] = 0;
    for (l = c * {chunk}; l < end; ++l)
      for (j = 0; j < m; ++j) sum[j] = F(fma)(x[l], w[l * m + j], sum[j]);
  }}
  for (; chains > 1; chains = (chains + 1) / 2)
    for (i = 0; i < (chains + 1) / 2; ++i)
      for (j = 0; j < m; ++j)
        parts[i * m + j] = 2 * i + 1 < chains
            ? parts[2 * i * m + j] + parts[(2 * i + 1) * m + j]
            : parts[2 * i * m + j];
  for (j = 0; j < m; ++j) y[j] = b ? parts[j] + b[j] : parts[j];
}}

"""
_SOFTMAX = """\
static void softmax(size_t n, R *y) {
  R most = y[0], sum = 0;
  size_t i;
  for (i = 1; i < n; ++i) most = y[i] > most ? y[i] : most;
  for (i = 0; i < n; ++i) sum += y[i] = F(exp)(y[i] - most);
  for (i = 0; i < n; ++i) y[i] /= sum;
}

"""


class _Source:
    """What has been written so far, and where the numbers are."""

    def __init__(self, double: bool) -> None:
        self.double = double
        self.constants: list[str] = []
        self.functions: dict[str, str] = {}
        self.steps: list[str] = []
        self.parts = 1
        self.most = 1
        self.softmax = False

    def constant(self, name: str, value: Array) -> str:
        """Adds an array, digit by digit as it is, and returns its name."""
        unique = f"{name}_{len(self.constants)}"
        suffix = "" if self.double else "f"
        numbers = [_literal(float(item)) + suffix for item in value.ravel()]
        lines = [", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
        body = ",\n  ".join(lines)
        self.constants.append(f"static const R {unique}[{value.size}] = {{\n  {body}\n}};\n")
        return unique


def _literal(number: float) -> str:
    if number - number != 0.0:
        raise ValueError(f"export: weights must be finite for C. Received: {number}")
    return number.hex()


def encode(model: Sequential) -> bytes:
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
    source = _Source(model.dtype == "float64")
    inputs, outputs = _size(model.input_shape), _size(model.output_shape)
    source.most = max(inputs, outputs)
    for layer in model.layers:
        _write(source, layer)
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
    body = "\n".join(f"  {step}" for step in source.steps)
    predict = (
        f"void {name}_predict(const R *x, R *y);\n"
        f"void {name}_predict(const R *x, R *y) {{\n"
        f"  R a[{source.most}], b[{source.most}], parts[{source.parts}];\n"
        "  R *at = a, *next = b, *swap;\n  size_t i;\n"
        "  (void)parts; (void)next; (void)swap;\n"
        f"  for (i = 0; i < {inputs}; ++i) at[i] = x[i];\n{body}\n"
        f"  for (i = 0; i < {outputs}; ++i) y[i] = at[i];\n}}\n"
    )
    used = _DENSE.format(chunk=_CHUNK) if "dense(" in body else ""
    used += _SOFTMAX if source.softmax else ""
    functions = "".join(source.functions.values())
    text = header + "".join(source.constants) + "\n" + used + functions + predict
    return text.encode("ascii")


def _size(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([extent for extent in shape[1:] if extent is not None], dtype="int64"))


def _write(source: _Source, layer: Any) -> None:
    kind = type(layer).__name__
    if kind in _NOTHING:
        return
    size = _size(layer.output_shape)
    source.most = max(source.most, size)
    width = layer.output_shape[-1] if len(layer.output_shape) > 1 else 1
    if kind == "Dense":
        _dense(source, layer, size // width, width)
        _activation(source, activations.serialize(layer.activation), layer, size, width)
    elif kind == "Activation":
        _activation(source, activations.serialize(layer.activation), layer, size, width)
    elif kind in ("ReLU", "LeakyReLU", "ELU", "Softmax"):
        described = {"class_name": kind, "config": layer.get_config()}
        _activation(source, described, layer, size, width)
    else:
        raise NotImplementedError(
            "export: this layer cannot be written as C yet. "
            f"Received: layer '{layer.name}' of class {kind}"
        )


def _dense(source: _Source, layer: Any, rows: int, units: int) -> None:
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    depth = layer.input_shape[-1]
    kernel = source.constant("kernel", weights["kernel"])
    bias = source.constant("bias", weights["bias"]) if "bias" in weights else "NULL"
    source.parts = max(source.parts, units * max(1, -(-depth // _CHUNK)))
    source.steps.append(
        f"for (i = 0; i < {rows}; ++i) dense({depth}, {units}, at + i * {depth}, {kernel}, {bias}, "
        f"parts, next + i * {units});"
    )
    source.steps.append("swap = at; at = next; next = swap;")


def _activation(source: _Source, described: Any, layer: Any, size: int, width: int) -> None:
    kind = described if isinstance(described, str) else described["class_name"]
    if kind == "linear":
        return
    if kind in ("softmax", "Softmax"):
        source.softmax = True
        rows = size // width
        source.steps.append(f"for (i = 0; i < {rows}; ++i) softmax({width}, at + i * {width});")
        return
    expression = _EXPRESSIONS.get(kind)
    if not isinstance(described, str):
        expression = _of_layer(kind, described["config"], source.double)
    if expression is None:
        raise NotImplementedError(
            "export: this activation cannot be written as C yet. "
            f"Received: {kind} of layer '{layer.name}'"
        )
    if expression not in source.functions:
        name = f"function_{len(source.functions)}"
        text = f"/* {kind} */\nstatic R {name}(R x) {{ return {expression}; }}\n\n"
        source.functions[expression] = text
    name = f"function_{list(source.functions).index(expression)}"
    source.steps.append(f"for (i = 0; i < {size}; ++i) at[i] = {name}(at[i]);")


def _of_layer(kind: str, config: dict[str, Any], double: bool) -> str | None:
    def literal(value: float) -> str:
        rounded = value if double else float(np.float32(value))
        return f"(R){_literal(rounded)}"

    if kind == "LeakyReLU":
        return f"x > 0 ? x : {literal(config['negative_slope'])} * x"
    if kind == "ELU":
        return f"x > 0 ? x : {literal(config['alpha'])} * F(expm1)(x)"
    if kind == "ReLU" and not config["negative_slope"] and not config["threshold"]:
        if config["max_value"] is None:
            return _EXPRESSIONS["relu"]
        limit = literal(config["max_value"])
        return f"x > 0 ? (x < {limit} ? x : {limit}) : (x != x ? x : 0)"
    return None
