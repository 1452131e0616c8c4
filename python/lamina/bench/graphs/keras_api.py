"""The graphs in Keras' functional API: for lamina and for Keras, whose programs are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.bench.graphs.works import BLOCKS, COLUMNS, GraphData, GraphWork


def build(keras: Any, work: GraphWork, **compile_options: Any) -> Any:
    """The compiled model of `work`.

    Args:
        keras: The module: `lamina` or Keras.
        work: The graph.
        **compile_options: More for `compile`.
    """
    layers = keras.layers
    inputs = {name: keras.Input((width,), name=name) for name, width in work.numbers.items()}
    inputs |= {name: keras.Input((1,), name=name, dtype="int32") for name in work.indices}
    outputs = _GRAPHS[work.name](layers, work, inputs)
    model = keras.Model(inputs, outputs)
    losses = {
        "mse": keras.losses.MeanSquaredError,
        "crossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    model.compile(
        optimizer=keras.optimizers.Adam(work.learning_rate),
        loss={name: losses[kind]() for name, (kind, _, _) in work.outputs.items()},
        loss_weights={name: weight for name, (_, _, weight) in work.outputs.items()},
        **compile_options,
    )
    return model


def step(model: Any, data: GraphData) -> Callable[[], object]:
    """``train_on_batch`` on slices of NumPy arrays, by name."""
    train, x, y, places = model.train_on_batch, data.x, data.y, data.batches()

    def train_next() -> None:
        place = next(places)
        train(
            {name: array[place] for name, array in x.items()},
            {name: array[place] for name, array in y.items()},
        )

    return train_next


def _wide_and_deep(layers: Any, work: GraphWork, inputs: Any) -> Any:
    x = inputs["x"]
    deep = layers.Dense(128, work.activation)(layers.Dense(256, work.activation)(x))
    return {"y": layers.Dense(1, name="y")(layers.Concatenate()([x, deep]))}


def _embeddings(layers: Any, work: GraphWork, inputs: Any) -> Any:
    columns = [
        layers.Flatten()(layers.Embedding(entries, COLUMNS)(inputs[name]))
        for name, entries in work.indices.items()
    ]
    hidden = layers.Dense(256, work.activation)(layers.Concatenate()([*columns, inputs["x"]]))
    hidden = layers.Dense(128, work.activation)(hidden)
    return {"y": layers.Dense(1, name="y")(hidden)}


def _actor_critic(layers: Any, work: GraphWork, inputs: Any) -> Any:
    trunk = layers.Dense(64, work.activation)(inputs["state"])
    trunk = layers.Dense(64, work.activation)(trunk)
    return {
        "actor": layers.Dense(4, name="actor")(trunk),
        "critic": layers.Dense(1, name="critic")(trunk),
    }


def _two_towers(layers: Any, work: GraphWork, inputs: Any) -> Any:
    def tower() -> list[Any]:
        return [layers.Dense(128, work.activation), layers.Dense(64)]

    towers = [tower()] * 2 if work.shared > 1 else [tower(), tower()]
    ends = []
    for name, chain in zip(("query", "item"), towers, strict=True):
        x = inputs[name]
        for layer in chain:
            x = layer(x)
        ends.append(x)
    return {"score": layers.Dot(axes=1, name="score")(ends)}


def _residual_mlp(layers: Any, work: GraphWork, inputs: Any) -> Any:
    x = layers.Dense(256, work.activation)(inputs["x"])
    for _ in range(BLOCKS):
        body = layers.Dense(256)(layers.Dense(256, work.activation)(x))
        x = layers.Add()([body, x])
    return {"logits": layers.Dense(10, name="logits")(x)}


def _residual_blocks(layers: Any, work: GraphWork, inputs: Any) -> Any:
    x = layers.Dense(256, work.activation)(inputs["x"])
    for _ in range(BLOCKS):
        x = layers.Residual([layers.Dense(256, work.activation), layers.Dense(256)])(x)
    return {"logits": layers.Dense(10, name="logits")(x)}


_GRAPHS: dict[str, Callable[[Any, GraphWork, Any], Any]] = {
    "wide-and-deep": _wide_and_deep,
    "embeddings": _embeddings,
    "actor-critic": _actor_critic,
    "two-towers": _two_towers,
    "two-towers-shared": _two_towers,
    "residual-mlp": _residual_mlp,
    "residual-blocks": _residual_blocks,
}
