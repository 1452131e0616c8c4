"""Optimizers in float64 NumPy, written from the published formulas; shares no code with lamina.

Each rule is a class: `step(t, rate, i, w, g)` gives the new value of weight array i from its
value w and gradient g at step t (from 1), and keeps its state by i.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Rule:
    def __init__(self, **numbers: Any) -> None:
        self.__dict__.update(numbers)
        self.state: dict[int, dict[str, Array]] = defaultdict(dict)

    def begin(self, t: int) -> None:
        """Called once before the arrays of step t."""

    def slot(self, i: int, name: str, like: Array, value: float = 0.0) -> Array:
        return self.state[i].setdefault(name, np.full_like(like, value))

    def moments(self, i: int, g: Array) -> tuple[Array, Array]:
        m = self.beta_1 * self.slot(i, "m", g) + (1 - self.beta_1) * g
        v = self.beta_2 * self.slot(i, "v", g) + (1 - self.beta_2) * g**2
        self.state[i].update(m=m, v=v)
        return m, v

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class SGD(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        v = self.momentum * self.slot(i, "v", g) - rate * g
        self.state[i]["v"] = v
        return w + (self.momentum * v - rate * g if self.nesterov else v)


class RMSprop(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        v = self.rho * self.slot(i, "v", g) + (1 - self.rho) * g**2
        a = self.rho * self.slot(i, "a", g) + (1 - self.rho) * g
        spread = v - a**2 if self.centered else v
        m = self.momentum * self.slot(i, "m", g) + rate * g / np.sqrt(spread + self.epsilon)
        self.state[i].update(v=v, a=a, m=m)
        return w - m


class Adam(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        m, v = self.moments(i, g)
        if self.amsgrad:
            v = np.maximum(self.slot(i, "h", g), v)
            self.state[i]["h"] = v
        alpha = rate * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return w - alpha * m / (np.sqrt(v) + self.epsilon)


class Adadelta(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        a = self.rho * self.slot(i, "a", g) + (1 - self.rho) * g**2
        b = self.slot(i, "b", g)
        d = -np.sqrt(b + self.epsilon) / np.sqrt(a + self.epsilon) * g
        self.state[i].update(a=a, b=self.rho * b + (1 - self.rho) * d**2)
        return w + rate * d


class Adagrad(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        a = self.slot(i, "a", g, self.initial_accumulator_value) + g**2
        self.state[i]["a"] = a
        return w - rate * g / np.sqrt(a + self.epsilon)


class Adamax(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        m = self.beta_1 * self.slot(i, "m", g) + (1 - self.beta_1) * g
        u = np.maximum(self.beta_2 * self.slot(i, "u", g), np.abs(g))
        self.state[i].update(m=m, u=u)
        return w - rate / (1 - self.beta_1**t) * m / (u + self.epsilon)


class Nadam(Rule):
    product = 1.0

    def momentum_at(self, t: int) -> float:
        return float(self.beta_1 * (1 - 0.5 * 0.96**t))

    def begin(self, t: int) -> None:
        self.product *= self.momentum_at(t)

    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        m, v = self.moments(i, g)
        now, then = self.momentum_at(t), self.momentum_at(t + 1)
        first = then * m / (1 - self.product * then) + (1 - now) * g / (1 - self.product)
        return w - rate * first / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)


class ScheduleFreeAdamW(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        z = self.state[i].get("z", self.first[i])
        v = self.beta_2 * self.slot(i, "v", g) + (1 - self.beta_2) * g**2
        warm = min(1.0, t / self.warmup_steps) if self.warmup_steps else 1.0
        x = (w - (1 - self.beta_1) * z) / self.beta_1
        z = z - warm * rate * g / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        x = (1 - 1 / t) * x + z / t
        self.state[i].update(v=v, z=z, x=x)
        return (1 - self.beta_1) * z + self.beta_1 * x


class Ftrl(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        a = self.slot(i, "a", g, self.initial_accumulator_value)
        z = self.slot(i, "z", g)
        power = -self.learning_rate_power
        l2 = self.l2_regularization_strength + self.beta / (2 * rate)
        l1 = self.l1_regularization_strength
        b = a + g**2
        shrunk = g + 2 * self.l2_shrinkage_regularization_strength * w
        z = z + shrunk - (b**power - a**power) / rate * w
        self.state[i].update(a=b, z=z)
        return np.where(np.abs(z) <= l1, 0.0, (np.sign(z) * l1 - z) / (b**power / rate + 2 * l2))


class Lion(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        m = self.slot(i, "m", g)
        self.state[i]["m"] = self.beta_2 * m + (1 - self.beta_2) * g
        return w - rate * np.sign(self.beta_1 * m + (1 - self.beta_1) * g)


class Lamb(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        m, v = self.moments(i, g)
        s = m / (1 - self.beta_1**t) / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        norms = np.linalg.norm(w), np.linalg.norm(s)
        ratio = norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1.0
        return w - rate * ratio * s


def rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x**2)))


class Adafactor(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        rho = min(rate, 1 / np.sqrt(t))
        alpha = max(self.epsilon_2, rms(w)) * rho
        beta = 1 - t**self.beta_2_decay
        square = g**2 + self.epsilon_1
        if w.ndim == 2:
            r = beta * self.slot(i, "r", g[:, 0]) + (1 - beta) * square.mean(axis=1)
            c = beta * self.slot(i, "c", g[0]) + (1 - beta) * square.mean(axis=0)
            self.state[i].update(r=r, c=c)
            v = np.outer(r, c) / r.mean()
        else:
            v = beta * self.slot(i, "v", g) + (1 - beta) * square
            self.state[i]["v"] = v
        u = g / np.sqrt(v)
        return w - alpha * u / max(1.0, rms(u) / self.clip_threshold)


class Muon(Rule):
    def step(self, t: int, rate: float, i: int, w: Array, g: Array) -> Array:
        if w.ndim != 2:
            m, v = self.moments(i, g)
            alpha = self.adam_lr_ratio * rate * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
            return w - alpha * m / (np.sqrt(v) + self.epsilon)
        m = self.momentum * self.slot(i, "m", g) + g
        self.state[i]["m"] = m
        x = self.momentum * m + g if self.nesterov else m
        x = x / (np.linalg.norm(x) + 1e-7)
        flip = x.shape[0] > x.shape[1]
        if flip:
            x = x.T
        for _ in range(self.ns_steps):
            a = x @ x.T
            x = self.muon_a * x + (self.muon_b * a + self.muon_c * a @ a) @ x
        if flip:
            x = x.T
        scale = 1.0 if self.rms_rate is None else np.sqrt(max(w.shape)) * self.rms_rate
        return w - rate * scale * x


def train(
    rule: Rule,
    weights: list[Array],
    gradient: Callable[[list[Array]], list[Array]],
    steps: int,
    rate: Callable[[int], float],
    *,
    weight_decay: Any = None,
    clipnorm: float | None = None,
    clipvalue: float | None = None,
    global_clipnorm: float | None = None,
    use_ema: bool = False,
    ema_momentum: float = 0.99,
    ema_overwrite_frequency: int | None = None,
    gradient_accumulation_steps: int | None = None,
) -> tuple[list[Array], list[Array]]:
    """The weights and their averages after some steps, with what is common to all rules.

    `weight_decay` is a number, or a function of the array's index.
    """
    w = [value.copy() for value in weights]
    rule.first = [value.copy() for value in weights]
    average = [np.zeros_like(value) for value in w]
    sums = [np.zeros_like(value) for value in w]
    k = gradient_accumulation_steps or 1
    for s in range(steps):
        updates = s // k
        sums = [a + g for a, g in zip(sums, gradient(w), strict=True)]
        if (s + 1) % k == 0:
            grads = [a / k for a in sums]
            sums = [np.zeros_like(a) for a in sums]
            if clipnorm:
                grads = [g * min(1.0, clipnorm / max(np.linalg.norm(g), 1e-300)) for g in grads]
            elif global_clipnorm:
                norm = np.sqrt(sum(np.sum(g**2) for g in grads))
                grads = [g * min(1.0, global_clipnorm / max(norm, 1e-300)) for g in grads]
            elif clipvalue:
                grads = [np.clip(g, -clipvalue, clipvalue) for g in grads]
            now = rate(s)
            rule.begin(updates + 1)
            for i, g in enumerate(grads):
                decay = weight_decay(i) if callable(weight_decay) else weight_decay
                before = w[i] * (1 - (decay or 0.0) * now)
                w[i] = rule.step(updates + 1, now, i, before, g)
        if use_ema:
            momentum = ema_momentum if updates > 0 else 0.0
            average = [momentum * a + (1 - momentum) * x for a, x in zip(average, w, strict=True)]
            if ema_overwrite_frequency and (updates + 1) % ema_overwrite_frequency == 0:
                w = [a.copy() for a in average]
    return w, average
