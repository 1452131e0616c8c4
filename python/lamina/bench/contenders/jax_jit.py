"""JAX: the whole step as one compiled function whose state is donated.

Batches lie in the device's memory beforehand, and a round waits only at its end: both are to
JAX's advantage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.bench.contenders.contender import Contender, Loop, Timed, load
from lamina.bench.contenders.plain_numpy import operands
from lamina.bench.contenders.tensor_calls import tensor_loop
from lamina.bench.graphs import jax_functions
from lamina.bench.graphs.works import GraphData, GraphWork
from lamina.bench.works import Data, Work, make_weights

jax = load("jax")
jnp = load("jax.numpy")


class JaxJit(Contender):
    """See the module."""

    packages = ("jax", "jaxlib")
    imports = "jax, jax.numpy"

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Products and forward activations."""
        if section == "gemm" and parameters["dtype"] == "float32":
            a, b, _ = operands(parameters)
            form = parameters["form"]
            if form == "tn":
                product, a = jax.jit(lambda a, b: a.T @ b), a.T
            elif form == "nt":
                product, b = jax.jit(lambda a, b: a @ b.T), b.T
            else:
                product = jax.jit(lambda a, b: a @ b)
            return _waiting_loop(product, jnp.asarray(a), jnp.asarray(b))
        if section == "activation" and not parameters["backward"]:
            kind = parameters["kind"]
            function = getattr(jax.nn, kind)
            x = np.random.default_rng(0).uniform(-4, 4, (parameters["rows"], parameters["columns"]))
            exact = jax.jit(
                lambda x: function(x, approximate=False) if kind == "gelu" else function(x)
            )
            return _waiting_loop(exact, jnp.asarray(x, jnp.float32))
        if section == "tensor":
            return tensor_loop(
                parameters, jnp, jnp.asarray, jax.jit, lambda result: result.block_until_ready()
            )
        if section == "tape":
            links = parameters["links"]

            def chain(x: Any) -> Any:
                y = x
                for _ in range(links):
                    y = jnp.tanh(y * 0.9 + x)
                return y.sum()

            return _waiting_loop(jax.jit(jax.grad(chain)), jnp.linspace(-1, 1, parameters["n"]))
        return None

    def step(self, work: Work, data: Data) -> Timed | None:
        """On batches in the device's memory."""
        trainer = _Trainer(work)
        steps = len(data.x) // data.batch
        places = data.batches()
        batches = [
            (jnp.asarray(data.x[place]), jnp.asarray(data.y[place]))
            for place, _ in zip(places, range(steps), strict=False)
        ]
        at = 0

        def step() -> None:
            nonlocal at
            trainer.step(*batches[at])
            at = (at + 1) % steps

        return Loop(step, trainer.wait)

    def graph_step(self, work: GraphWork, data: GraphData) -> Timed | None:
        """On batches in the device's memory; the block is lamina's alone."""
        if work.name == "residual-blocks":
            return None
        update = jax.jit(jax_functions.update(work), donate_argnums=0)
        state = jax_functions.state_of(work)
        places = data.batches()
        batches = [
            jax.tree.map(jnp.asarray, jax.tree.map(lambda a, p=place: a[p], (data.x, data.y)))
            for place, _ in zip(places, range(data.rows // data.batch), strict=False)
        ]
        at = 0

        def step() -> None:
            nonlocal state, at
            state = update(state, *batches[at])
            at = (at + 1) % len(batches)

        return Loop(step, lambda: jax.block_until_ready(state))

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """Rows are gathered inside of the compiled step."""
        trainer = _Trainer(work)
        x, y = jnp.asarray(data.x), jnp.asarray(data.y)
        rng = np.random.default_rng(1)

        def epoch() -> None:
            order = rng.permutation(len(data.x)).astype(np.int32)
            for first in range(0, len(order), data.batch):
                trainer.step_on_rows(x, y, order[first : first + data.batch])

        return Loop(epoch, trainer.wait, units=steps)

    def predict(self, work: Work, x: Any) -> Timed | None:
        """Compiled."""
        parameters = [jnp.asarray(array) for pair in make_weights(work) for array in pair]
        forward = jax.jit(lambda parameters, x: _forward(work, parameters, x, None))
        return _waiting_loop(forward, parameters, jnp.asarray(x))


def _waiting_loop(function: Any, *arguments: Any) -> Loop:
    return Loop(lambda: function(*arguments).block_until_ready())


def _forward(work: Work, parameters: list[Any], x: Any, key: Any) -> Any:
    for i in range(0, len(parameters), 2):
        x = x @ parameters[i] + parameters[i + 1]
        if i + 2 < len(parameters):
            x = jax.nn.relu(x) if work.activation == "relu" else jnp.tanh(x)
            if key is not None and work.dropout > 0.0:
                keep = 1.0 - work.dropout
                mask = jax.random.bernoulli(jax.random.fold_in(key, i), keep, x.shape)
                x = jnp.where(mask, x / keep, 0.0)
    return x


def _loss(work: Work, parameters: list[Any], x: Any, y: Any, key: Any) -> Any:
    prediction = _forward(work, parameters, x, key)
    if work.loss == "mse":
        return jnp.mean((prediction - y) ** 2)
    logs = jax.nn.log_softmax(prediction)
    return -jnp.mean(jnp.take_along_axis(logs, y[:, None], axis=1))


def _update(work: Work, state: Any, x: Any, y: Any) -> Any:
    parameters, first, second, t = state
    key = jax.random.fold_in(jax.random.key(0), t) if work.dropout > 0.0 else None
    gradients = jax.grad(lambda p: _loss(work, p, x, y, key))(parameters)
    t = t + 1
    if work.optimizer == "sgd":
        stepped = [p - work.learning_rate * g for p, g in zip(parameters, gradients, strict=True)]
        return stepped, first, second, t
    m = [a + 0.1 * (g - a) for a, g in zip(first, gradients, strict=True)]
    v = [a + 0.001 * (g * g - a) for a, g in zip(second, gradients, strict=True)]
    rate = work.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    stepped = [
        p - rate * a / (jnp.sqrt(b) + 1e-7) for p, a, b in zip(parameters, m, v, strict=True)
    ]
    return stepped, m, v, t


class _Trainer:
    def __init__(self, work: Work) -> None:
        flat = [array for pair in make_weights(work) for array in pair]
        slots = flat if work.optimizer == "adam" else []
        self.state: Any = (
            [jnp.array(array) for array in flat],
            [jnp.zeros(array.shape, jnp.float32) for array in slots],
            [jnp.zeros(array.shape, jnp.float32) for array in slots],
            jnp.zeros((), jnp.float32) if work.dropout == 0.0 else jnp.zeros((), jnp.int32),
        )
        self._on_batch = jax.jit(lambda state, x, y: _update(work, state, x, y), donate_argnums=0)
        self._on_rows = jax.jit(
            lambda state, x, y, rows: _update(work, state, x[rows], y[rows]), donate_argnums=0
        )

    def step(self, x: Any, y: Any) -> None:
        self.state = self._on_batch(self.state, x, y)

    def step_on_rows(self, x: Any, y: Any, rows: Any) -> None:
        self.state = self._on_rows(self.state, x, y, rows)

    def wait(self) -> None:
        jax.block_until_ready(self.state)


def make(threads: int) -> JaxJit:
    """See `lamina.bench.contenders.make`; XLA takes as many threads as the process has CPUs."""
    return JaxJit(threads)
