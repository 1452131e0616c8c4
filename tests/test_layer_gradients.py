"""Gradients of every layer beside Dense, of penalties, and of what lies below them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from differences import check_gradients

import lamina
from lamina import layers
from lamina.regularizers import L1, L1L2, L2

VECTOR, MATRIX = (6,), (3, 4)

#: Class, arguments, and the shape of what it sees.
LAYERS: list[tuple[type[Any], dict[str, Any], tuple[int, ...]]] = [
    (layers.BatchNormalization, {}, VECTOR),
    (layers.BatchNormalization, {"scale": False}, MATRIX),
    (layers.BatchNormalization, {"center": False, "epsilon": 0.1}, VECTOR),
    (layers.BatchNormalization, {"axis": 1}, MATRIX),
    (layers.BatchNormalization, {"trainable": False}, VECTOR),
    (layers.LayerNormalization, {}, VECTOR),
    (layers.LayerNormalization, {"axis": [1, 2]}, MATRIX),
    (layers.LayerNormalization, {"center": False}, MATRIX),
    (layers.LayerNormalization, {"scale": False, "epsilon": 0.1}, VECTOR),
    (layers.LayerNormalization, {"rms_scaling": True}, VECTOR),
    (layers.RMSNormalization, {}, VECTOR),
    (layers.RMSNormalization, {"axis": (-1, -2)}, MATRIX),
    (layers.UnitNormalization, {}, MATRIX),
    (layers.GroupNormalization, {"groups": 2}, VECTOR),
    (layers.GroupNormalization, {"groups": 2}, MATRIX),
    (layers.GroupNormalization, {"groups": -1, "scale": False}, MATRIX),
    (layers.PReLU, {"alpha_initializer": "random_normal"}, MATRIX),
    (layers.PReLU, {"alpha_initializer": "random_normal", "shared_axes": [1]}, MATRIX),
    (layers.PReLU, {"alpha_initializer": "random_normal", "shared_axes": [1, 2]}, MATRIX),
    (layers.Dropout, {"rate": 0.4}, VECTOR),
    (layers.Dropout, {"rate": 0.4, "noise_shape": (None, 1, 4)}, MATRIX),
    (layers.Dropout, {"rate": 0.4, "noise_shape": (1, 3, None)}, MATRIX),
    (layers.SpatialDropout1D, {"rate": 0.4}, MATRIX),
    (layers.AlphaDropout, {"rate": 0.4}, VECTOR),
    (layers.AlphaDropout, {"rate": 0.4, "noise_shape": (1, None)}, VECTOR),
    (layers.GaussianNoise, {"stddev": 0.5}, VECTOR),
    (layers.GaussianDropout, {"rate": 0.4}, MATRIX),
    (layers.ActivityRegularization, {"l1": 0.1, "l2": 0.2}, VECTOR),
    (layers.Reshape, {"target_shape": (4, -1)}, MATRIX),
    (layers.Permute, {"dims": (2, 1)}, MATRIX),
    (layers.RepeatVector, {"n": 3}, VECTOR),
    (layers.Identity, {}, VECTOR),
    (layers.Rescaling, {"scale": 0.5, "offset": [1.0, 2.0, 3.0, 4.0]}, MATRIX),
    (
        layers.Normalization,
        {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [4.0, 1.0, 0.5, 9.0]},
        MATRIX,
    ),
    (layers.Normalization, {"mean": 1.0, "variance": 4.0, "invert": True}, VECTOR),
    (layers.LayerNormalization, {"axis": 1}, MATRIX),
    (layers.RMSNormalization, {"axis": 1}, MATRIX),
    (layers.UnitNormalization, {"axis": 1}, MATRIX),
    (layers.GroupNormalization, {"groups": 3, "axis": 1}, MATRIX),
    (layers.EinsumDense, {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "c"}, VECTOR),
    (layers.EinsumDense, {"equation": "ab,cb->ac", "output_shape": 4, "bias_axes": "c"}, VECTOR),
    (
        layers.EinsumDense,
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"},
        MATRIX,
    ),
    (
        layers.EinsumDense,
        {"equation": "abc,bcd->abd", "output_shape": (3, 2), "bias_axes": "bd"},
        MATRIX,
    ),
    (
        layers.EinsumDense,
        {"equation": "abc,cdb->adb", "output_shape": (2, 3), "bias_axes": "b"},
        MATRIX,
    ),
    (
        layers.EinsumDense,
        {
            "equation": "ab...,cb->ac...",
            "output_shape": 5,
            "bias_axes": "c",
            "activation": "gelu",
        },
        MATRIX,
    ),
]


@pytest.mark.parametrize("case", range(len(LAYERS)))
@pytest.mark.parametrize("below", ["linear", "tanh", "softmax", "gelu"])
def test_layers_between_dense_ones(case: int, below: str) -> None:
    kind, arguments, shape = LAYERS[case]
    rng = np.random.default_rng(case)
    lamina.utils.set_random_seed(case)
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(int(np.prod(shape)), dtype="float64"),
            layers.Reshape(shape, dtype="float64"),
            layers.Activation(below, dtype="float64"),
            kind(**arguments, dtype="float64"),
            layers.Activation("tanh", dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    model.set_weights(
        [np.abs(rng.normal(size=v.shape)) if v.is_state else rng.normal(size=v.shape)
         for v in model.weights]
    )  # fmt: skip
    check_gradients(model, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_regularizer": L1(0.1)},
        {"kernel_regularizer": L2(0.1), "bias_regularizer": "l1"},
        {"bias_regularizer": L1L2(0.1, 0.2)},
        {"activity_regularizer": L1L2(0.1, 0.2)},
    ],
)
def test_penalties(arguments: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(4, "sigmoid", dtype="float64", **arguments),
            layers.Dense(2, "tanh", dtype="float64", **arguments),
        ]
    )
    model.set_weights([rng.normal(size=v.shape) for v in model.weights])
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    check_gradients(model, x, y, rng.uniform(0.5, 2.0, 5))


def test_embedding() -> None:
    rng = np.random.default_rng(2)
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Embedding(5, 4, embeddings_regularizer="l2", dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    check_gradients(model, rng.integers(0, 4, (6, 3)), rng.normal(size=(6, 2)))


def test_many_rows_go_through_the_chunks() -> None:
    rng = np.random.default_rng(3)
    model = lamina.Sequential(
        [
            lamina.Input((2,)),
            layers.Dense(3, dtype="float64"),
            layers.BatchNormalization(dtype="float64"),
            layers.LayerNormalization(dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    check_gradients(model, rng.normal(size=(200, 2)), rng.normal(size=(200, 1)))
