"""Layers against Keras 3: outputs, and ten steps of training from the same weights.

Runs where Keras 3 is installed (backend jax or tensorflow), and is skipped elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina

keras = pytest.importorskip("keras", reason="Keras 3 is not installed")
if int(keras.__version__.split(".")[0]) < 3:
    pytest.skip("Keras 3 is not installed", allow_module_level=True)

# What Keras and its backend warn of is none of lamina's.
pytestmark = pytest.mark.filterwarnings("ignore")

VECTOR, MATRIX = (8,), (3, 4)
Build = Callable[[Any], Any]

#: Each builds a layer from either library; the shape of its samples.
# (Not sparsemax: Keras 3.15 subtracts the sum of all partial sums, so that its results do not add
# up to 1 where more than one of them is positive.)
LAYERS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "batch": (lambda k: k.layers.BatchNormalization(), VECTOR),
    "batch momentum": (
        lambda k: k.layers.BatchNormalization(momentum=0.5, epsilon=0.01, scale=False),
        MATRIX,
    ),
    "batch axis": (lambda k: k.layers.BatchNormalization(axis=1), MATRIX),
    "batch renorm": (
        lambda k: k.layers.BatchNormalization(momentum=0.7, renorm=True, renorm_momentum=0.6),
        VECTOR,
    ),
    "batch renorm clipped": (
        lambda k: k.layers.BatchNormalization(
            axis=1,
            scale=False,
            renorm=True,
            renorm_clipping={"rmin": 0.5, "rmax": 1.5, "dmax": 0.5},
            renorm_momentum=0.8,
        ),
        MATRIX,
    ),
    "batch renorm bare": (
        lambda k: k.layers.BatchNormalization(
            center=False, renorm=True, renorm_clipping={"rmax": 2.0, "dmax": 1.0}
        ),
        MATRIX,
    ),
    "batch renorm frozen": (
        lambda k: k.layers.BatchNormalization(renorm=True, trainable=False),
        VECTOR,
    ),
    "batch frozen": (lambda k: k.layers.BatchNormalization(trainable=False), VECTOR),
    "layer": (lambda k: k.layers.LayerNormalization(), VECTOR),
    "layer axes": (lambda k: k.layers.LayerNormalization(axis=[1, 2], center=False), MATRIX),
    "rms": (lambda k: k.layers.RMSNormalization(), MATRIX),
    "unit": (lambda k: k.layers.UnitNormalization(), VECTOR),
    "group": (lambda k: k.layers.GroupNormalization(groups=2), VECTOR),
    "group matrix": (lambda k: k.layers.GroupNormalization(groups=2), MATRIX),
    "group instance": (lambda k: k.layers.GroupNormalization(groups=-1), MATRIX),
    "prelu": (lambda k: k.layers.PReLU(alpha_initializer="ones"), MATRIX),
    "prelu shared": (lambda k: k.layers.PReLU("ones", shared_axes=[1]), MATRIX),
    "relu": (lambda k: k.layers.ReLU(1.0, 0.1, 0.2), VECTOR),
    "leaky": (lambda k: k.layers.LeakyReLU(0.2), VECTOR),
    "elu": (lambda k: k.layers.ELU(0.5), VECTOR),
    "softmax": (lambda k: k.layers.Softmax(), VECTOR),
    "softmax axis": (lambda k: k.layers.Softmax(axis=1), MATRIX),
    "activity": (lambda k: k.layers.ActivityRegularization(l1=0.01, l2=0.02), VECTOR),
    "reshape": (lambda k: k.layers.Reshape((2, -1)), VECTOR),
    "permute": (lambda k: k.layers.Permute((2, 1)), MATRIX),
    "repeat": (lambda k: k.layers.RepeatVector(3), VECTOR),
    "rescaling": (lambda k: k.layers.Rescaling(0.5, offset=1.0), VECTOR),
    "normalization": (
        lambda k: k.layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[4.0, 1.0, 2.0, 9.0]),
        MATRIX,
    ),
    "identity": (lambda k: k.layers.Identity(), VECTOR),
    "penalties": (
        lambda k: k.layers.Dense(
            5,
            "relu",
            kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
            bias_regularizer="l1",
            activity_regularizer=k.regularizers.L2(0.03),
        ),
        VECTOR,
    ),
    "max norm": (lambda k: k.layers.Dense(5, kernel_constraint=k.constraints.MaxNorm(0.8)), VECTOR),
    "min max norm": (
        lambda k: k.layers.Dense(
            5, kernel_constraint=k.constraints.MinMaxNorm(0.5, 0.9, rate=0.5, axis=[0, 1])
        ),
        VECTOR,
    ),
    "non neg": (lambda k: k.layers.Dense(5, bias_constraint="non_neg"), VECTOR),
    "unit norm": (
        lambda k: k.layers.Dense(5, kernel_constraint=k.constraints.UnitNorm(axis=1)),
        VECTOR,
    ),
    "nested": (
        lambda k: k.Sequential(
            [k.layers.Dense(8, "tanh"), k.layers.BatchNormalization(), k.layers.Dense(4)]
        ),
        VECTOR,
    ),
}
NAMES = """
    relu6 selu softsign hard_sigmoid mish log_softmax hard_silu celu log_sigmoid
    hard_tanh hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid squareplus
    softplus silu gelu tanh sigmoid elu leaky_relu swish hard_swish
