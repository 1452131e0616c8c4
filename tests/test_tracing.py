"""Python code as a graph: what can be traced, and what is said of code that cannot."""

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tracing import NotAGraphError, trace

X = KerasTensor((None, 4))


def test_layers_operators_and_functions_are_traced():
    dense, head = layers.Dense(5, "tanh"), layers.Dense(2)

    def call(x):
        for _ in range(2):
            x = dense(x)[:, :4] + ops.mean(x, axis=1, keepdims=True)
        return {"y": head(x), "x": x}

    function = trace(call, X)
    value = ops.array(np.arange(8.0, dtype="float32").reshape(2, 4) / 8)
    expected, result = call(value), function(value)
    for key in ("x", "y"):
        np.testing.assert_array_equal(result[key].numpy(), expected[key].numpy())
    assert dense.built and not dense._inbound_nodes and not head._inbound_nodes
    with pytest.raises(AttributeError, match="never been called"):
        _ = dense.output


def test_variables_are_read_when_the_graph_runs():
    scale = lamina.Variable([1.0, 2.0, 3.0, 4.0])
    function = trace(lambda x: x * scale, X)
    scale.assign([0.0, 0.0, 0.0, 1.0])
    assert function(ops.ones((1, 4))).numpy().tolist() == [[0.0, 0.0, 0.0, 1.0]]


RNG = np.random.default_rng(1)
COUNTER = iter(range(100))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: x if ops.sum(x) > 0 else -x, "boolean"),
        (lambda x: np.tanh(x), "TypeError"),
        (lambda x: np.asarray(x) * 2, "NumPy array"),
        (lambda x: list(x), "Iterating"),
        (lambda x: ops.ones((2, 2)), "does not depend on its inputs"),
        (lambda x: None, "does not depend on its inputs"),
        (lambda x: x + RNG.normal(size=4).astype("float32"), "arguments of 'add"),
        (lambda x: x * float(next(COUNTER)), "arguments of 'multiply"),
        (lambda x: x * 2.0 if next(COUNTER) % 2 else x + 2.0, "are called"),
        (lambda x: x * 2.0 if next(COUNTER) % 2 else x * 2.0 * 2.0, "calls and"),
        (lambda x: layers.Dense(3)(x), "are called"),
        (lambda x: ops.split(x, 2, axis=1)[next(COUNTER) % 2], "outputs"),
        (lambda x: x + X, "needs tensor"),
    ],
)
def test_what_is_no_graph_says_why(call, text):
    with pytest.raises(NotAGraphError, match=text):
        trace(call, X)
