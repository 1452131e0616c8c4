"""Graphs that both export formats have to write, with data for their inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lamina
from lamina import layers, ops

Array = np.ndarray[Any, Any]
Made = tuple[Any, list[Array]]


def normal(*shape: int, seed: int = 5) -> Array:
    """Numbers of size 1 as float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def diamond() -> Made:
    """Two ways from one layer to another, and a value that two layers and an output read."""
    x = lamina.Input((4,))
    trunk = layers.Dense(6, "relu")(x)
    left, right = layers.Dense(5)(trunk), layers.Dense(5, "hard_tanh")(trunk)
    joined = layers.Add()([left, right])
    return lamina.Model(x, [layers.Dense(2)(joined), joined, trunk]), [normal(9, 4)]


def shared() -> Made:
    """One layer and one model, called twice, on samples of the same shape."""
    a, b = lamina.Input((4,), name="a"), lamina.Input((4,), name="b")
    inside = lamina.Input((6,))
    tower = lamina.Model(inside, layers.Dense(3, "relu")(layers.Dense(5, "relu")(inside)))
    dense = layers.Dense(6, "relu", name="first")
    first, second = tower(dense(a)), tower(dense(b))
    output = layers.Concatenate()([first, second, layers.Subtract()([first, second])])
    return lamina.Model([a, b], layers.Dense(2)(output)), [normal(7, 4), normal(7, 4, seed=6)]


def columns() -> Made:
    """Categorical columns through embeddings beside numbers, in a dictionary."""
    inputs = {
        "city": lamina.Input((1,), dtype="int32", name="city"),
        "day": lamina.Input((2,), dtype="int64", name="day"),
        "size": lamina.Input((3,), name="size"),
    }
    city = layers.Flatten()(layers.Embedding(11, 4)(inputs["city"]))
    day = layers.Flatten()(layers.Embedding(7, 2)(inputs["day"]))
    both = layers.concatenate([city, day, layers.BatchNormalization()(inputs["size"])])
    hidden = layers.Dense(8, "relu")(both)
    outputs = {"wide": layers.Dense(1)(both), "deep": layers.Dense(2, name="deep")(hidden)}
    generator = np.random.default_rng(3)
    data = [
        generator.integers(0, 11, (6, 1)).astype("int32"),
        generator.integers(0, 7, (6, 2)),
        normal(6, 3),
    ]
    return lamina.Model(inputs, outputs), data


def merging(name: str) -> Made:
    """A layer that joins two matrices and a row."""
    x1, x2, x3 = (lamina.Input(shape) for shape in ((3, 4), (3, 4), (1, 4)))
    inputs = [x1, x2] if name == "Subtract" else [x1, x2, x3]
    arrays = [normal(5, 3, 4), normal(5, 3, 4, seed=6), normal(5, 1, 4)]
    return lamina.Model(inputs, getattr(layers, name)()(inputs)), arrays[: len(inputs)]


def dot(axes: Any, normalize: bool, first: Any = (3, 4), second: Any = (4, 3)) -> Made:
    """Products of two matrices or rows."""
    x1, x2 = lamina.Input(first), lamina.Input(second)
    product = layers.Dot(axes, normalize=normalize)([x1, x2])
    return lamina.Model([x1, x2], product), [normal(5, *first), normal(5, *second, seed=6)]