"""
for _name in NAMES.split():
    LAYERS[_name] = (lambda k, name=_name: k.layers.Activation(name), VECTOR)


def _pair(build: Build, shape: tuple[int, ...]) -> tuple[Any, Any]:
    models = []
    for library in (keras, lamina):
        model = library.Sequential(
            [
                library.Input((5,)),
                library.layers.Dense(int(np.prod(shape))),
                library.layers.Reshape(shape),
                build(library),
                library.layers.Flatten(),
                library.layers.Dense(3),
            ]
        )
        model.compile(library.optimizers.SGD(0.05, momentum=0.9), "mse")
        models.append(model)
    rng = np.random.default_rng(11)
    weights = [
        np.abs(rng.normal(size=v.shape)) if "variance" in v.path else rng.normal(size=v.shape) / 2
        for v in models[1].weights
    ]
    for place, variable in enumerate(models[1].weights):
        if "stddev" in variable.path:  # not so small that steps grow beyond all bounds
            weights[place] = rng.uniform(1.0, 2.0, size=variable.shape)
    for model in models:
        assert [tuple(v.shape) for v in model.weights] == [w.shape for w in weights]
        model.set_weights(weights)
    return models[0], models[1]


def _close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    scale = max(1e-3, float(np.abs(theirs).max())) if theirs.size else 1.0
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max(initial=0.0) <= tolerance * scale


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_outputs_and_ten_steps(name: str) -> None:
    theirs, ours = _pair(*LAYERS[name])
    assert [v.path.split("/")[-1] for v in ours.trainable_weights] == [
        v.path.split("/")[-1] for v in theirs.trainable_weights
    ]
    assert ours.count_params() == theirs.count_params()
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.normal(size=(20, 3)).astype("float32")
    _close(ours(x), theirs(x))
    for _ in range(10):
        _close(ours.train_on_batch(x, y), theirs.train_on_batch(x, y))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        _close(mine, other)
    _close(ours.test_on_batch(x, y), theirs.test_on_batch(x, y))


def test_embedding() -> None:
    rng = np.random.default_rng(13)
    x, y = rng.integers(0, 7, (20, 4)), rng.normal(size=(20, 2)).astype("float32")
    models = []
    for library in (keras, lamina):
        model = library.Sequential(
            [
                library.Input((4,)),
                library.layers.Embedding(7, 3, embeddings_regularizer="l2"),
                library.layers.Flatten(),
                library.layers.Dense(2),
            ]
        )
        model.compile(library.optimizers.SGD(0.1), "mse")
        models.append(model)
    models[1].set_weights(models[0].get_weights())
    for _ in range(10):
        _close(models[1].train_on_batch(x, y), models[0].train_on_batch(x, y))
    for mine, other in zip(models[1].get_weights(), models[0].get_weights(), strict=True):
        _close(mine, other)


def test_configurations_of_keras_are_read() -> None:
    for build, _ in LAYERS.values():
        theirs, ours = build(keras), build(lamina)
        if isinstance(theirs, keras.Sequential):
            continue
        config = theirs.get_config()
        again = type(ours).from_config(config)
        mine = again.get_config()
        for key, value in ours.get_config().items():
            if key != "name" and not isinstance(value, dict):
                assert mine[key] == value or isinstance(mine[key], dict), (type(ours), key)


def test_frozen_layers() -> None:
    models = _pair(lambda k: k.layers.Dense(6, "relu"), VECTOR)
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.normal(size=(20, 3)).astype("float32")
    for model, library in zip(models, (keras, lamina), strict=True):
        model.layers[0].trainable = False
        model.compile(library.optimizers.Adam(0.01), "mse")
    for _ in range(10):
        _close(models[1].train_on_batch(x, y), models[0].train_on_batch(x, y))
    for mine, other in zip(models[1].get_weights(), models[0].get_weights(), strict=True):
        _close(mine, other)
