"""Graphs of layers: what calls on symbolic tensors record, and that it runs as written by hand."""

import copy

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph import tree
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import node_of

RNG = np.random.default_rng(11)


def numbers(*shape):
    return ops.array(RNG.normal(size=shape).astype("float32"))


class Gate(layers.Layer):
    """A custom layer of two inputs with layers and a weight of its own."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.inner = layers.Dense(units, activation="tanh")

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x, other=None, training=False):
        hidden = self.inner(x)
        return hidden * self.scale if other is None else hidden * self.scale + other


def diamond():
    x = lamina.Input((4,))
    first, left, right = layers.Dense(5, "tanh"), layers.Dense(3, "relu"), layers.Dense(3, "gelu")

    def by_hand(x):
        h = first(x)
        return left(h) + right(h)

    return x, by_hand, [first, left, right]


def shared():
    x = [lamina.Input((4,)), lamina.Input((4,))]
    tower, head = layers.Dense(6, "tanh"), layers.Dense(1)

    def by_hand(x):
        return head(layers.concatenate([tower(x[0]), tower(x[1])]))

    return x, by_hand, [tower, head]


def twice():
    x = lamina.Input((4,))
    layer = layers.Dense(4, "tanh")
    return x, lambda x: layer(layer(layer(x))), [layer]


def two_towers():
    x = {"user": lamina.Input((4,)), "item": lamina.Input((6,))}
    users, items = layers.Dense(8, "relu"), layers.Dense(8, "relu")

    def by_hand(x):
        return layers.dot([users(x["user"]), items(x["item"])], axes=1, normalize=True)

    return x, by_hand, [users, items]


def several_outputs():
    x = lamina.Input((4,))
    trunk, actor, critic = layers.Dense(8, "tanh"), layers.Dense(3, "softmax"), layers.Dense(1)

    def by_hand(x):
        h = trunk(x)
        return {"actor": actor(h), "value": (critic(h), h)}

    return x, by_hand, [trunk, actor, critic]


def with_ops():
    x = [lamina.Input((4,)), (lamina.Input((4,)), lamina.Input((2, 3)))]
    dense = layers.Dense(4)

    def by_hand(x):
        a, (b, c) = x
        h = dense(a * 2.0 - b)
        flat = ops.reshape(c, (-1, 6))
        parts = ops.split(flat, 2, axis=1)
        joined = ops.concatenate([h, parts[0], parts[1][:, ::2]], axis=-1)
        scaled = ops.where(joined > 0, joined, 0.1 * joined)
        return scaled / (1.0 + ops.mean(ops.abs(scaled), axis=1, keepdims=True)), ops.max(
            h @ ops.transpose(h)
        )

    return x, by_hand, [dense]


def normalized():
    x = lamina.Input((4,))
    norm, dense, drop = layers.LayerNormalization(), layers.Dense(4), layers.Dropout(0.5)
    return x, lambda x: x + drop(dense(norm(x))), [norm, dense]


def custom():
    x = [lamina.Input((4,)), lamina.Input((5,))]
    gate, out = Gate(5), layers.Dense(2)
    return x, lambda x: out(gate(x[0], other=x[1])), [gate, out]


GRAPHS = [
    diamond, shared, twice, two_towers, several_outputs, with_ops, normalized, custom,
]  # fmt: skip


@pytest.mark.parametrize("make", GRAPHS)
def test_a_function_gives_the_bits_and_gradients_of_its_calls_by_hand(make):
    inputs, by_hand, parts = make()
    function = Function(inputs, by_hand(inputs))
    values = tree.map_structure(lambda t: numbers(7, *t.shape[1:]), inputs)
    variables = [v for part in parts for v in part.trainable_variables]
    assert variables

    def loss(outputs):
        return sum(ops.sum(ops.square(y)) for y in tree.flatten(outputs))

    with lamina.GradientTape() as tape:
        expected = by_hand(values)
        total = loss(expected)
    gradients = tape.gradient(total, variables)
    with lamina.GradientTape() as tape:
        results = function(values)
        total = loss(results)
    again = tape.gradient(total, variables)
    pairs = zip(tree.flatten(expected), tree.flatten(results), strict=True)
    for one, other in (*pairs, *zip(gradients, again, strict=True)):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), strict=True)
    specs = zip(tree.flatten(results), function.outputs, strict=True)
    assert all(y.dtype == s.dtype and tuple(y.shape[1:]) == s.shape[1:] for y, s in specs)
    assert type(results) is type(expected)


def test_names_of_keras_and_the_order_of_layers():
    lamina.backend.clear_session()
    a, b = lamina.Input((4,), name="a"), lamina.Input((4,), name="b")
    x = layers.Dense(3, name="x")(a)
    y = layers.Dense(3, name="y")(b)
    y2 = layers.Dense(3, name="y2")(y)
    out = layers.Add(name="out")([x, y2])
    function = Function([a, b], [out, x])
    assert [op.name for op in function.operations] == ["b", "a", "y", "x", "y2", "out"]
    assert function.connected_to(node_of(out)) == ["x[0][0]", "y2[0][0]"]
    unused = Function([a, b], x)
    assert [op.name for op in unused.operations] == ["a", "x", "b"] or [
        op.name for op in unused.operations
    ] == ["a", "b", "x"]


def test_a_shared_layer_has_a_node_for_each_call():
    x, y = lamina.Input((4,)), lamina.Input((4,))
    layer = layers.Dense(3)
    first, second = layer(x), layer(y)
    assert len(layer._inbound_nodes) == 2 and len(layer.weights) == 2
    assert layer.input is x and layer.output is first
    assert node_of(second).inputs == [y]
    function = Function(y, second)
    assert function.nodes_of(layer) == [node_of(second)]
    assert [node.operation for node in function.calls] == [layer]


def test_a_layer_without_a_call_has_no_tensors():
    layer = layers.Dense(3)
    with pytest.raises(AttributeError, match="never been called"):
        _ = layer.input
    layer(np.ones((1, 2)))
    with pytest.raises(AttributeError, match="never been called"):
        _ = layer.output


def test_shapes_are_inferred_and_layers_built():
    x = lamina.Input((4, 3), batch_size=5)
    dense = layers.Dense(7, dtype="float64")
    y = dense(layers.Flatten()(x))
    assert y.shape == (5, 7) and y.dtype == "float64"
    assert dense.built and dense.kernel.shape == (12, 7)
    assert layers.Embedding(10, 6)(lamina.Input((3,), dtype="int32")).shape == (None, 3, 6)
    with pytest.raises(ValueError, match="was built for samples"):
        dense(lamina.Input((3,)))
    gate = Gate(5)
    assert gate(lamina.Input((4,))).shape == (None, 5)
    assert len(gate.weights) == 3


def test_custom_layers_of_nests():
    class Split(layers.Layer):
        def call(self, inputs):
            total = inputs["a"] + inputs["b"]
            return {"sum": total, "parts": [total[:, :1], total[:, 1:]]}

    inputs = {"a": lamina.Input((3,)), "b": lamina.Input((3,))}
    outputs = Split()(inputs)
    assert outputs["sum"].shape == (None, 3)
    assert [part.shape for part in outputs["parts"]] == [(None, 1), (None, 2)]
    function = Function(inputs, outputs)
    values = {"a": numbers(2, 3), "b": numbers(2, 3)}
    result = function(values)
    np.testing.assert_array_equal(result["sum"].numpy(), (values["a"] + values["b"]).numpy())

    class Shaped(layers.Layer):
        def compute_output_shape(self, input_shape):
            return [input_shape[0], input_shape[1]]

        def call(self, inputs):
            return [np.asarray(x) * 2 for x in inputs]  # not with symbolic tensors

    assert [y.shape for y in Shaped()([inputs["a"], inputs["b"]])] == [(None, 3)] * 2


def test_training_is_handed_on():
    x = lamina.Input((1000,))
    dropped = Function(x, layers.Dropout(0.5)(x, training=True))
    assert (dropped(ops.ones((1, 1000))).numpy() == 0).mean() > 0.3
    kept = Function(x, layers.Dropout(0.5)(x))
    assert (kept(ops.ones((1, 1000))).numpy() == 1).all()


def test_preprocessing_layers_are_part_of_a_graph():
    word, number = lamina.Input((1,), dtype="string"), lamina.Input((2,))
    lookup = layers.StringLookup(vocabulary=["red", "green"], output_mode="one_hot")
    normalization = layers.Normalization(mean=1.0, variance=4.0)
    joined = layers.concatenate([lookup(word), normalization(number)])
    assert joined.shape == (None, 5)
    codes = layers.StringLookup(vocabulary=["red", "green"])(word)
    assert codes.dtype == "int64" and layers.Embedding(3, 4)(codes).shape == (None, 1, 4)
    assert layers.Hashing(3)(word).dtype == "int64"
    assert layers.StringLookup(vocabulary=["red"], invert=True)(codes).dtype == "string"
    assert layers.CategoryEncoding(3)(codes).shape == (None, 3)
    assert layers.HashedCrossing(5)([word, word]).shape == (None, 1)
    assert layers.Discretization([0.0, 1.0])(number).shape == (None, 2)
    result = Function([word, number], joined)([np.array([["green"]]), numbers(1, 2)])
    assert np.asarray(result)[0, :3].tolist() == [0, 0, 1]


def test_inputs_in_the_middle_and_outputs_in_between():
    x = lamina.Input((4,))
    first, second = layers.Dense(3, "tanh"), layers.Dense(2)
    h = first(x)
    y = second(h)
    encoder, decoder = Function(x, h), Function(h, y)
    value = numbers(3, 4)
    whole = Function(x, y)(value).numpy()
    np.testing.assert_array_equal(decoder(encoder(value)).numpy(), whole)
    both = Function(x, [h, y, x])(value)
    np.testing.assert_array_equal(both[1].numpy(), whole)
    np.testing.assert_array_equal(both[2].numpy(), value.numpy())


def test_functions_are_operations():
    x = lamina.Input((4,))
    inner = Function(x, layers.Dense(3)(x))
    a, b = lamina.Input((4,)), lamina.Input((4,), batch_size=8)
    assert inner(a).shape == (None, 3) and inner(b).shape == (8, 3)
    outer = Function(a, inner(a) * 2.0)
    value = numbers(2, 4)
    np.testing.assert_array_equal(outer(value).numpy(), (inner(value) * 2.0).numpy())


def test_a_graph_of_thousands_of_calls():
    x = lamina.Input((2,))
    y = x
    for _ in range(3000):
        y = y + 1.0
    assert Function(x, y)(ops.zeros((1, 2))).numpy().tolist() == [[3000.0, 3000.0]]


def test_run_with_another_call():
    x = lamina.Input((4,))
    function = Function(x, layers.Dense(3, name="last")(x * 2.0))
    seen = []

    def call(node, args, kwargs):
        seen.append(node.operation.name)
        return node.operation(*args, **kwargs)

    function.run([numbers(1, 4)], call)
    assert seen[1] == "last" and len(seen) == 2


def test_copies_of_a_layer_have_no_calls():
    x = lamina.Input((4,))
    layer = layers.Dense(3)
    layer(x)
    assert not copy.deepcopy(layer)._inbound_nodes
    assert len(layer._inbound_nodes) == 1


def test_input_is_a_symbolic_tensor():
    x = lamina.Input(shape=(3,), batch_size=2, dtype="int32", name="codes")
    assert isinstance(x, KerasTensor) and isinstance(x, lamina.KerasTensor)
    assert (x.shape, x.dtype, x.name) == ((2, 3), "int32", "codes")
    layer = x._keras_history.operation
    assert isinstance(layer, lamina.InputLayer) and layer.output is x and layer.name == "codes"
    assert lamina.Input(batch_shape=(None, 5)).shape == (None, 5)
    assert lamina.Input(()).shape == (None,)
    y = x + 1
    again = lamina.Input(tensor=y)
    assert again is y and isinstance(y._keras_history.operation, lamina.InputLayer)
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(2)])
    assert model.built and model.output_shape == (None, 2)


X = lamina.Input((4,), name="x")
OTHER = lamina.Input((4,), name="other")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Function(X, OTHER + 1.0), ValueError, "needs input 'other'"),
        (lambda: Function([X], [X + 1.0, OTHER]), ValueError, "path `1` is not connected"),
        (lambda: Function(X, [X, KerasTensor((None, 2))]), ValueError, "not connected"),
        (lambda: Function([], X), ValueError, "cannot be empty"),
        (lambda: Function(X, []), ValueError, "cannot be empty"),
        (lambda: Function([X, X], X + 1.0), ValueError, "different tensors"),
        (lambda: Function(X, np.ones(3)), TypeError, "must be KerasTensors"),
        (lambda: Function([X, OTHER], X + OTHER)(numbers(1, 4)), ValueError, "takes 2 inputs"),
        (lambda: layers.Dense(2)([X, OTHER]), ValueError, "expected 1 input"),
        (lambda: layers.Dense(2)(KerasTensor((None, None))), ValueError, "every extent"),
        (lambda: layers.Dense(2)(KerasTensor(())), ValueError, "batch axis"),
        (lambda: layers.Dense(2)(X, mask=None), TypeError, "mask"),
        (lambda: Gate(3)(X, other=OTHER), ValueError, "Gate"),
        (lambda: lamina.Input((4,), dtype="int32", tensor=X), ValueError, "`dtype`"),
    ],
)
def test_wrong_graphs_are_clear_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
