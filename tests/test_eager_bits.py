"""Where the plan and the tape can both run, they give the same bits."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import constraints, layers, losses, metrics, optimizers, regularizers
from lamina.autograd.gradient_tape import GradientTape

X = np.random.default_rng(0).normal(size=(150, 6)).astype("f")
LABELS = np.random.default_rng(1).integers(0, 4, 150)
WEIGHTS = np.random.default_rng(2).uniform(0.5, 2.0, 150)


def targets(loss: str) -> Any:
    if loss.startswith("sparse"):
        return LABELS
    if loss == "binary_crossentropy":
        return (np.eye(4)[LABELS]).astype("f")
    if loss in ("hinge", "squared_hinge", "categorical_hinge"):
        return (np.eye(4)[LABELS] * 2 - 1).astype("f")
    if loss in ("poisson", "mean_squared_logarithmic_error"):
        return np.abs(X[:, :4])
    return np.eye(4, dtype="f")[LABELS]


def model_of(kind: str, last: str, dtype: str = "float32") -> lamina.Sequential:
    lamina.utils.set_random_seed(7)
    seed = iter(range(20))

    def dense(units: int, **options: Any) -> Any:
        start = lamina.initializers.GlorotUniform(seed=next(seed))
        return layers.Dense(units, kernel_initializer=start, dtype=dtype, **options)

    stack: list[Any] = [lamina.Input((6,))]
    if kind == "plain":
        stack += [dense(16, activation="relu"), dense(8, activation="gelu")]
    elif kind == "dropout":
        stack += [dense(16, activation="tanh"), layers.Dropout(0.4, seed=3, dtype=dtype)]
        stack += [layers.GaussianNoise(0.1, seed=5, dtype=dtype), dense(8, activation="silu")]
    elif kind == "normalized":
        stack += [dense(12), layers.BatchNormalization(dtype=dtype), layers.ReLU(dtype=dtype)]
        stack += [layers.LayerNormalization(dtype=dtype), dense(8), layers.PReLU(dtype=dtype)]
    elif kind == "residual":
        inner = [dense(10, activation="elu"), layers.Dropout(0.2, seed=1, dtype=dtype), dense(6)]
        stack += [layers.Residual(inner), dense(8, activation="relu")]
    else:
        stack += [
            dense(
                16,
                activation="relu",
                kernel_regularizer=regularizers.L1L2(0.001, 0.002),
                kernel_constraint=constraints.MaxNorm(1.5),
                activity_regularizer=regularizers.L2(0.01),
            ),
            layers.ActivityRegularization(l1=0.003, dtype=dtype),
            dense(8, activation="softplus", bias_regularizer="l2"),
        ]
    return lamina.Sequential([*stack, dense(4, activation=last)])


def trained(
    eagerly: bool,
    kind: str = "plain",
    loss: Any = "sparse_categorical_crossentropy",
    last: str = "softmax",
    optimizer: Any = "adam",
    dtype: str = "float32",
    metric_list: Any = None,
    weighted: bool = False,
    epochs: int = 2,
    **options: Any,
) -> tuple[list[Any], dict[str, Any], Any]:
    model = model_of(kind, last, dtype)
    made = optimizer() if callable(optimizer) else optimizer
    model.compile(made, loss, metrics=metric_list, run_eagerly=eagerly, **options)
    name = loss if isinstance(loss, str) else loss.name
    y = targets(name)
    history = model.fit(
        X,
        y,
        batch_size=32,
        epochs=epochs,
        verbose=0,
        sample_weight=WEIGHTS if weighted else None,
        validation_data=(X[:40], y[:40]),
    )
    assert model._driver().startswith("tape" if eagerly else "plan")
    return model.get_weights(), history.history, model.predict(X, verbose=0)


def assert_same(**arguments: Any) -> None:
    plan, tape = trained(False, **arguments), trained(True, **arguments)
    for mine, theirs in zip(plan[0], tape[0], strict=True):
        assert mine.tobytes() == theirs.tobytes()
    assert plan[1] == tape[1]
    assert plan[2].tobytes() == tape[2].tobytes()


@pytest.mark.parametrize("kind", ["plain", "dropout", "normalized", "residual", "penalized"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kind_of_layer(kind: str, dtype: str) -> None:
    assert_same(kind=kind, dtype=dtype, metric_list=["accuracy"])


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        ("mse", "linear"),
        ("mae", "tanh"),
        ("huber", "linear"),
        ("log_cosh", "linear"),
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("kl_divergence", "softmax"),
        ("poisson", "softplus"),
        ("hinge", "tanh"),
        ("cosine_similarity", "linear"),
        ("dice", "sigmoid"),
        ("categorical_focal_crossentropy", "softmax"),
    ],
)
def test_losses(loss: str, last: str) -> None:
    assert_same(loss=loss, last=last, epochs=1)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "sum_over_batch_size"])
def test_reductions_and_weights(reduction: str) -> None:
    loss = losses.CategoricalCrossentropy(reduction=reduction, label_smoothing=0.1)
    assert_same(loss=loss, weighted=True, loss_weights=0.5, epochs=1)


def test_logits_and_an_ignored_class() -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    loss.name = "sparse"
    assert_same(loss=loss, last="linear", epochs=1)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: optimizers.RMSprop(0.01, centered=True),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5),
        lambda: optimizers.Adam(0.01, clipnorm=0.1, use_ema=True, ema_momentum=0.9),
        lambda: optimizers.Nadam(0.01, gradient_accumulation_steps=2),
        lambda: optimizers.Lamb(0.01),
        lambda: optimizers.Adafactor(0.01),
        lambda: optimizers.Muon(0.01),
        lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01)),
        lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 3, 0.9)),
    ],
)
def test_optimizers(optimizer: Any) -> None:
    assert_same(optimizer=optimizer)


def test_metrics() -> None:
    chosen = [
        "accuracy",
        metrics.SparseTopKCategoricalAccuracy(2),
        metrics.SparseCategoricalCrossentropy(),
    ]
    again = [type(m).from_config(m.get_config()) for m in chosen[1:] if not isinstance(m, str)]
    plan = trained(False, metric_list=chosen)
    tape = trained(True, metric_list=["accuracy", *again])
    assert plan[1] == tape[1]


def test_frozen_layers() -> None:
    def weights(eagerly: bool) -> list[Any]:
        model = model_of("normalized", "softmax")
        model.layers[0].trainable = False
        model.layers[1].trainable = False
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        model.fit(X, LABELS, verbose=0)
        model.layers[0].trainable = True
        model.fit(X, LABELS, verbose=0)
        return model.get_weights()

    for mine, theirs in zip(weights(False), weights(True), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_batches_from_a_source_and_single_steps() -> None:
    def weights(eagerly: bool) -> tuple[list[Any], Any]:
        model = model_of("dropout", "softmax")
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        data = lamina.data.Dataset.from_arrays(X, LABELS).shuffle(seed=3).batch(32)
        model.fit(data, epochs=2, verbose=0)
        loss = model.train_on_batch(X[:16], LABELS[:16])
        tested = model.test_on_batch(X[:16], LABELS[:16]), model.evaluate(X, LABELS, verbose=0)
        return model.get_weights(), (loss, *tested)

    plan, tape = weights(False), weights(True)
    assert plan[1] == tape[1]
    for mine, theirs in zip(plan[0], tape[0], strict=True):
        assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("kind", ["plain", "normalized"])
def test_a_loop_by_hand(kind: str) -> None:
    planned = model_of(kind, "softmax")
    planned.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model = model_of(kind, "softmax")
    optimizer = optimizers.Adam(0.01)
    loss_fn = losses.SparseCategoricalCrossentropy()
    for first in range(0, 96, 32):
        x, y = X[first : first + 32], LABELS[first : first + 32]
        planned.train_on_batch(x, y)
        with GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    assert optimizer.iterations == 3
    for mine, theirs in zip(planned.get_weights(), model.get_weights(), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    mine_slots = {v.name: v.numpy() for v in planned.optimizer.variables[:2]}
    theirs = {v.name: v.numpy() for v in optimizer.variables[:2]}
    assert {k: v.tobytes() for k, v in mine_slots.items()} == {
        k: v.tobytes() for k, v in theirs.items()
    }


def test_layer_by_layer_is_the_whole() -> None:
    model = model_of("normalized", "softmax")
    with GradientTape() as tape:
        loss = losses.sparse_categorical_crossentropy(LABELS, model(X, training=True))
    whole = tape.gradient(loss, model.trainable_variables)
    again = model_of("normalized", "softmax")
    again.build((None, 6))
    with GradientTape() as tape:
        x = lamina._core.convert(X)
        for layer in again.layers:
            x = layer(x, training=True)
        loss = losses.sparse_categorical_crossentropy(LABELS, x)
    parts = tape.gradient(loss, again.trainable_variables)
    for mine, theirs in zip(whole, parts, strict=True):
        assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()
    for mine_w, their_w in zip(model.get_weights(), again.get_weights(), strict=True):
        assert mine_w.tobytes() == their_w.tobytes()
