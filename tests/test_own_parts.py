"""Layers, losses, metrics, optimizers and steps of the user's own, in compile and fit."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.autograd.gradient_tape import GradientTape

X = np.random.default_rng(0).normal(size=(96, 4)).astype("f")
Y = (X @ np.array([[1.0], [-2.0], [0.5], [0.0]], "f") + 0.5).astype("f")


class MyDense(layers.Layer):
    """Dense, written out."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="ones", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.kernel) + self.bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Block(layers.Layer):
    """Layers inside of a layer, and a penalty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first = layers.Dense(8, activation="relu", name="first")
        self.drop = layers.Dropout(0.5, seed=1, name="drop")
        self.seen: list[bool] = []

    def call(self, inputs: Any, training: bool = False) -> Any:
        self.seen.append(training)
        y = self.drop(self.first(inputs))
        self.add_loss(0.01 * ops.sum(ops.square(y)))
        return y


def own_mse(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


class OwnLoss(lamina.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return own_mse(y_true, y_pred)


class Largest(lamina.metrics.Metric):
    def __init__(self, name: str = "largest", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.largest = self.add_weight(name="largest")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = np.abs(np.asarray(y_true) - np.asarray(y_pred)).max()
        self.largest.assign(np.maximum(np.asarray(self.largest), error))

    def result(self) -> Any:
        return self.largest.value


class OwnMomentum(lamina.optimizers.Optimizer):
    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.9, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.velocities = [self.add_variable_from_reference(v, "velocity") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        velocity = self.velocities[self._get_variable_index(variable)]
        velocity.assign(velocity.value * self.momentum - gradient * learning_rate)
        variable.assign_add(velocity.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


def network(*inside: Any) -> lamina.Sequential:
    start = lamina.initializers.GlorotUniform(seed=1)
    return lamina.Sequential(
        [lamina.Input((4,)), *inside, layers.Dense(1, kernel_initializer=start)]
    )


def test_a_layer_of_ones_own_learns_what_dense_learns() -> None:
    mine, theirs = network(MyDense(3)), network(layers.Dense(3, kernel_initializer="ones"))
    histories = []
    for model in (mine, theirs):
        model.compile("adam", "mse", metrics=["mae"])
        histories.append(model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history)
    assert mine._driver().startswith("tape (custom layers: my_dense")
    assert theirs._driver() == "plan"
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-5)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        mine.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5
    )
    assert isinstance(mine(X), np.ndarray)


def test_layers_inside_of_layers() -> None:
    block = Block()
    model = network(block)
    assert [v.path.split("/", 1)[1] for v in model.weights[:2]] == ["first/kernel", "first/bias"]
    model.compile("sgd", "mse")
    block.seen.clear()
    before = model.get_weights()
    loss = model.train_on_batch(X, Y)
    assert block.seen == [True]
    model.predict(X, verbose=0)
    assert block.seen[-1] is False
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(loss) and len(model.losses) == 1


def test_losses_of_ones_own() -> None:
    weights = []
    for loss in (own_mse, OwnLoss(), "mse"):
        model = network(layers.Dense(3, kernel_initializer="ones", activation="tanh"))
        model.compile("sgd", loss)
        model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b, c in zip(*weights, strict=True):
        assert a.tobytes() == b.tobytes()
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-7)


def test_metrics_of_ones_own() -> None:
    def off(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)

    model = network()
    model.compile("sgd", "mse", metrics=[Largest(), off, "mae"])
    result = model.evaluate(X, Y, verbose=0, return_dict=True)
    errors = np.abs(model.predict(X, verbose=0) - Y)
    assert result["largest"] == pytest.approx(errors.max())
    assert result["off"] == pytest.approx(errors.mean(), rel=1e-5)
    assert result["mae"] == pytest.approx(errors.mean(), rel=1e-5)
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "largest", "off", "mae"}


def test_an_optimizer_of_ones_own() -> None:
    weights = []
    for optimizer in (OwnMomentum(0.05), lamina.optimizers.SGD(0.05, momentum=0.9)):
        model = network()
        model.compile(optimizer, "mse")
        model.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        assert model.optimizer.iterations == 9
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_regularizers_constraints_initializers_and_activations() -> None:
    def square(w: Any) -> Any:
        return 0.01 * ops.sum(ops.square(w))

    def clipped(w: Any) -> Any:
        return ops.clip(w, -0.3, 0.3)

    def half(shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, 0.25, dtype)

    def leaky(x: Any) -> Any:
        return ops.maximum(x, 0.3 * x)

    results = []
    for own in (True, False):
        inside = layers.Dense(
            3,
            activation=leaky if own else layers.LeakyReLU(0.3),
            kernel_initializer=half,
            kernel_regularizer=square if own else lamina.regularizers.L2(0.01),
        )
        model = network(inside)
        model.compile("sgd", "mse")
        history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
        results.append((history["loss"], model.get_weights()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    model = network(layers.Dense(3, kernel_constraint=clipped))
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert np.abs(model.get_weights()[0]).max() <= np.float32(0.3)


def test_a_lambda() -> None:
    model = network(layers.Lambda(lambda x: 2.0 * x))
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    double = layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3.0})
    np.testing.assert_array_equal(double(X), 3 * X)
    with pytest.raises(ValueError, match="lambda cannot be saved"):
        model.save("nowhere.safetensors")


def test_a_train_step_of_ones_own() -> None:
    class Mine(lamina.Sequential):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss, "twice": 2.0 * float(loss)}

    def layer() -> Any:
        return layers.Dense(1, kernel_initializer="ones")

    mine, plain = (
        Mine([lamina.Input((4,)), layer()]),
        lamina.Sequential([lamina.Input((4,)), layer()]),
    )
    for model in (mine, plain):
        model.compile("adam", "mse")
        model.fit(X, Y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    assert set(mine.history.history) == {"loss", "twice"}
    for a, b in zip(mine.get_weights(), plain.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_saving_and_loading(tmp_path: Path) -> None:
    own = {"MyDense": MyDense, "own_mse": own_mse, "Largest": Largest, "OwnMomentum": OwnMomentum}
    model = network(MyDense(3))
    model.compile(OwnMomentum(0.01), own_mse, metrics=[Largest()])
    model.fit(X, Y, epochs=1, verbose=0)
    path = tmp_path / "model.safetensors"
    model.save(path)
    with pytest.raises(lamina.FileFormatError, match="MyDense"):
        lamina.saving.load_model(path)
    again = lamina.saving.load_model(path, custom_objects=own)
    for each in (model, again):
        each.fit(X, Y, epochs=1, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_free_variables_and_optimizers() -> None:
    w = lamina.Variable(np.array([1.0, -2.0], "f"))
    model = network()
    with GradientTape() as tape:
        loss = ops.sum(w * w)
    gradient = tape.gradient(loss, w)
    for make in (lamina.optimizers.SGD, lamina.optimizers.Adam, lamina.optimizers.Lion):
        before = w.numpy()
        assert make(0.1).apply_gradients([(gradient, w)]) == 1
        assert (w.numpy() != before).all()
    optimizer = lamina.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="built for other variables"):
        optimizer.apply_gradients([(gradient, w)])
    with pytest.raises(ValueError, match="no gradients provided"):
        optimizer.apply_gradients([(None, v) for v in model.trainable_variables])
    with pytest.raises(ValueError, match="one gradient for each"):
        optimizer.apply([gradient], [])


def test_summary_says_what_drives(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    model.summary()
    assert "Driver: plan" in capsys.readouterr().out
    model.compile("sgd", "mse", run_eagerly=True)
    model.summary()
    assert "Driver: tape (run_eagerly=True)" in capsys.readouterr().out


class Subclassed(lamina.Sequential):
    """With a step of its own."""

    def train_step(self, data: Any) -> dict[str, Any]:
        return super().train_step(data)


def test_copies(tmp_path: Path) -> None:
    model = Subclassed([lamina.Input((4,)), MyDense(2), layers.Dense(1)])
    model.compile(OwnMomentum(0.01), own_mse, metrics=[Largest()])
    model.fit(X, Y, epochs=1, verbose=0)
    again = pickle.loads(pickle.dumps(model))
    clone = lamina.models.clone_model(model)
    assert type(again) is type(clone) is Subclassed
    assert clone.count_params() == model.count_params()
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(lamina.FileFormatError, match="Subclassed"):
        lamina.saving.load_model(tmp_path / "m.safetensors")
    for each in (model, again):
        each.fit(X, Y, epochs=1, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_what_keras_layers_say_of_themselves() -> None:
    layer = lamina.layers.Dense(2, dtype="float64")
    assert layer.compute_dtype == layer.variable_dtype == "float64"
    assert layer.supports_masking is False
    assert lamina.ops.stop_gradient is lamina.stop_gradient
    assert lamina.ops.custom_gradient is lamina.custom_gradient


class Measured(layers.Layer):
    """A Dense whose outputs are measured on the way."""

    def __init__(self, units: int) -> None:
        super().__init__(name="measured")
        self.dense = layers.Dense(units)
        self.size = lamina.metrics.Mean(name="size")
        self.others = [lamina.metrics.Sum(name="rows")]

    def call(self, inputs: Any) -> Any:
        answer = self.dense(inputs)
        self.size.update_state(ops.abs(answer))
        self.others[0].update_state(ops.ones(len(inputs)))
        return answer


def test_metrics_of_layers_are_reset_and_shown_with_the_model_s() -> None:
    layer = Measured(3)
    inner = lamina.Sequential([layer])
    model = lamina.Sequential([lamina.Input((4,)), inner, layers.Dense(1)])
    assert [metric.name for metric in model.metrics] == ["size", "rows"]
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.metrics_names == ["loss", "mae", "size", "rows"]
    assert layer.metrics == [layer.size, layer.others[0]]
    history = model.fit(X, Y, batch_size=40, epochs=2, verbose=0, validation_data=(X[:7], Y[:7]))
    assert history.history["rows"] == [96, 96] and history.history["val_rows"] == [7, 7]
    assert set(history.history) >= {"loss", "mae", "size", "val_loss", "val_mae", "val_size"}
    answers = layer.dense(X)
    found = model.evaluate(X, Y, batch_size=50, verbose=0)
    np.testing.assert_allclose(found[2], np.abs(answers).mean(), rtol=1e-6)
    assert found[3] == 96 and len(found) == 4
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["rows"] == 96
    assert model.test_on_batch(X[:5], Y[:5], return_dict=True)["rows"] == 5
    model.reset_metrics()
    assert layer.others[0].result() == 0


def test_looking_for_a_shape_leaves_metrics_as_they_are() -> None:
    layer = Measured(3)
    layer.own = OwnCount(name="own")
    layer(X)
    before = layer.size.result()
    layer.own.update_state(5.0)
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    assert layer.size.result() == before and layer.others[0].result() == 96
    assert layer.own.result() == 5
    with pytest.raises(ValueError, match="zeros of shape"):
        layer.compute_output_shape((None, 5))
    assert layer.size.result() == before and layer.own.result() == 5


class OwnCount(lamina.metrics.Metric):
    """A metric whose state is a variable."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.total = self.add_weight(name="total")

    def update_state(self, value: Any) -> None:
        self.total.assign_add(value)

    def result(self) -> Any:
        return self.total.numpy()


