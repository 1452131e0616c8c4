"""Training steps that a GPU, or its emulation, records and runs again: the bits of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core

OTHERS = [name for name in lamina.config.available_devices() if name != "cpu"]
DEVICE = OTHERS[0] if OTHERS else "cuda"
pytestmark = pytest.mark.skipif(not OTHERS, reason=f"no CUDA device: {_core.cuda_status()}")


def data(rows: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 6)).astype(np.float32)
    return x, np.abs(x).sum(axis=1).astype(np.int64) % 3


def model_on(device: str, optimizer: object, metrics: tuple = ("accuracy",)) -> lamina.Sequential:
    lamina.utils.set_random_seed(5)
    layers = lamina.layers
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(16, activation="gelu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        optimizer, "sparse_categorical_crossentropy", metrics=list(metrics), device=device
    )
    return model


def state(model: lamina.Sequential) -> list[bytes]:
    found = [*model.get_weights(), *(np.asarray(v) for v in model.optimizer.variables)]
    return [value.tobytes() for value in found]


def made_and_run() -> np.ndarray:
    return np.array(_core.cuda_captured_steps())


RULES = {
    "sgd": lambda: lamina.optimizers.SGD(0.05),
    "momentum": lambda: lamina.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: lamina.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda: lamina.optimizers.Adam(0.01, clipvalue=0.02),
    "clipped": lambda: lamina.optimizers.SGD(0.1, clipnorm=0.05, momentum=0.5),
    "clipped together": lambda: lamina.optimizers.AdamW(
        0.01, global_clipnorm=0.1, weight_decay=0.05, use_ema=True
    ),
    "amsgrad": lambda: lamina.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: lamina.optimizers.AdamW(
        lamina.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9), weight_decay=0.02
    ),
    "averages": lambda: lamina.optimizers.AdamW(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4
    ),
    "rmsprop": lambda: lamina.optimizers.RMSprop(0.01),
    "centered": lambda: lamina.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adadelta": lambda: lamina.optimizers.Adadelta(0.5),
    "adagrad": lambda: lamina.optimizers.Adagrad(0.05),
    "adamax": lambda: lamina.optimizers.Adamax(0.01),
    "nadam": lambda: lamina.optimizers.Nadam(0.01),
    "schedule-free": lambda: lamina.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=3),
    "ftrl": lambda: lamina.optimizers.Ftrl(0.05, beta=0.1),
    "lion": lambda: lamina.optimizers.Lion(0.001),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_of_one_pass_are_recorded(rule: str) -> None:
    x, y = data(70)
    results = []
    for device in ("cpu", DEVICE):
        model = model_on(device, RULES[rule]())
        losses = [model.train_on_batch(x[:16], y[:16]) for _ in range(4)]
        before = made_and_run()
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history
        losses += [model.train_on_batch(x[:16], y[:16]) for _ in range(2)]
        made, run = made_and_run() - before
        results.append((losses, history, state(model)))
    assert results[0] == results[1]
    # Whole batches at once, the last of an epoch when it comes again; train_on_batch was before.
    assert (made, run) == (2, 3 * 4 + 2 + 2)


def test_old_gradients_fade_in_captured_steps() -> None:
    x, y = data(520)
    x[20:] = 0  # no gradient reaches the first kernel any more
    results = []
    for device in ("cpu", DEVICE):
        model = model_on(device, lamina.optimizers.Adam(0.01, beta_1=0.3, beta_2=0.5))
        before = made_and_run()
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        run = (made_and_run() - before)[1]
        momentum, velocity = (np.asarray(model.optimizer.variables[i]) for i in (0, 1))
        results.append((momentum.tobytes(), velocity.tobytes(), state(model)))
    assert results[0] == results[1]
    assert run == 130
    assert not momentum.any() and np.all(velocity > 2.0**-116)


def test_indices_are_checked_before_captured_steps() -> None:
    indices = np.random.default_rng(0).integers(0, 9, (60, 4))
    y = indices.sum(axis=1) % 3
    results = []
    for device in ("cpu", DEVICE):
        lamina.utils.set_random_seed(5)
        layers = lamina.layers
        model = lamina.Sequential(
            [
                lamina.Input((4,)),
                layers.Embedding(9, 5),
                layers.Flatten(),
                layers.Dense(3, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", device=device)
        before = made_and_run()
        losses = [model.train_on_batch(indices[:20], y[:20]) for _ in range(3)]
        losses.append(model.fit(indices, y, batch_size=20, epochs=2, verbose=0).history)
        made = made_and_run() - before
        unchanged = state(model)
        for bad in (9, -1):
            wrong = indices[:20].copy()
            wrong[7, 2] = bad
            with pytest.raises(ValueError, match=f"from 0 to 8.*Received: {bad}"):
                model.train_on_batch(wrong, y[:20])
        assert state(model) == unchanged
        with pytest.raises(ValueError, match="from 0 to 8"):
            model.fit(wrong.repeat(4, axis=0), y[:20].repeat(4), batch_size=20, verbose=0)
        results.append((losses, state(model)))
    assert results[0] == results[1]
    assert tuple(made) == (2, 2 + 2 * 3)


def test_steps_on_batches_are_recorded_when_a_size_comes_again() -> None:
    x, y = data(40)
    model = model_on(DEVICE, "adam")
    counts = [made_and_run()]
    for size in (10, 10, 10, 12, 10, 12, 40, 12):
        model.train_on_batch(x[:size], y[:size])
        counts.append(made_and_run())
    # A size larger than all before makes new activations, so that the captured steps are forgotten.
    none, made, kept = (0, 0), (1, 1), (0, 1)
    found = [tuple(d) for d in np.diff(counts, axis=0)]
    assert found == [none, made, kept, none, none, made, none, none]


def test_what_needs_the_host_is_asked_once_and_not_recorded() -> None:
    x, y = data(40)
    before = made_and_run()
    model = model_on(DEVICE, "adam")
    model.compile(lamina.optimizers.Lamb(0.01), "sparse_categorical_crossentropy", device=DEVICE)
    for _ in range(4):
        model.train_on_batch(x, y)
    model.fit(x, y, batch_size=10, verbose=0)
    assert tuple(made_and_run() - before) == (0, 0)


class Script:
    """One model and what can happen to it."""

    def __init__(self, device: str, optimizer: object) -> None:
        self.device = device
        self.model = model_on(device, optimizer)
        self.x, self.y = data(60)
        self.weights = np.linspace(0.5, 2.0, 60)
        self.log: list[object] = []

    def do(self, what: str, size: int) -> None:
        model, x, y = self.model, self.x[:size], self.y[:size]
        if what == "batch":
            self.log.append(model.train_on_batch(x, y))
        elif what == "weighted batch":
            self.log.append(model.train_on_batch(x, y, sample_weight=self.weights[:size]))
        elif what == "float64 batch":
            self.log.append(model.train_on_batch(x.astype(np.float64)[::-1], y.astype(np.int8)))
        elif what == "fit":
            self.log.append(model.fit(x, y, batch_size=7, epochs=2, verbose=0).history)
        elif what == "weighted fit":
            weights = self.weights[:size]
            history = model.fit(x, y, batch_size=7, sample_weight=weights, shuffle=False, verbose=0)
            self.log.append(history.history)
        elif what == "rate":
            rate = 0.003 * (1 + size % 3)
            if callable(model.optimizer._learning_rate):
                rate = lamina.optimizers.schedules.ExponentialDecay(rate, 7, 0.8)
            model.optimizer.learning_rate = rate
        elif what == "freeze":
            model.layers[size % 4].trainable = not model.layers[size % 4].trainable
        elif what == "compile":
            loss = "sparse_categorical_crossentropy"
            model.compile(("sgd", "rmsprop")[size % 2], loss, metrics=["accuracy"])
        elif what == "weights":
            model.set_weights([w * np.float32(0.5) for w in model.get_weights()])
        elif what == "predict":
            self.log.append(model.predict(x, verbose=0).tobytes())
        elif what == "evaluate":
            self.log.append(model.evaluate(x, y, batch_size=9, verbose=0))
        elif what == "tape":
            variables = model.trainable_variables
            gradients = [np.full(v.shape, 0.01 * size, np.float32) for v in variables]
            model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        elif what == "new data":
            self.x = self.x * np.float32(0.75)
        elif what == "optimizer state":
            for variable in model.optimizer.variables[2:]:
                variable.assign(np.asarray(variable) * np.asarray(variable).dtype.type(0.5))


STEPS = (
    "batch",
    "batch",
    "batch",
    "weighted batch",
    "float64 batch",
    "fit",
    "weighted fit",
    "rate",
    "freeze",
    "compile",
    "weights",
    "predict",
    "evaluate",
    "tape",
    "new data",
    "optimizer state",
)


CHANGES = {
    "freeze": [("freeze", 0), ("freeze", 1)],
    "freeze and thaw": [("freeze", 0), ("batch", 8), ("freeze", 0)],
    "compile": [("compile", 1)],
    "rate": [("rate", 1)],
    "weights": [("weights", 8)],
    "sample weights": [("weighted batch", 8), ("weighted batch", 8)],
    "a larger batch": [("batch", 20)],
    "evaluation of more": [("evaluate", 60)],
    "a tape": [("tape", 8)],
    "state": [("optimizer state", 8)],
    "data": [("new data", 8)],
}


@pytest.mark.parametrize("rule", ["momentum", "averages", "nadam"])
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_between_captured_steps(change: str, rule: str) -> None:
    ends = []
    for device in ("cpu", DEVICE):
        one = Script(device, RULES[rule]())
        steps = [("batch", 8)] * 3 + [("fit", 20)]
        for what, size in [*steps, *CHANGES[change], *steps, *CHANGES[change], *steps]:
            one.do(what, size)
        ends.append((one.log, state(one.model)))
    assert ends[0] == ends[1]


def test_a_recording_never_writes_to_memory_that_others_have_now() -> None:
    x, y = data(64)
    first = model_on(DEVICE, "adam")
    for _ in range(3):
        first.train_on_batch(x[:8], y[:8])
    first.train_on_batch(x, y)  # larger activations: the old ones' memory is free
    others = [model_on(DEVICE, "sgd") for _ in range(12)]
    before = [state(model) for model in others]
    for _ in range(3):
        first.train_on_batch(x[:8], y[:8])
    assert [state(model) for model in others] == before


@settings(max_examples=40, deadline=None)
@given(
    rule=st.sampled_from(["momentum", "adamw", "averages", "nadam"]),
    script=st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from([8, 20, 60])), min_size=4, max_size=14
    ),
)
def test_whatever_happens_between_steps(rule: str, script: list[tuple[str, int]]) -> None:
    ends = []
    for device in ("cpu", DEVICE):
        one = Script(device, RULES[rule]())
        for what, size in script:
            one.do(what, size)
        ends.append((one.log, state(one.model)))
    assert ends[0] == ends[1]
