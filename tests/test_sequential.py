"""The structure of models: adding, building, weights, configuration, prediction."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import layers

Array = np.ndarray[Any, Any]


def _model(*units: int, inputs: int = 4, dtype: str = "float32") -> lamina.Sequential:
    return lamina.Sequential(
        [
            lamina.Input((inputs,)),
            *[layers.Dense(n, "tanh", dtype=dtype, name=f"d{i}") for i, n in enumerate(units)],
        ]
    )


def _equal(one: list[Array], two: list[Array]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 70),
    units=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    activation=st.sampled_from(["relu", "sigmoid", "gelu", "softmax"]),
)
def test_a_stack_is_the_formula(seed: int, rows: int, units: list[int], activation: str) -> None:
    rng = np.random.default_rng(seed)
    model = lamina.Sequential([layers.Dense(n, activation, dtype="float64") for n in units])
    model.build((None, 6))
    weights = [rng.normal(size=v.shape) for v in model.weights]
    model.set_weights(weights)
    x = rng.normal(size=(rows, 6))
    stack = [(weights[2 * i], weights[2 * i + 1], activation) for i in range(len(units))]
    expected = reference.forward(stack, x)
    assert np.allclose(model.predict(x, verbose=0), expected, rtol=1e-11, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 80))
def test_permuting_rows_permutes_predictions(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    model = _model(17, 5)
    x = rng.normal(size=(rows, 4)).astype("float32")
    order = rng.permutation(rows)
    together = model.predict(x, verbose=0)
    assert np.array_equal(model.predict(x[order], verbose=0), together[order])
    assert np.array_equal(np.concatenate([model(x[i : i + 1]) for i in range(rows)]), together)


def test_deferred_build() -> None:
    model = lamina.Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built
    with pytest.raises(ValueError, match="have not yet been created"):
        _ = model.weights
    with pytest.raises(AttributeError, match="no defined input shape"):
        _ = model.input_shape
    assert model(np.zeros((2, 4))).shape == (2, 2)
    assert model.built and model.input_shape == (None, 4) and model.output_shape == (None, 2)
    assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2


def test_input_shape_arguments() -> None:
    one = lamina.Sequential([layers.Dense(3, input_shape=(4,))])
    two = lamina.Sequential([layers.Dense(3, input_dim=4)])
    assert one.input_shape == two.input_shape == (None, 4)
    assert lamina.Sequential([lamina.Input((4,), batch_size=2), layers.Dense(1)]).output_shape == (
        2,
        1,
    )


def test_adding_and_popping_keeps_the_other_weights() -> None:
    model = _model(3, 2)
    model.compile("adam", "mse")
    x, y = np.ones((8, 4)), np.zeros((8, 2))
    model.fit(x, y, verbose=0)
    weights = model.get_weights()
    steps = model._trainer.ready().network.steps_seen
    top = model.pop()
    assert _equal(model.get_weights(), weights[:2]) and _equal(top.get_weights(), weights[2:])
    model.add(layers.Dense(5, name="new"))
    assert _equal(model.get_weights()[:2], weights[:2]) and model.output_shape == (None, 5)
    assert model._trainer.ready().network.steps_seen == steps
    model.fit(x, np.zeros((8, 5)), verbose=0)
    assert not _equal(model.get_weights()[:2], weights[:2])
    other = lamina.Sequential([lamina.Input((3,)), top])
    assert _equal(other.get_weights(), weights[2:])
    assert other(np.zeros((1, 3))).shape == (1, 2)


def test_weights_are_views_into_the_model() -> None:
    model = _model(3)
    layer = model.get_layer("d0")
    model(np.zeros((1, 4)))
    layer.kernel.assign(np.full((4, 3), 0.5))
    layer.bias.assign([0, 0, 0])
    assert np.array_equal(model.get_weights()[0], np.full((4, 3), 0.5, "float32"))
    assert np.allclose(model(np.ones((1, 4))), np.tanh(2.0))
    model.set_weights([np.zeros((4, 3)), np.ones(3)])
    assert np.array_equal(layer.get_weights()[1], np.ones(3))
    assert [v.path for v in model.weights] == ["d0/kernel", "d0/bias"]


def test_layers_are_found() -> None:
    model = _model(3, 2)
    assert model.get_layer(index=1) is model.layers[1] is model.get_layer("d1")
    assert model.get_layer(index=-1) is model.layers[1]
    with pytest.raises(ValueError, match="Did you mean 'd1'"):
        model.get_layer("D1")
    with pytest.raises(ValueError, match="2 layers"):
        model.get_layer(index=2)


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    model = _model(64, 10)
    model.summary()
    text = capsys.readouterr().out
    assert 'Model: "sequential' in text and "d0 (Dense)" in text and "(None, 64)" in text
    assert "Total params: 970 (3.79 KB)" in text and "Non-trainable params: 0 (0.00 B)" in text
    model.compile("adam", "mse")
    model(np.zeros((1, 4)))
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=60)
    assert "Optimizer params: 1,940" in lines[0]
    assert {len(line) for line in lines[0].split("\n")[1:7]} == {60}
    lamina.Sequential([layers.Dense(1)]).summary()
    assert "0 (unbuilt)" in capsys.readouterr().out


def test_configuration_survives() -> None:
    model = lamina.Sequential(
        [
            lamina.Input((2, 3)),
            layers.Dense(4, "relu", kernel_initializer="he_normal"),
            layers.ReLU(max_value=3.0),
            layers.Dropout(0.25, seed=3),
            layers.Flatten(),
            layers.Activation("gelu_tanh"),
            layers.Dense(1, activation=layers.ELU(0.5), use_bias=False),
        ],
        name="everything",
    )
    again = lamina.Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.name == "everything" and again.output_shape == (None, 1)
    again.set_weights(model.get_weights())
    x = np.linspace(-1, 1, 12).reshape(2, 2, 3)
    assert np.array_equal(again(x), model(x))
    text = model.to_json()
    assert lamina.models.model_from_json(text).get_config() == model.get_config()


def test_clones_have_weights_of_their_own() -> None:
    model = _model(3)
    clone = lamina.models.clone_model(model)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    clone.set_weights(model.get_weights())
    assert _equal(clone.get_weights(), model.get_weights())


def test_pickle_and_deepcopy() -> None:
    x = np.random.default_rng(1).normal(size=(40, 4))
    model = lamina.Sequential([layers.Dense(3, "relu"), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, x[:, 0], verbose=0)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(other(x), model(x))
        assert other.optimizer.iterations == model.optimizer.iterations
    twin = copy.deepcopy(model)
    model.fit(x, x[:, 0], epochs=2, verbose=0)
    twin.fit(x, x[:, 0], epochs=2, verbose=0)
    assert _equal(model.get_weights(), twin.get_weights())


def test_equal_seeds_give_equal_models() -> None:
    def trained() -> list[Array]:
        lamina.utils.set_random_seed(11)
        model = lamina.Sequential([layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.rand(50, 4)  # noqa: NPY002 - what is seeded
        model.fit(x, x.sum(axis=1), epochs=3, verbose=0)
        return model.get_weights()

    assert _equal(trained(), trained())


def test_float64_throughout() -> None:
    lamina.config.set_floatx("float64")
    try:
        model = lamina.Sequential([lamina.Input((2,)), layers.Dense(2)])
        assert model.dtype == "float64" and model(np.zeros((1, 2))).dtype == np.float64
        assert model.get_weights()[0].dtype == np.float64
    finally:
        lamina.config.set_floatx("float32")
    assert lamina.backend.floatx() == "float32"


def test_predictions_in_many_threads() -> None:
    model = _model(64, 64, 3)
    x = np.random.default_rng(1).normal(size=(200, 4)).astype("float32")
    expected = model(x)
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(model.predict(x, verbose=0), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_models_are_freed() -> None:
    model = _model(3)
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 4)), np.zeros((4, 3)), verbose=0)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_one_trailing_axis_may_be_missing() -> None:
    model = lamina.Sequential([lamina.Input((1,)), layers.Dense(1)])
    x = np.arange(5.0)
    assert np.array_equal(model.predict(x, verbose=0), model.predict(x[:, None], verbose=0))


def test_keras_names_are_there() -> None:
    keras = lamina
    assert keras.models.Sequential is keras.Sequential
    assert keras.saving.load_model is keras.models.load_model
    for name in lamina.__all__:
        assert hasattr(keras, name)
    assert keras.utils.to_categorical([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert keras.config.isa() in keras.config.available_isas()
    assert callable(keras.set_num_threads) and keras.get_num_threads() >= 1


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    lamina.config.show()
    text = capsys.readouterr().out
    assert "instruction set" in text and lamina.__version__ in text
