"""Plans with several inputs and outputs: weighted losses, against NumPy and the tape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
import lamina._core as _core

Array = np.ndarray[Any, Any]
SEED = 7
ROWS = 12
F, L, M = _core.Activation, _core.Loss, _core.Metric
RNG = np.random.default_rng(SEED)
A, B = RNG.normal(size=(ROWS, 3)), RNG.integers(0, 5, size=ROWS)
VALUES, LABELS = RNG.normal(size=(ROWS, 2)), RNG.integers(0, 4, size=ROWS)
WEIGHTS = RNG.uniform(0.5, 2.0, size=ROWS)
NUMBERS = B[:, None].astype(float)


def _network(dtype: str = "float64", device: str = "cpu") -> Any:
    """Numbers and an index of an embedding, a common trunk, a linear head and a softmax."""
    network = _core.Network((3,), dtype, device)
    index = network.add_input((1,))
    network.seek(index)
    network.add_embedding(5, 2)
    network.add_flatten()
    embedded = network.value
    network.add_merge("concatenate", [0, embedded], 0)
    network.add_identity()
    network.add_dense(6, True, F("tanh"))
    trunk = network.value
    network.add_dense(2, True, F("linear"))
    first = network.value
    network.seek(trunk)
    network.add_dense(4, True, F("softmax"))
    network.set_outputs([first, network.value, trunk])
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, _core.random_uniform(info.shape, -0.7, 0.9, SEED, i, dtype))
    return network


def _objectives(first: float = 2.0, second: float = 0.5, metrics: bool = True) -> list[Any]:
    mae, accuracy = M("mean_absolute_error"), M("sparse_categorical_accuracy")
    return [
        _core.OutputObjective(L("mean_squared_error"), "mean", first, [mae] if metrics else []),
        _core.OutputObjective(
            L("sparse_categorical_crossentropy"), "mean", second, [accuracy] if metrics else []
        ),
        None,
    ]


def _parameters(network: Any) -> list[Array]:
    return [np.asarray(network.get_parameter(i)) for i in range(len(network.parameters()))]


class Reference:
    """Losses and gradients of the network, written out."""

    def __init__(self, p: list[Array], rows: slice = slice(None)) -> None:
        a, b, y, labels, w = (v[rows] for v in (A, B, VALUES, LABELS, WEIGHTS))
        n = len(a)
        table, k0, b0, k1, b1, k2, b2 = p
        x = np.concatenate([a, table[b]], axis=1)
        h = np.tanh(x @ k0 + b0)
        self.first = h @ k1 + b1
        z = h @ k2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.second = e / e.sum(axis=1, keepdims=True)
        self.losses = [
            ((self.first - y) ** 2).mean(axis=1).sum() / n,
            (-np.log(self.second[np.arange(n), labels]) * w).sum() / n,
        ]
        self.metrics = [
            np.abs(self.first - y).mean(),
            (self.second.argmax(axis=1) == labels).mean(),
        ]
        d1 = 2.0 * (self.first - y) / n  # 2 * the gradient of a mean over two columns
        d2 = 0.5 * (self.second - np.eye(4)[labels]) * w[:, None] / n
        dh = (d1 @ k1.T + d2 @ k2.T) * (1 - h**2)
        dx = dh @ k0.T
        dtable = np.zeros_like(table)
        np.add.at(dtable, b, dx[:, 3:])
        self.gradients = [
            dtable, x.T @ dh, dh.sum(0), h.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
        ]  # fmt: skip
        self.loss = 2.0 * self.losses[0] + 0.5 * self.losses[1]


def test_losses_metrics_and_gradients_against_numpy() -> None:
    network = _network()
    network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    before = _parameters(network)
    expected = Reference(before)
    found = network.train_on_batch(
        [A, NUMBERS], [VALUES, LABELS, None], [None, WEIGHTS, None], True
    )
    np.testing.assert_allclose(
        found, [expected.loss, *expected.losses, *expected.metrics], rtol=1e-10
    )
    for i, (value, gradient) in enumerate(zip(before, expected.gradients, strict=True)):
        np.testing.assert_allclose(
            network.get_parameter(i), value - 0.1 * gradient, rtol=1e-9, atol=1e-12, err_msg=str(i)
        )


def test_epochs_evaluation_and_prediction_against_numpy() -> None:
    network = _network()
    network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    values = _parameters(network)
    sums = np.zeros(3)
    for first in range(0, ROWS, 5):
        rows = slice(first, min(first + 5, ROWS))
        step = Reference(values, rows)
        count = rows.stop - rows.start
        sums += count * np.array([step.loss, *step.losses])
        values = [v - 0.1 * g for v, g in zip(values, step.gradients, strict=True)]
    arguments = [A, NUMBERS], [VALUES, LABELS, None], [None, WEIGHTS, None]
    found = network.train(*arguments, 5, False, None)
    np.testing.assert_allclose(found[:3], sums / ROWS, rtol=1e-10)
    for i, value in enumerate(values):
        np.testing.assert_allclose(network.get_parameter(i), value, rtol=1e-9, atol=1e-12)
    end = Reference(values)
    found = network.evaluate(*arguments, 5, None, True)
    np.testing.assert_allclose(found, [end.loss, *end.losses, *end.metrics], rtol=1e-10)
    outputs = network.predict([A, NUMBERS], 5, None)
    np.testing.assert_allclose(outputs[0], end.first, rtol=1e-10)
    np.testing.assert_allclose(outputs[1], end.second, rtol=1e-10)
    assert outputs[2].shape == (ROWS, 6)
    called = network.call_training([A, NUMBERS])
    for predicted, output in zip(outputs, called, strict=True):
        np.testing.assert_allclose(output, predicted, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_has_the_bits_of_the_tape(dtype: str) -> None:
    network, mirror = _network(dtype), _network(dtype)
    network.compile(_objectives(metrics=False), _core.Optimizer("sgd", 0.1))
    variables = [lamina.Variable(v, dtype=dtype) for v in _parameters(mirror)]
    layers = _core.Layers(mirror, variables)
    arrays = [v.astype(dtype) for v in (A, NUMBERS, VALUES, WEIGHTS)]
    tensors = [lamina.ops.convert_to_tensor(v) for v in arrays]
    network.train_on_batch(arrays[:2], [arrays[2], LABELS, None], [None, arrays[3], None], True)
    losses = []
    with lamina.GradientTape() as tape:
        outputs = layers(tensors[:2], True, 0)[0]
        for loss, weight, target, output, weights in (
            ("mean_squared_error", 2.0, tensors[2], outputs[0], None),
            ("sparse_categorical_crossentropy", 0.5, LABELS, outputs[1], tensors[3]),
        ):
            losses.append(_core.batch_loss(L(loss), "mean", weight, target, output, weights)[0])
        total = losses[0] + losses[1]
    for i, gradient in enumerate(tape.gradient(total, variables)):
        np.testing.assert_array_equal(network.get_gradient(i), np.asarray(gradient), err_msg=str(i))


def test_a_loss_of_weight_zero_and_no_loss_train_alike() -> None:
    left, right = _network(), _network()
    left.compile(_objectives(2.0, 0.0), _core.Optimizer("adam", 0.1))
    right.compile([_objectives()[0], None, None], _core.Optimizer("adam", 0.1))
    for _ in range(3):
        left.train_on_batch([A, NUMBERS], [VALUES, LABELS, None], None, True)
        right.train_on_batch([A, NUMBERS], [VALUES, None, None], None, True)
    for found, expected in zip(_parameters(right), _parameters(left), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_one_array_of_weights_is_that_of_all_outputs() -> None:
    one, all_of_them = _network(), _network()
    for network in (one, all_of_them):
        network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    targets = [VALUES, LABELS, None]
    found = one.train_on_batch([A, NUMBERS], targets, WEIGHTS, True)
    assert found == all_of_them.train_on_batch(
        [A, NUMBERS], targets, [WEIGHTS, WEIGHTS, None], True
    )


def test_penalties_have_a_sum_apart() -> None:
    network = _network()
    network.add_penalty(3, 0.0, 0.25)
    network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    expected = Reference(_parameters(network))
    penalty = 0.25 * (network.get_parameter(3) ** 2).sum()
    found = network.test_on_batch([A, NUMBERS], [VALUES, LABELS, None], [None, WEIGHTS], True)
    np.testing.assert_allclose(found[:3], [expected.loss + penalty, *expected.losses], rtol=1e-10)
    state = network.metric_state()
    network.reset_metrics()
    network.set_metric_state(state)
    assert network.metric_values() == found


def test_lbfgs_minimises_the_sum() -> None:
    network = _network()
    settings = _core.Optimizer("lbfgs", 1.0)
    network.compile(_objectives(metrics=False), settings)
    before = Reference(_parameters(network)).loss
    arguments = [A, NUMBERS], [VALUES, LABELS, None], [None, WEIGHTS, None]
    first = network.train(*arguments, ROWS, False, None)
    assert first[0] == pytest.approx(before, rel=1e-12)
    for _ in range(20):
        network.train(*arguments, ROWS, False, None)
    assert Reference(_parameters(network)).loss < 0.5 * before


def test_a_loss_that_is_not_finite_stops_the_step() -> None:
    network = _network()
    network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    network.watch = True
    before = _parameters(network)
    values = VALUES.copy()
    values[3] = np.inf
    with pytest.raises(FloatingPointError, match="not finite"):
        network.train_on_batch([A, NUMBERS], [values, LABELS, None], None)
    for found, expected in zip(_parameters(network), before, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([A], [VALUES, LABELS, None], r"takes 2 arrays of samples\. Received: 1"),
        ([A, NUMBERS[:5]], [VALUES, LABELS, None], r"same number of samples\. Received: 12 and 5"),
        ([NUMBERS, A], [VALUES, LABELS, None], r"input 0: the model takes samples of shape \(3,\)"),
        ([A, NUMBERS], [VALUES, None, None], r"output 1: the loss and the metrics need targets"),
        (
            [A, NUMBERS],
            [VALUES, LABELS + 4, None],
            r"output 1: labels must be integers from 0 to 3",
        ),
        ([A, NUMBERS], [LABELS, LABELS, None], r"output 0: for predictions of shape \(2,\)"),
        ([A, NUMBERS], [VALUES, LABELS, None, None], r"3 outputs\. Received: 4 arrays"),
    ],
)
def test_bad_arrays_are_named_and_change_nothing(x: Any, y: Any, text: str) -> None:
    network = _network()
    network.compile(_objectives(), _core.Optimizer("sgd", 0.1))
    before = _parameters(network)
    with pytest.raises(ValueError, match=text):
        network.train(x, y, None, 4, True, None)
    for found, expected in zip(_parameters(network), before, strict=True):
        np.testing.assert_array_equal(found, expected)


OTHERS = [name for name in _core.available_devices() if name != "cpu"]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("batch", [4, 5, ROWS])
def test_captured_steps_have_the_bits_of_the_cpu(batch: int, other: str) -> None:
    results = []
    for device in ("cpu", other):
        network = _network("float32", device)
        network.compile(_objectives(), _core.Optimizer("adam", 0.01))
        runs = _core.cuda_captured_steps()[1]
        arrays = [v.astype("float32") for v in (A, NUMBERS, VALUES, WEIGHTS)]
        y, w = [arrays[2], LABELS, None], [None, arrays[3], None]
        sums = [network.train(arrays[:2], y, w, batch, True, None) for _ in range(4)]
        sums += [network.train_on_batch(arrays[:2], y, w, True) for _ in range(4)]
        if device == other:
            assert _core.cuda_captured_steps()[1] > runs
        results.append([*_parameters(network), np.array(sums)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)
