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
