"""Layers that several models have: one value, whoever trains it."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

RNG = np.random.default_rng(8)
X = RNG.normal(size=(48, 6)).astype("float32")
Y = RNG.normal(size=(48, 3)).astype("float32")


def _base(dtype: str = "float32") -> Any:
    lamina.utils.set_random_seed(4)
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(8, "tanh", name="a", dtype=dtype),
            layers.BatchNormalization(name="norm", dtype=dtype),
            layers.Dense(3, name="b", dtype=dtype),
        ],
        name="base",
    )
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=16, verbose=0)
    return model


def _copy_of(model: Any, like: list[Any]) -> Any:
    """A model of its own with the same layers and weights."""
    made = [type(layer).from_config(layer.get_config()) for layer in like]
    copy = lamina.Sequential([lamina.Input((6,)), *made])
    copy.set_weights(model.get_weights())
    return copy


def _same(model: Any) -> bool:
    """Whether a model predicts as one of its own with the weights that it shows."""
    copy = _copy_of(model, model.layers)
    return bool(np.array_equal(model.predict(X, verbose=0), copy.predict(X, verbose=0)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_one_model_changes_the_other(dtype: str) -> None:
    base = _base(dtype)
    features = lamina.Sequential(base.layers[:-1])
    head = lamina.Sequential([*base.layers[:-1], layers.Dense(2, name="head", dtype=dtype)])
    before = features.predict(X, verbose=0)
    head.compile("adam", "mse")
    for _ in range(3):
        head.train_on_batch(X, Y[:, :2])
        base.train_on_batch(X, Y)
    after = features.predict(X, verbose=0)
    assert not np.array_equal(before, after)
    assert _same(base) and _same(head) and _same(features)
    for mine, other in zip(base.layers[:2], head.layers[:2], strict=True):
        assert mine is other
        for a, b in zip(base.get_weights()[:6], head.get_weights()[:6], strict=True):
            np.testing.assert_array_equal(a, b)


def test_turns_give_the_bits_of_one_model() -> None:
    """Two models of the same layers, trained in turns with plain SGD, are one."""
    base, alone = _base(), _base()
    twin = lamina.Sequential(base.layers)
    for model in (base, twin, alone):
        model.compile(lamina.optimizers.SGD(0.05), "mse")
    for i in range(6):
        (base, twin)[i % 2].train_on_batch(X, Y)
        alone.train_on_batch(X, Y)
    for a, b in zip(twin.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_frozen_base_stays_and_a_thawed_one_learns() -> None:
    base = _base()
    head = lamina.Sequential([*base.layers[:-1], layers.Dense(2, name="head")])
    for layer in base.layers[:-1]:
        layer.trainable = False
    head.compile("adam", "mse")
    before = base.get_weights()
    head.fit(X, Y[:, :2], verbose=0, epochs=2)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for layer in base.layers[:-1]:
        layer.trainable = True
    head.fit(X, Y[:, :2], verbose=0)
    assert not np.array_equal(before[0], base.get_weights()[0])
    np.testing.assert_array_equal(before[-2], base.get_weights()[-2])  # not in the head's model


def test_assignments_reach_all() -> None:
    base = _base()
    features = lamina.Sequential(base.layers[:1])
    features.predict(X, verbose=0)
    base.layers[0].kernel.assign(np.ones((6, 8)))
    base.set_weights([np.zeros_like(w) + 0.5 for w in base.get_weights()])
    assert _same(features)
    features.set_weights([w * 2 for w in features.get_weights()])
    assert np.all(base.get_weights()[0] == 1.0)
    assert _same(base)


def test_either_model_may_go() -> None:
    base = _base()
    head = lamina.Sequential([*base.layers[:-1], layers.Dense(2, name="head")])
    head.compile("sgd", "mse")
    head.train_on_batch(X, Y[:, :2])
    kernel = base.layers[0].kernel
    newest = kernel.numpy()
    del head
    gc.collect()
    np.testing.assert_array_equal(kernel.numpy(), newest)
    assert _same(base)
    other = lamina.Sequential([*base.layers[:-1], layers.Dense(2, name="head")])
    other.compile("sgd", "mse")
    base.train_on_batch(X, Y)
    newest = kernel.numpy()
    del base
    gc.collect()
    assert _same(other)
    np.testing.assert_array_equal(other.get_weights()[0], newest)
    other.train_on_batch(X, Y[:, :2])
    assert not np.array_equal(kernel.numpy(), newest)


def test_a_popped_layer_stays_in_the_other_model() -> None:
    base = _base()
    twin = lamina.Sequential(base.layers)
    twin.compile("sgd", "mse")
    twin.train_on_batch(X, Y)
    layer = twin.pop()
    base.train_on_batch(X, Y)
    np.testing.assert_array_equal(layer.kernel.numpy(), base.get_weights()[-2])
    assert _same(base)
    assert [w.shape for w in twin.get_weights()] == [w.shape for w in base.get_weights()[:-2]]
    twin.add(layers.Dense(1, name="new"))
    twin.compile("sgd", "mse")
    twin.train_on_batch(X, Y[:, :1])
    assert _same(base) and _same(twin)


def test_models_in_several_models_and_on_their_own() -> None:
    lamina.utils.set_random_seed(2)
    encoder = lamina.Sequential(
        [lamina.Input((6,)), layers.Dense(4, "tanh", name="code")], name="encoder"
    )
    decoder = lamina.Sequential([lamina.Input((4,)), layers.Dense(6)], name="decoder")
    whole = lamina.Sequential([encoder, decoder])
    classifier = lamina.Sequential([encoder, layers.Dense(3)])
    for model, targets in ((whole, X), (classifier, Y), (encoder, X[:, :4])):
        model.compile("adam", "mse")
        model.fit(X, targets, verbose=0)
        parts = decoder.predict(encoder.predict(X, verbose=0), verbose=0)
        np.testing.assert_array_equal(parts, whole.predict(X, verbose=0))
    assert whole.weights[0].path == "encoder/code/kernel"
    assert encoder.weights[0].path == "code/kernel"
    with pytest.raises(RuntimeError, match="part of"):
        encoder.add(layers.Dense(2))


def test_files_of_models_that_share(tmp_path: Path) -> None:
    base = _base()
    head = lamina.Sequential([base, layers.Dense(2, name="head")])
    head.compile("adam", "mse")
    head.fit(X, Y[:, :2], verbose=0)
    for name, model in (("base", base), ("head", head)):
        model.save(tmp_path / f"{name}.safetensors")
        again = lamina.saving.load_model(tmp_path / f"{name}.safetensors")
        np.testing.assert_array_equal(
            again.predict(X, verbose=0), model.predict(X, verbose=0), err_msg=name
        )
        model.save_weights(tmp_path / f"{name}.weights")
        again.load_weights(tmp_path / f"{name}.weights")
        targets = Y if name == "base" else Y[:, :2]
        copies = [m.train_on_batch(X, targets) for m in (again, model)]
        assert copies[0] == copies[1]
        for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


def test_a_callback_may_use_the_other_model() -> None:
    base = _base()
    features = lamina.Sequential(base.layers[:-1])
    seen = []

    class Look(lamina.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(features.predict(X[:1], verbose=0))
            assert np.array_equal(features.layers[0].kernel.numpy(), base.get_weights()[0])

    base.fit(X, Y, batch_size=16, verbose=0, callbacks=[Look()])
    assert len({answer.tobytes() for answer in seen}) == len(seen) == 3


def test_threads_see_whole_weights() -> None:
    """Each answer is that of some state between two steps, never of half a change."""
    lamina.utils.set_random_seed(1)
    one = lamina.Sequential([lamina.Input((4,)), layers.Dense(256, use_bias=False, name="a")])
    two = lamina.Sequential(one.layers)
    one.set_weights([np.zeros((4, 256))])
    two.compile(lamina.optimizers.SGD(1.0), "mse")
    x, y = np.ones((8, 4), "float32"), np.full((8, 256), 1e6, "float32")
    stop = threading.Event()
    torn = []

    def look() -> None:
        while not stop.is_set():
            row = one(x[:1])[0]
            if len(set(row.tolist())) != 1:
                torn.append(row)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        two.train_on_batch(x, y)
    stop.set()
    for thread in threads:
        thread.join()
    assert not torn
    np.testing.assert_array_equal(one(x), two(x))


def test_a_layer_twice_in_one_model_is_an_error() -> None:
    base = _base()
    with pytest.raises(ValueError, match="only once"):
        lamina.Sequential([base, layers.Dense(6, name="between"), base.layers[0]])
    layer = layers.Dense(4)
    with pytest.raises(ValueError, match="only once"):
        lamina.Sequential([lamina.Input((4,)), layer, layer])
    with pytest.raises(ValueError, match="was built for samples"):
        lamina.Sequential([lamina.Input((5,)), base.layers[0]])


def test_the_core_refuses_what_cannot_be_one() -> None:
    def network(units: int, dtype: str = "float32") -> Any:
        made = lamina._core.Network((3,), dtype)
        made.add_dense(units, True, lamina._core.Activation("linear"))
        return made

    a, b = network(2), network(2)
    b.share_parameter(0, a, 0)
    assert a.shares_parameter(0) and b.shares_parameter(0) and not a.shares_parameter(1)
    with pytest.raises(ValueError, match="shared already"):
        b.share_parameter(0, network(2), 0)
    with pytest.raises(ValueError, match="with itself"):
        a.share_parameter(0, a, 0)
    for other in (network(4), network(2, "float64")):
        with pytest.raises(ValueError, match="one shape and type"):
            a.share_parameter(1, other, 1)
    with pytest.raises(ValueError, match="parameters"):
        a.share_parameter(7, b, 0)
    a.set_parameter(0, np.ones((3, 2), "float32"))
    del a
    np.testing.assert_array_equal(b.get_parameter(0), np.ones((3, 2)))


def test_models_planned_in_several_threads_are_linked() -> None:
    for _ in range(10):
        shared = layers.Dense(8, name="shared")
        models = [
            lamina.Sequential([lamina.Input((6,)), shared, layers.Dense(2)]) for _ in range(4)
        ]
        start = threading.Barrier(len(models))

        def plan(model: Any, start: threading.Barrier = start) -> None:
            start.wait()
            model.predict(X, verbose=0)

        threads = [threading.Thread(target=plan, args=(model,)) for model in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        models[0].compile("sgd", "mse")
        models[0].train_on_batch(X, Y[:, :2])
        assert all(_same(model) for model in models)
        assert len({model.get_weights()[0].tobytes() for model in models}) == 1