class Net(lamina.Model):
    """A subclass that chains layers and functions."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(6, "relu")
        self.heads = [layers.Dense(2), layers.Dense(4)]
        self.dropout = layers.Dropout(0.5)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.dropout(self.hidden(inputs), training=training)
        return self.heads[0](x) + 1.0, self.heads[1](x) * inputs


def subclassed() -> Made:
    """A model of that class."""
    model, x = Net(), normal(5, 4)
    model(x)
    return model, [x]


def chain_in_a_graph() -> Made:
    """A Sequential, a block and a function of Python inside of a graph."""
    x = lamina.Input((4,))
    y = lamina.Sequential([layers.Dense(6, "relu"), layers.LayerNormalization()])(x)
    y = layers.Residual([layers.Dense(6, "relu"), layers.Dense(6)])(y)
    y = layers.Lambda(lambda inputs: ops.maximum(inputs, -0.25) * 2.0)(y)
    return lamina.Model(x, layers.Average()([y, layers.Dense(6)(x)])), [normal(5, 4)]


GRAPHS: dict[str, Callable[[], Made]] = {
    "diamond": diamond,
    "shared": shared,
    "columns": columns,
    **{
        name: (lambda name=name: merging(name))
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "concatenate inside": lambda: concatenated(1),
    "concatenate last": lambda: concatenated(-1),
    "dot": lambda: dot((2, 1), False),
    "dot normalized": lambda: dot((1, 2), True),
    "dot of rows": lambda: dot(1, False, (9,), (9,)),
    "cosine": lambda: dot(1, True, (9,), (9,)),
    "subclassed": subclassed,
    "chain in a graph": chain_in_a_graph,
}


def concatenated(axis: int) -> Made:
    """Matrices side by side or one below the other."""
    x1, x2 = lamina.Input((3, 4)), lamina.Input((3, 4))
    both = layers.Concatenate(axis=axis)([x1, x2])
    return lamina.Model([x1, x2], both), [normal(5, 3, 4), normal(5, 3, 4, seed=6)]


#: Functions of a value of samples of shape (3, 6).
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
    "row": lambda x: x[:, 0],
    "last": lambda x: x[..., -1],
    "stride": lambda x: x[:, :, ::2],
    "backwards": lambda x: ops.flip(x, axis=2),
    "new axis": lambda x: x[:, None, 1:],
    "rolled": lambda x: ops.roll(x, 2, axis=2),
    "tiled": lambda x: ops.tile(x, (1, 2, 1)),
    "repeated": lambda x: ops.repeat(x, 3, axis=1),
    "taken": lambda x: ops.take(x, np.array([4, 0, 4]), axis=2),
    "reshaped": lambda x: ops.reshape(x, (-1, 9, 2)),
    "expanded": lambda x: ops.expand_dims(x, 2),
    "squeezed": lambda x: ops.squeeze(x[:, 1:2], 1),
    "split": lambda x: ops.split(x, 3, axis=2),
    "unstacked": lambda x: ops.unstack(x, axis=1),
    "joined": lambda x: ops.concatenate([x, x[:, :1]], axis=1),
    "stacked": lambda x: ops.stack([x, -x, x], axis=2),
    "arithmetic": lambda x: (2.0 - x) * x / 3.0 + abs(x),
    "array": lambda x: x * np.arange(6, dtype="float32") + np.ones((1, 3, 1), "float32"),
    "broadcast": lambda x: x - ops.mean(x, axis=2, keepdims=True),
    "squares": lambda x: ops.sqrt(ops.square(x)) + ops.rsqrt(ops.square(x) + 1.0),
    "rounded": lambda x: ops.floor(x) + ops.ceil(2 * x) + ops.round(3 * x) + ops.sign(x),
    "clipped": lambda x: ops.clip(x, -0.5, 0.75),
    "chosen": lambda x: ops.where(x > 0.1, x, ops.where(ops.isnan(x), 7.0, -1.0)),
    "compared": lambda x: ops.cast((x <= 0.0) & (x != -1.0), "float32"),
    "largest": lambda x: ops.max(x, axis=1) + ops.min(x, axis=(1,)),
    "sum": lambda x: ops.sum(x, axis=(1, 2), keepdims=True),
    "sum of columns": lambda x: ops.sum(x, axis=1),
    "mean": lambda x: ops.mean(x, axis=-1),
    "matrix": lambda x: x @ np.arange(12, dtype="float32").reshape(6, 2),
    "product": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "inner product": lambda x: ops.matmul(x[:, :1], ops.transpose(x[:, :1], (0, 2, 1))),
    "normalized": lambda x: ops.normalize(x, axis=1),
    "relu": lambda x: ops.relu(x) + ops.leaky_relu(x, 0.1) + ops.relu6(x) + ops.hard_sigmoid(x),
}


def function_of(name: str) -> Made:
    """A graph of one of these functions, and of the input beside it."""
    x = lamina.Input((3, 6))
    return lamina.Model(x, [FUNCTIONS[name](x), x * 1.0]), [normal(8, 3, 6)]
