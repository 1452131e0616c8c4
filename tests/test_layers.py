"""Layers on their own against the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import layers


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    features=st.integers(1, 40),
    units=st.integers(1, 40),
    use_bias=st.booleans(),
    activation=st.sampled_from(sorted(reference.ACTIVATIONS)),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_dense_is_the_formula(
    seed: int,
    shape: list[int],
    features: int,
    units: int,
    use_bias: bool,
    activation: str,
    dtype: str,
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(*shape, features)).astype(dtype)
    layer = layers.Dense(units, activation=activation, use_bias=use_bias, dtype=dtype)
    layer.build((None, *x.shape[1:]))
    kernel = rng.normal(size=(features, units)).astype(dtype)
    bias = rng.normal(size=units).astype(dtype)
    layer.set_weights([kernel, bias] if use_bias else [kernel])
    wide = [np.asarray(a, "float64") for a in (kernel, bias)]
    expected = reference.forward(
        [(wide[0], wide[1] if use_bias else None, activation)], x.astype("float64")
    )
    result = layer(x)
    assert result.dtype == dtype and result.shape == expected.shape
    scale = 1 + np.abs(expected).max()
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    assert np.allclose(result, expected, rtol=tolerance, atol=tolerance * scale)


def test_dense_gives_equal_bits_for_any_strides() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=(20, 30)).astype("float32")
    layer = layers.Dense(7, "tanh")
    plain = layer(np.ascontiguousarray(base[::2, ::-3]))
    assert np.array_equal(layer(base[::2, ::-3]), plain)
    frozen = base.copy()
    frozen.flags.writeable = False
    assert np.array_equal(layers.Dense(2)(base[:1])[0].shape, (2,))
    assert np.array_equal(layer(frozen[::2, ::-3]), plain)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int16", "int32", "uint32", "int64"])
def test_integers_are_converted(kind: str) -> None:
    x = np.arange(12).reshape(3, 4).astype(kind)
    layer = layers.Dense(2)
    assert np.array_equal(layer(x), layer(x.astype("float32")))


def test_foreign_floats_are_converted() -> None:
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    layer = layers.Dense(2, dtype="float64")
    assert np.array_equal(layer(x.astype(">f8")), layer(x))
    assert np.array_equal(layer(x.astype("float16")), layer(x.astype("float16").astype("float32")))
    assert np.array_equal(layer(x.astype(np.longdouble)), layer(x))
    assert np.array_equal(layer(x.tolist()), layer(x))


def test_dense_configuration_survives() -> None:
    layer = layers.Dense(
        5,
        activation=layers.LeakyReLU(0.1),
        use_bias=False,
        kernel_initializer=lamina.initializers.HeNormal(seed=3),
        bias_initializer="ones",
        name="hidden",
        dtype="float64",
    )
    config = layer.get_config()
    again = layers.Dense.from_config(config)
    assert {k: v for k, v in again.get_config().items() if k != "activation"} == {
        k: v for k, v in config.items() if k != "activation"
    }
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    assert np.array_equal(layer(x), again(x))
    assert layers.deserialize(layers.serialize(layer)).name == "hidden"


def test_a_keras_configuration_is_read() -> None:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float64"}}
    layer = layers.deserialize(
        {
            "module": "keras.layers",
            "class_name": "Dense",
            "config": {
                "name": "dense_9",
                "trainable": True,
                "dtype": policy,
                "units": 3,
                "activation": "relu",
                "use_bias": True,
                "kernel_initializer": {
                    "module": "keras.initializers",
                    "class_name": "GlorotUniform",
                    "config": {"seed": None, "input_axes": None, "output_axes": None},
                    "registered_name": None,
                },
                "bias_initializer": {
                    "module": "keras.initializers",
                    "class_name": "Zeros",
                    "config": {},
                    "registered_name": None,
                },
                "kernel_regularizer": None,
                "bias_regularizer": None,
                "kernel_constraint": None,
                "bias_constraint": None,
                "quantization_config": None,
            },
            "registered_name": None,
        }
    )
    assert isinstance(layer, layers.Dense)
    assert (layer.name, layer.units, layer.dtype) == ("dense_9", 3, "float64")


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Activation("relu"), lambda x: np.maximum(x, 0)),
        (layers.ReLU(), lambda x: np.maximum(x, 0)),
        (layers.ReLU(max_value=1.0), lambda x: np.clip(x, 0, 1)),
        (layers.ReLU(negative_slope=0.5), lambda x: np.where(x < 0, 0.5 * x, x)),
        (layers.ReLU(threshold=1.0), lambda x: np.where(x > 1, x, 0)),
        (layers.LeakyReLU(), lambda x: np.where(x < 0, np.float64(0.3) * x, x)),
        (layers.ELU(2.0), lambda x: np.where(x < 0, 2 * np.expm1(x), x)),
        (layers.Softmax(), reference.softmax),
        (layers.Activation(lamina.activations.tanh), np.tanh),
    ],
)
def test_activation_layers(layer: Any, expected: Any) -> None:
    x = np.linspace(-3, 3, 20).reshape(4, 5)
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    assert np.allclose(layer(x), expected(x), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("special", [None, 0.0, np.nan, np.inf, -np.inf])
def test_dropout_behind_relu_goes_back_like_behind_any_function(
    dtype: str, special: float | None
) -> None:
    def weights(relu: Any) -> list[bytes]:
        lamina.utils.set_random_seed(4)
        model = lamina.Sequential(
            [
                *(lamina.Input((7,)), layers.Dense(50, dtype=dtype), relu),
                *(layers.Dropout(0.4, dtype=dtype), layers.Dense(3, dtype=dtype)),
            ]
        )
        model.compile(lamina.optimizers.SGD(0.5), "mse")
        x = np.random.default_rng(0).normal(size=(1, 7)).astype(dtype)
        if special is not None:
            x[0, 2] = special
        if special == 0.0:
            x[:] = 0.0
        model.train_on_batch(x, np.zeros((1, 3)))
        return [w.tobytes() for w in model.get_weights()]

    # The second one is the same function under a name for which the mask is drawn again.
    relu, same = layers.ReLU(dtype=dtype), layers.LeakyReLU(0.0, dtype=dtype)
    assert weights(relu) == weights(same)


def test_dropout_is_the_identity_outside_of_training() -> None:
    x = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32")
    assert np.array_equal(layers.Dropout(0.5)(x), x)


def test_flatten_is_c_order() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(layers.Flatten(dtype="float64")(x), x.reshape(2, 12))
    assert layers.Flatten().compute_output_shape((None, 3, 4)) == (None, 12)
    assert layers.Flatten()(np.zeros(5)).shape == (5, 1)


def test_input_shapes() -> None:
    assert lamina.Input((3, 4)).shape == (None, 3, 4)
    assert lamina.Input(shape=(3,), batch_size=8).shape == (8, 3)
    assert lamina.Input(batch_shape=(None, 2)).shape == (None, 2)


def test_names_count_like_keras() -> None:
    lamina.backend.clear_session()
    names = [layers.Dense(1).name, layers.Dense(1).name, layers.LeakyReLU().name]
    assert names == ["dense", "dense_1", "leaky_re_lu"]
    assert lamina.Input((1,)).name == "keras_tensor"
    assert lamina.layers.InputLayer((1,)).output.shape == (None, 1)


def test_weights_before_and_after_building() -> None:
    layer = layers.Dense(3)
    assert not layer.built and layer.weights == []
    with pytest.raises(AttributeError, match="not built"):
        _ = layer.kernel
    with pytest.raises(ValueError, match="isn't built"):
        layer.count_params()
    layer.build((None, 2))
    assert layer.built and layer.count_params() == 9
    assert [w.shape for w in layer.weights] == [(2, 3), (3,)]
    assert np.array_equal(layer.kernel.numpy(), layer.get_weights()[0])
    layer.kernel.assign(np.ones((2, 3)))
    assert np.array_equal(np.asarray(layer.kernel), np.ones((2, 3), "float32"))


def test_a_variables_copy_is_a_copy() -> None:
    layer = layers.Dense(1)
    layer.build((None, 2))
    values = layer.kernel.numpy()
    values[...] = 7
    given = np.zeros((2, 1), "float32")
    layer.kernel.assign(given)
    given[...] = 9
    assert np.array_equal(layer.kernel.numpy(), np.zeros((2, 1)))
