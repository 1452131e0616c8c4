"""What custom layers hold: layers, metrics and seed generators among their attributes."""

import collections
import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops

X = np.ones((2, 3), "f")


class Chain(layers.Layer):
    """Calls whatever layers it holds, one after the other."""

    def call(self, inputs: Any) -> Any:
        for child in self._children():
            inputs = child(inputs)
        return inputs


def dense(name: str) -> Any:
    return layers.Dense(3, name=name, kernel_initializer="ones")


def names(layer: Any) -> list[str]:
    return [child.name for child in layer._children()]


def test_layers_in_nests_of_containers_are_found_in_the_order_of_attributes() -> None:
    pair = collections.namedtuple("pair", "left right")
    layer = Chain()
    layer.first = dense("a")
    layer.nest = {"x": [dense("b"), (dense("c"), {"y": dense("d")})], "z": None}
    layer.named = pair(dense("e"), 1)
    layer.again = layer.first
    layer.last = dense("f")
    assert names(layer) == ["a", "b", "c", "d", "e", "f"]
    layer(X)
    assert [v.path.split("/", 1)[1] for v in layer.weights[::2]] == [
        f"{n}/kernel" for n in "abcdef"
    ]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda layer: layer.blocks.append(dense("z")), "abz"),
        (lambda layer: layer.blocks.pop(), "a"),
        (lambda layer: layer.blocks.__setitem__(0, dense("z")), "zb"),
        (lambda layer: layer.blocks.reverse(), "ba"),
        (lambda layer: layer.table.__setitem__("k", dense("z")), "abz"),
        (lambda layer: layer.inner[0].append(dense("z")), "abz"),
        (lambda layer: setattr(layer, "blocks", None), ""),
        (lambda layer: delattr(layer, "blocks"), ""),
        (lambda layer: setattr(layer, "blocks", dense("z")), "z"),
    ],
)
def test_changes_of_containers_and_attributes_are_noticed(change: Any, left: str) -> None:
    layer = Chain()
    layer.blocks = [dense("a"), dense("b")]
    layer.table = {}
    layer.inner = ([],)
    before = layer._children()
    assert names(layer) == ["a", "b"]
    change(layer)
    assert names(layer) == list(left)
    for child in before:
        assert (layer in child._parents()) == (child.name in left)


def test_an_alias_of_a_list_is_the_list() -> None:
    layer, blocks = Chain(), [dense("a")]
    layer.blocks = blocks
    assert layer.blocks is blocks and names(layer) == ["a"]
    blocks.append(dense("b"))
    assert names(layer) == ["a", "b"]


def test_data_are_not_searched_again_and_again() -> None:
    layer = Chain()
    layer.data = list(range(100_000))
    assert names(layer) == []
    assert layer._tracker._containers == []
    layer.few = [None] * 3
    assert names(layer) == []
    layer.few[1] = dense("a")
    assert names(layer) == ["a"]


def test_lists_that_hold_themselves() -> None:
    layer, ring = Chain(), [dense("a")]
    ring.append(ring)  # type: ignore[arg-type]
    layer.ring = ring
    assert names(layer) == ["a"]


def test_what_a_layer_is_in_is_no_part_of_it() -> None:
    outer, inner = Chain(), Chain()
    outer.inner = inner
    inner.around = outer
    inner.work = dense("a")
    assert names(outer) == [inner.name]
    assert names(inner) == ["a"]
    outer(X)
    assert [v.shape for v in outer.weights] == [(3, 3), (3,)]


def test_parents_are_weak() -> None:
    layer, child = Chain(), dense("a")
    layer.child = child
    assert names(layer) == ["a"] and child._parents() == [layer]
    reference = weakref.ref(layer)
    del layer
    gc.collect()
    assert reference() is None and child._parents() == []