def test_a_layer_may_know_what_it_is_in() -> None:
    layer = Measured(3)
    layer.me = layer
    inner = lamina.Sequential([layer])
    model = lamina.Sequential([lamina.Input((4,)), inner, layers.Dense(1)])
    layer.inner, layer.outer = inner, [model]
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "size", "rows"]
    assert len(model.trainable_variables) == 4


def test_input_spec_is_checked_at_each_call() -> None:
    spec = layers.InputSpec
    layer = MyDense(2)
    assert layer.input_spec is None
    layer.input_spec = spec(ndim=2, axes={-1: 4})
    assert layer(X).shape == (96, 2)
    with pytest.raises(ValueError, match=r"axis -1 must have the extent 4.*\(2, 3\)"):
        layer(np.ones((2, 3), "f"))
    with pytest.raises(ValueError, match="2 axes"):
        layer(np.ones((2, 3, 4), "f"))
    with pytest.raises(ValueError, match="within 2 axes"):
        spec(ndim=2, axes={2: 1})
    for bad, value in [
        (spec(max_ndim=1), X),
        (spec(min_ndim=3), X),
        (spec(shape=(None, 5)), X),
        (spec(dtype="float64"), X),
        (spec(shape=(96,)), X),
        ([spec(), spec()], X),
        ({"a": spec()}, X),
        ([spec(), spec(ndim=1)], [X, X]),
        (spec(), [X, X]),
    ]:
        layer.input_spec = bad
        with pytest.raises(ValueError, match="Layer 'my_dense"):
            layer(value)
    for good in (
        spec(shape=(None, 4, 1), allow_last_axis_squeeze=True),
        spec(min_ndim=1, max_ndim=2, dtype="float32"),
        [spec.from_config(spec(shape=(96, 4)).get_config())],
    ):
        layer.input_spec = good
        layer(X)
    spec(optional=True).check(None, "here")
    with pytest.raises(ValueError, match="missing"):
        spec().check(None, "here")
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    assert repr(model.input_spec) == "InputSpec(shape=(None, 4), ndim=2)"
    with pytest.raises(AttributeError):
        model.input_spec = spec()
