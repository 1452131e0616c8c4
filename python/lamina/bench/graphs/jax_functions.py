"""The graphs as JAX functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.bench.contenders.contender import load
from lamina.bench.graphs.works import BLOCKS, COLUMNS, GraphWork

jax = load("jax")
jnp = load("jax.numpy")


def initial(work: GraphWork, seed: int = 0) -> Any:
    """The parameters: Glorot-uniform kernels, zero biases and small uniform embeddings."""
    rng = np.random.default_rng(seed)
    products = work.products[: len(work.products) // work.shared]
    dense = []
    for product in products:
        limit = np.sqrt(6.0 / (product.inputs + product.units))
        kernel = rng.uniform(-limit, limit, (product.inputs, product.units))
        dense.append((jnp.asarray(kernel, jnp.float32), jnp.zeros(product.units, jnp.float32)))
    tables = [
        jnp.asarray(rng.uniform(-0.05, 0.05, (entries, COLUMNS)), jnp.float32)
        for entries in work.indices.values()
    ]
    return {"dense": dense, "tables": tables}


def update(work: GraphWork) -> Callable[[Any, Any, Any], Any]:
    """(state, x, y) -> the state after a step of Adam, to be compiled."""

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        outputs = _FORWARD[work.name](work, parameters, x)
        total = 0.0
        for name, (kind, _, weight) in work.outputs.items():
            if kind == "mse":
                loss = jnp.mean((outputs[name] - y[name]) ** 2)
            else:
                logs = jax.nn.log_softmax(outputs[name])
                loss = -jnp.mean(jnp.take_along_axis(logs, y[name][:, None], axis=1))
            total = total + weight * loss
        return total

    def step(state: Any, x: Any, y: Any) -> Any:
        parameters, first, second, t = state
        gradients = jax.grad(loss_of)(parameters, x, y)
        t = t + 1
        m = jax.tree.map(lambda a, g: a + 0.1 * (g - a), first, gradients)
        v = jax.tree.map(lambda a, g: a + 0.001 * (g * g - a), second, gradients)
        rate = work.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        stepped = jax.tree.map(
            lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-7), parameters, m, v
        )
        return stepped, m, v, t

    return step


def state_of(work: GraphWork) -> Any:
    """Parameters, Adam's slots and the number of steps."""
    parameters = initial(work)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return parameters, zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.float32)


def _dense(parameters: Any, place: int, x: Any) -> Any:
    kernel, bias = parameters["dense"][place]
    return x @ kernel + bias


def _wide_and_deep(work: GraphWork, parameters: Any, inputs: Any) -> Any:
    x = inputs["x"]
    deep = jax.nn.relu(_dense(parameters, 1, jax.nn.relu(_dense(parameters, 0, x))))
    return {"y": _dense(parameters, 2, jnp.concatenate([x, deep], axis=1))}


def _embeddings(work: GraphWork, parameters: Any, inputs: Any) -> Any:
    columns = [
        table[inputs[name][:, 0]]
        for name, table in zip(work.indices, parameters["tables"], strict=True)
    ]
    hidden = _dense(parameters, 0, jnp.concatenate([*columns, inputs["x"]], axis=1))
    hidden = _dense(parameters, 1, jax.nn.relu(hidden))
    return {"y": _dense(parameters, 2, jax.nn.relu(hidden))}


def _actor_critic(work: GraphWork, parameters: Any, inputs: Any) -> Any:
    trunk = jnp.tanh(_dense(parameters, 1, jnp.tanh(_dense(parameters, 0, inputs["state"]))))
    return {"actor": _dense(parameters, 2, trunk), "critic": _dense(parameters, 3, trunk)}


def _two_towers(work: GraphWork, parameters: Any, inputs: Any) -> Any:
    def tower(x: Any, first: int) -> Any:
        return _dense(parameters, first + 1, jax.nn.relu(_dense(parameters, first, x)))

    query = tower(inputs["query"], 0)
    item = tower(inputs["item"], 0 if work.shared > 1 else 2)
    return {"score": jnp.sum(query * item, axis=1, keepdims=True)}


def _residual(work: GraphWork, parameters: Any, inputs: Any) -> Any:
    x = jax.nn.relu(_dense(parameters, 0, inputs["x"]))
    for block in range(BLOCKS):
        body = jax.nn.relu(_dense(parameters, 1 + 2 * block, x))
        x = _dense(parameters, 2 + 2 * block, body) + x
    return {"logits": _dense(parameters, 1 + 2 * BLOCKS, x)}


_FORWARD: dict[str, Callable[[GraphWork, Any, Any], Any]] = {
    "wide-and-deep": _wide_and_deep,
    "embeddings": _embeddings,
    "actor-critic": _actor_critic,
    "two-towers": _two_towers,
    "two-towers-shared": _two_towers,
    "residual-mlp": _residual,
}
