"""Learning-rate schedules: their formulas, and the same bits whoever computes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.optimizers import SGD, Adam, schedules

Array = np.ndarray[Any, Any]
rates = st.floats(1e-6, 10.0)
lengths = st.integers(1, 300)
steps = st.integers(0, 1000)


def same(schedule: Callable[[int], Any], wanted: Callable[[int], float], step: int) -> None:
    value = wanted(step)
    assert math.isclose(schedule(step), value, rel_tol=1e-12, abs_tol=1e-14)


@given(a=rates, n=lengths, r=st.floats(0.01, 1.2), stairs=st.booleans(), step=steps)
def test_exponential_and_inverse_time(a: float, n: int, r: float, stairs: bool, step: int) -> None:
    def p(s: int) -> float:
        return s // n if stairs else s / n

    same(schedules.ExponentialDecay(a, n, r, stairs), lambda s: float(a * r ** p(s)), step)
    same(schedules.InverseTimeDecay(a, n, r, stairs), lambda s: a / (1 + r * p(s)), step)


@given(
    boundaries=st.lists(st.integers(0, 500), max_size=5, unique=True).map(sorted),
    values=st.lists(rates, min_size=6, max_size=6),
    step=steps,
)
def test_piecewise_constant(boundaries: list[int], values: list[float], step: int) -> None:
    values = values[: len(boundaries) + 1]
    schedule = schedules.PiecewiseConstantDecay(boundaries, values)
    assert schedule(step) == values[sum(step > b for b in boundaries)]


@given(a=rates, b=rates, n=lengths, power=st.floats(0.1, 4.0), cycle=st.booleans(), step=steps)
def test_polynomial(a: float, b: float, n: int, power: float, cycle: bool, step: int) -> None:
    def wanted(s: int) -> float:
        length = n * (math.ceil(s / n) or 1) if cycle else n
        return float((a - b) * (1 - min(s, length) / length) ** power + b)

    same(schedules.PolynomialDecay(a, n, b, power, cycle), wanted, step)


@given(
    a=rates,
    n=lengths,
    alpha=st.floats(0.0, 1.0),
    target=st.none() | rates,
    warm=st.integers(0, 50),
    step=steps,
)
def test_cosine(a: float, n: int, alpha: float, target: float | None, warm: int, step: int) -> None:
    def wanted(s: int) -> float:
        first = a
        if target is not None:
            if s < warm:
                return a + (target - a) * s / warm
            first, s = target, s - warm
        share = min(s, n) / n
        return first * ((1 - alpha) * (1 + math.cos(math.pi * share)) / 2 + alpha)

    schedule = schedules.CosineDecay(a, n, alpha, warmup_target=target, warmup_steps=warm)
    same(schedule, wanted, step)


@given(
    a=rates,
    n=st.integers(1, 60),
    t_mul=st.sampled_from([1.0, 2.0, 3.0, 1.5]),
    m_mul=st.floats(0.1, 1.5),
    alpha=st.floats(0.0, 1.0),
    step=steps,
)
def test_restarts_begin_exactly_where_they_should(
    a: float, n: int, t_mul: float, m_mul: float, alpha: float, step: int
) -> None:
    def wanted(s: int) -> float:
        length, high = float(n), 1.0
        rest = float(s)
        while rest >= length:  # periods one after the other; exact for these t_mul
            rest, length, high = rest - length, length * t_mul, high * m_mul
        share = rest / length
        return a * ((1 - alpha) * high * (1 + math.cos(math.pi * share)) / 2 + alpha)

    schedule = schedules.CosineDecayRestarts(a, n, t_mul, m_mul, alpha)
    assert math.isclose(schedule(step), wanted(step), rel_tol=1e-9, abs_tol=1e-12)


def test_ever_shorter_periods_end() -> None:
    schedule = schedules.CosineDecayRestarts(0.5, 16, t_mul=0.5, alpha=0.25)
    assert schedule(0) == schedule(16) == 0.5
    assert schedule(31) >= 0.125 and schedule(32) == schedule(1000) == 0.125


@given(
    high=rates,
    total=st.integers(2, 200),
    share=st.floats(0.0, 1.0),
    linear=st.booleans(),
    three=st.booleans(),
    step=steps,
)
def test_one_cycle(
    high: float, total: int, share: float, linear: bool, three: bool, step: int
) -> None:
    low, last = high / 25, high / 25 / 1e4
    turn = share * total - 1
    phases = [(turn, low, high), (total - 1, high, last)]
    if three:
        phases = [(turn, low, high), (2 * turn, high, low), (total - 1, low, last)]

    def wanted(s: int) -> float:
        start = 0.0
        for i, (end, a, b) in enumerate(phases):
            if s <= end or i == len(phases) - 1:
                x = min((s - start) / (end - start), 1) if end > start else 1.0
                return a + (b - a) * (x if linear else (1 - math.cos(math.pi * x)) / 2)
            start = end
        raise AssertionError

    schedule = schedules.OneCycle(
        high, total, share, "linear" if linear else "cos", three_phase=three
    )
    assert math.isclose(schedule(step), wanted(step), rel_tol=1e-9, abs_tol=1e-9 * high)


def test_one_cycle_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for arguments in ({}, {"three_phase": True}, {"anneal_strategy": "linear", "pct_start": 0.4}):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.7, 50, **arguments)
        mine = schedules.OneCycle(0.7, 50, **arguments)
        for step in range(50):
            assert math.isclose(mine(step), optimizer.param_groups[0]["lr"], rel_tol=1e-9)
            optimizer.step()
            if step < 49:
                theirs.step()


class Halving(schedules.LearningRateSchedule):
    def __init__(self, first: float) -> None:
        self.first = first
        self.asked: list[int] = []

    def __call__(self, step: int) -> float:
        self.asked.append(step)
        return self.first * 0.5**step

    def get_config(self) -> dict[str, Any]:
        return {"first": self.first}


X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")


def _model() -> lamina.Sequential:
    model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
    weights = [np.random.default_rng(2).normal(size=(4, 2)), np.zeros(2)]
    model.set_weights([w.astype("float32") for w in weights])
    return model


def _weights(learning_rate: Any, **options: Any) -> bytes:
    model = _model()
    model.compile(Adam(learning_rate, **options), "mse")
    model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return b"".join(w.tobytes() for w in model.get_weights())


def test_whoever_computes_the_rate_the_bits_are_the_same() -> None:
    built_in = schedules.ExponentialDecay(0.1, 1, 0.5)
    halving = Halving(0.1)
    made = [_weights(built_in), _weights(halving)]
    assert halving.asked == list(range(15))

    class Own(schedules.ExponentialDecay):
        def __call__(self, step: int) -> float:
            return 0.1 * 0.5**step

    made.append(_weights(Own(0.1, 1, 0.5)))
    count = iter(range(100))
    made.append(_weights(lambda: 0.1 * 0.5 ** next(count)))

    model = _model()
    optimizer = Adam(0.1)
    model.compile(optimizer, "mse")
    for step in range(15):
        optimizer.learning_rate = 0.1 * 0.5**step
        model.train_on_batch(X[step % 5 * 4 :][:4], Y[step % 5 * 4 :][:4])
    made.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert len(set(made)) == 1
    assert _weights(0.1) != made[0]


def test_the_schedule_follows_single_steps_also_when_gradients_add_up() -> None:
    model = _model()
    schedule = schedules.PiecewiseConstantDecay([3], [0.5, 0.25])
    optimizer = SGD(schedule, gradient_accumulation_steps=2)
    assert optimizer.learning_rate == 0.5
    model.compile(optimizer, "mse")
    seen = []
    for _ in range(6):
        seen.append(optimizer.learning_rate)
        model.train_on_batch(X, Y)
    assert seen == [0.5] * 4 + [0.25] * 2 and optimizer.iterations == 3


def test_a_schedule_can_be_replaced_by_a_schedule_only() -> None:
    model = _model()
    optimizer = SGD(schedules.InverseTimeDecay(0.5, 1, 1.0))
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    assert optimizer.learning_rate == 0.25
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([], [0.125])
    assert optimizer.learning_rate == 0.125
    plain = SGD(0.1)
    plain.learning_rate = Halving(1.0)
    assert plain.learning_rate == 1.0


def test_an_error_in_a_schedule_of_ones_own_leaves_whole_steps() -> None:
    class Failing(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            if step == 3:
                raise KeyError("the third")
            return 0.1

    model = _model()
    model.compile(SGD(Failing()), "mse")
    with pytest.raises(KeyError, match="the third"):
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    wanted = _model()
    wanted.compile(SGD(0.1), "mse")
    for i in range(3):
        wanted.train_on_batch(X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4])
    for a, b in zip(model.get_weights(), wanted.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert model._trainer.ready().iterations == 3


def test_a_schedule_of_ones_own_may_look_at_its_model() -> None:
    class Looking(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            seen.append(float(np.abs(model.predict(X)).max()))
            with pytest.raises(RuntimeError, match="in another thread"):
                model.train_on_batch(X, Y)
            return 0.1

    seen: list[float] = []
    model = _model()
    model.compile(SGD(Looking()), "mse")
    model.fit(X, Y, batch_size=5, verbose=0)
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "fast", None])
def test_what_is_no_learning_rate_is_an_error(value: Any) -> None:
    class Bad(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> Any:
            return value

    model = _model()
    model.compile(SGD(Bad()), "mse")
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match="learning_rate"):
        model.train_on_batch(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


ALL = [
    schedules.ExponentialDecay(0.5, 10, 0.9, True),
    schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.25]),
    schedules.PolynomialDecay(0.5, 10, 0.1, 2.0, True),
    schedules.InverseTimeDecay(0.5, 10, 0.9),
    schedules.CosineDecay(0.5, 10, 0.1, warmup_target=0.7, warmup_steps=3),
    schedules.CosineDecayRestarts(0.5, 10, 1.5, 0.9, 0.1),
    schedules.OneCycle(0.5, 10, 0.4, "linear", three_phase=True),
]


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_configurations_survive(schedule: Any, tmp_path: Any) -> None:
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    keras = {"module": "keras.optimizers.schedules", "registered_name": None}
    assert repr(schedules.deserialize({**schedules.serialize(schedule), **keras})) == repr(schedule)
    optimizer = Adam.from_config(Adam(schedule).get_config())
    assert [optimizer._learning_rate(s) for s in range(9)] == [schedule(s) for s in range(9)]

    model = _model()
    model.compile(SGD(schedule, momentum=0.5), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model")
    loaded = lamina.saving.load_model(tmp_path / "model")
    assert loaded.optimizer.learning_rate == model.optimizer.learning_rate == schedule(2)


def test_schedules_of_ones_own_are_saved_with_their_class(tmp_path: Any) -> None:
    model = _model()
    model.compile(SGD(Halving(0.5)), "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / "model")
    loaded = lamina.saving.load_model(tmp_path / "model", custom_objects={"Halving": Halving})
    assert loaded.optimizer.learning_rate == 0.25
    with pytest.raises(lamina.FileFormatError, match="Halving"):
        lamina.saving.load_model(tmp_path / "model")
    with pytest.raises(ValueError, match="cannot"):
        SGD(lambda: 0.1).get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps=0"),
        (lambda: schedules.ExponentialDecay(-0.1, 1, 0.5), "initial_learning_rate=-0.1"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "one more"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1.0, 1.0, 1.0]), "must increase"),
        (lambda: schedules.PolynomialDecay(0.1, 10, power=math.nan), "power=nan"),
        (lambda: schedules.CosineDecay(0.1, 10, warmup_steps=-1), "warmup_steps=-1"),
        (lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.0), "t_mul=0.0"),
        (lambda: schedules.OneCycle(0.1, 10, anneal_strategy="no"), "anneal_strategy='no'"),
        (lambda: schedules.ExponentialDecay(0.1, 1, 0.5)(-1), "step=-1"),
        (lambda: schedules.deserialize({"class_name": "Nothing"}), "Known names"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
