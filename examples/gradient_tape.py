"""TensorFlow's training loop, with the names changed.

    python examples/gradient_tape.py

A small network learns to tell three clouds of points apart: forward, loss, gradient, step, by
hand. The same model trained by `fit` on the same batches ends with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina as keras
from lamina import ops

CLASSES, FEATURES, ROWS, BATCH, EPOCHS = 3, 8, 1500, 64, 5


def make_data() -> tuple[Any, Any]:
    """Clouds of points around a centre for each class."""
    centres = keras.random.normal((CLASSES, FEATURES), stddev=2.0, seed=1)
    labels = keras.random.randint((ROWS,), 0, CLASSES, seed=2)
    noise = keras.random.normal((ROWS, FEATURES), seed=3)
    return np.asarray(centres)[labels] + np.asarray(noise), np.asarray(labels)


def make_model() -> keras.Sequential:
    """Two layers, whose first weights depend on seeds alone."""
    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(
                32, activation="relu", kernel_initializer=keras.initializers.GlorotUniform(seed=4)
            ),
            keras.layers.Dense(
                CLASSES,
                activation="softmax",
                kernel_initializer=keras.initializers.GlorotUniform(seed=5),
            ),
        ]
    )


def train(model: keras.Sequential, batches: keras.data.Dataset) -> list[float]:
    """The loop; returns the mean loss of each epoch."""
    loss_fn = keras.losses.SparseCategoricalCrossentropy()
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    history = []
    for epoch in range(EPOCHS):
        mean = keras.metrics.Mean()
        for x, y in batches:
            with keras.GradientTape() as tape:
                predictions = model(x, training=True)
                loss = loss_fn(y, predictions)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            mean.update_state(float(loss), sample_weight=len(x))
        history.append(mean.result())
        print(f"epoch {epoch + 1}: loss {history[-1]:.4f}")
    return history


def main() -> None:
    """Trains by hand and by `fit`, and compares."""
    x, y = make_data()
    batches = keras.data.Dataset.from_arrays(x, y).shuffle(seed=7).batch(BATCH).prefetch(2)
    model = make_model()
    history = train(model, batches)
    right = float(ops.mean(ops.argmax(model(x), axis=-1) == y))
    print(f"accuracy {right:.3f}")
    assert history[-1] < history[0]
    assert right > 0.9

    again = make_model()
    again.compile(keras.optimizers.Adam(learning_rate=0.01), "sparse_categorical_crossentropy")
    again.fit(
        keras.data.Dataset.from_arrays(x, y).shuffle(seed=7).batch(BATCH), epochs=EPOCHS, verbose=0
    )
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    print("fit gives the same bits")


if __name__ == "__main__":
    main()
