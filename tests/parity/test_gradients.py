"""Gradients beside PyTorch's and JAX's, in float64."""

import numpy as np
import pytest

import lamina
from lamina import _core

core = _core.ops


def arrays():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((5, 4), (4, 3), (3,))]


def ours(f):
    inputs = [lamina.Variable(a) for a in arrays()]
    with lamina.GradientTape() as outer:
        with lamina.GradientTape() as inner:
            y = f(*inputs)
        first = inner.gradient(y, inputs)
        norm = sum(core.sum(core.square(g), None, False) for g in first)
    second = outer.gradient(norm, inputs)
    return [np.asarray(g) for g in (*first, *second)]


def network(x, w, b):
    hidden = core.tanh(x @ w + b)
    scale = core.sqrt(core.add(core.sum(core.square(hidden), (1,), True), 1.0))
    softmax = core.activation(_core.Activation("softmax"), core.divide(hidden, scale))
    return core.sum(core.log(softmax) * core.max(x, (1,), True), None, False)


def test_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays()]
    x, w, b = inputs
    hidden = torch.tanh(x @ w + b)
    scale = torch.sqrt((hidden * hidden).sum(1, keepdim=True) + 1.0)
    softmax = torch.softmax(hidden / scale, 1)
    y = (torch.log(softmax) * x.amax(1, keepdim=True)).sum()
    first = torch.autograd.grad(y, inputs, create_graph=True)
    second = torch.autograd.grad(sum((g * g).sum() for g in first), inputs)
    for a, e in zip(ours(network), [*first, *second], strict=True):
        np.testing.assert_allclose(a, e.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    jnp = jax.numpy

    def f(x, w, b):
        hidden = jnp.tanh(x @ w + b)
        scale = jnp.sqrt((hidden * hidden).sum(1, keepdims=True) + 1.0)
        softmax = jax.nn.softmax(hidden / scale, 1)
        return (jnp.log(softmax) * x.max(1, keepdims=True)).sum()

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        inputs = [jnp.asarray(a) for a in arrays()]
        gradient = jax.grad(f, (0, 1, 2))
        first = gradient(*inputs)
        norm = jax.grad(lambda *a: sum((g * g).sum() for g in gradient(*a)), (0, 1, 2))
        for a, e in zip(ours(network), [*first, *norm(*inputs)], strict=True):
            np.testing.assert_allclose(a, np.asarray(e), rtol=1e-10, atol=1e-12)
    finally:
        jax.config.update("jax_enable_x64", before)