def test_freezing_a_part_reaches_the_model() -> None:
    layer = Chain()
    layer.blocks = [dense("a")]
    model = lamina.Sequential([lamina.Input((3,)), layer, layers.Dense(1)])
    model.compile("adam", "mse")
    model.train_on_batch(X, np.ones((2, 1)))
    layer.blocks[0].trainable = False
    before = layer.get_weights()
    model.train_on_batch(X, np.ones((2, 1)))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_is_built_up_inside_of_a_layer() -> None:
    class Holder(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inside = lamina.Sequential()
            for width in (4, 2):
                self.inside.add(layers.Dense(width))

        def call(self, inputs: Any) -> Any:
            return self.inside(inputs)

    layer = Holder()
    assert layer(X).shape == (2, 2)
    assert len(layer.weights) == 4 and layer.inside in layer._children()


class Weighted(layers.Layer):
    """Has a weight made in `build`."""

    builds = 0

    def build(self, input_shape: Any) -> None:
        self.builds += 1
        self.seen = input_shape
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


def test_build_by_hand_builds() -> None:
    layer = Weighted()
    assert not layer.built
    layer.build((None, 3))
    assert layer.built and layer.seen == (None, 3) and layer.input_shape == (None, 3)
    layer(X)
    layer.build((None, 3))
    assert layer.builds == 1 and len(layer.weights) == 1
    with pytest.raises(ValueError, match=r"was built for samples of shape \(3,\)"):
        layer.build((None, 4))


def test_built_can_be_set() -> None:
    class Ready(Weighted):
        def __init__(self) -> None:
            super().__init__()
            self.factor = self.add_weight(shape=(3,), initializer="ones", name="factor")
            self.built = True

    ready = Ready()
    assert ready.built
    ready(X)
    assert ready.builds == 0

    layer = Weighted()
    layer.build((None, 3))
    layer.built = False
    assert not layer.built
    layer(np.ones((2, 5), "f"))
    assert layer.builds == 2 and layer.factor.shape == (5,)


def test_a_failing_build_leaves_the_layer_as_it_was() -> None:
    class Failing(Weighted):
        fails = True

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            if self.fails:
                raise RuntimeError("no")

    layer = Failing()
    with pytest.raises(RuntimeError, match="no"):
        layer.build((None, 3))
    assert not layer.built and layer.weights == []
    layer.fails = False
    layer(X)
    assert layer.built and len(layer.weights) == 1


def test_builds_of_subclasses_call_each_other() -> None:
    class More(Weighted):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.offset = self.add_weight(shape=(), initializer="zeros", name="offset")

    layer = More()
    layer.build((None, 3))
    assert layer.built and [v.name for v in layer.weights] == ["factor", "offset"]


def test_several_inputs_give_build_their_shapes() -> None:
    class Two(Weighted):
        def build(self, input_shape: Any) -> None:
            self.seen = input_shape

        def call(self, inputs: Any) -> Any:
            values = inputs.values() if isinstance(inputs, dict) else inputs
            return sum((ops.sum(v) for v in values), 0.0)

    layer = Two()
    layer([X, np.ones((2, 5), "f")])
    assert layer.seen == [(None, 3), (None, 5)]
    layer = Two()
    layer({"a": X, "b": np.ones((2, 4, 5), "f")})
    assert layer.seen == {"a": (None, 3), "b": (None, 4, 5)}


class Tuned(layers.Layer):
    """Variables as attributes, beside a weight."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gain = lamina.Variable(np.ones(3, "f"), name="gain")
        self.shifts = [lamina.Variable(np.zeros(3, "f"), name="shift") for _ in range(2)]
        self.calls = lamina.Variable(0, trainable=False, name="calls")

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1)
        return inputs * self.gain * self.scale + self.shifts[0] + self.shifts[1]


def test_variables_as_attributes_are_weights() -> None:
    layer = Tuned(name="tuned")
    assert [v.name for v in layer.weights] == ["gain", "shift", "shift", "calls"]
    layer(X)
    assert layer.weights[0].path == "tuned/gain" and len(layer.weights) == 5
    assert len(layer.trainable_weights) == 4 and int(layer.calls) == 1
    layer.shifts.pop()
    assert len(layer.weights) == 4
    layer.gain = lamina.Variable(np.full(3, 2.0, "f"), name="other")
    assert [v.name for v in layer.weights] == ["shift", "calls", "scale", "other"]
    layer.trainable = False
    assert layer.trainable_weights == []
    with pytest.raises(ValueError, match="must be of that type"):
        Tuned(dtype="float64").weights  # noqa: B018


def test_variables_as_attributes_are_trained() -> None:
    layer = Tuned()
    model = lamina.Sequential([lamina.Input((3,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    before = [v.numpy() for v in layer.trainable_weights]
    model.fit(X, np.full((2, 1), 5.0), epochs=2, verbose=0)
    for a, v in zip(before, layer.trainable_weights, strict=True):
        assert (a != v.numpy()).any(), v.path
    frozen = layer.gain.numpy()
    layer.trainable = False
    model.fit(X, np.full((2, 1), 5.0), epochs=1, verbose=0)
    np.testing.assert_array_equal(frozen, layer.gain)


def test_a_weight_of_another_layer_is_one_weight() -> None:
    class Tied(layers.Layer):
        def __init__(self, other: Any) -> None:
            super().__init__(name="tied")
            self.kernel = other.kernel

        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs, ops.transpose(self.kernel))

    encoder = layers.Dense(2, name="encoder", use_bias=False)
    encoder.build((None, 3))
    model = lamina.Sequential([lamina.Input((3,)), encoder, Tied(encoder)])
    assert len(model.weights) == 1 and model.weights[0].path == "encoder/kernel"
    model.compile("sgd", "mse")
    before = encoder.kernel.numpy()
    model.fit(X, X, epochs=1, verbose=0)
    assert (before != encoder.kernel.numpy()).any()


@pytest.mark.parametrize("in_a_model", [False, True])
def test_a_built_in_layer_with_a_custom_build(in_a_model: bool) -> None:
    class Noted(layers.Dense):
        def build(self, input_shape: Any) -> None:
            self.before = self.built
            super().build(input_shape)
            self.seen = tuple(input_shape)

    layer = Noted(2)
    if in_a_model:
        lamina.Sequential([lamina.Input((3,)), layer]).predict(X, verbose=0)
    else:
        layer.build((None, 3))
    assert (layer.before, layer.built, layer.seen) == (False, True, (None, 3))
    assert [v.shape for v in layer.weights] == [(3, 2), (2,)]
    assert layer(X).shape == (2, 2)
