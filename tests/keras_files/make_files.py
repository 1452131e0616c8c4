"""Writes the files beside this script, with what their models predict and how they train on.

Run it where Keras is installed: `python make_files.py` with Keras 3 (any backend), then
`python make_files.py tf_keras` with the last Keras 2. The files are checked in, so that every
later lamina is tested on files of these versions.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


def data() -> tuple[Any, Any]:
    steps = np.arange(48 * 4, dtype="float64").reshape(48, 4)
    x = (steps * 37 % 101 / 50 - 1).astype("float32")
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int64")


def model(keras: Any, optimizer: Any) -> Any:
    result = keras.Sequential(
        [
            keras.layers.InputLayer(input_shape=(4,), name="points")
            if keras.__name__ == "tf_keras"
            else keras.Input((4,), name="points"),
            keras.layers.Dense(6, "tanh", name="first"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(5, kernel_initializer="he_normal"),
            keras.layers.LeakyReLU(0.1),
            keras.layers.Dense(2, "softmax", use_bias=False),
        ],
        name="classifier",
    )
    result.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return result


def write(keras: Any, stem: str, optimizer: Any, suffixes: tuple[str, ...]) -> dict[str, Any]:
    keras.utils.set_random_seed(3)
    x, y = data()
    network = model(keras, optimizer)
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}
    network.fit(x, y, epochs=3, **options)
    for suffix in suffixes:
        path = str(FOLDER / f"{stem}{suffix}")
        network.save_weights(path) if suffix == ".weights.h5" else network.save(path)
    predictions = network.predict(x, verbose=0).tolist()
    history = network.fit(x, y, epochs=2, **options).history
    return {
        "files": [f"{stem}{suffix}" for suffix in suffixes],
        "keras": keras.__version__,
        "iterations": 9,
        "predictions": predictions,
        "loss": history["loss"],
        "accuracy": history["accuracy"],
        "predictions_after": network.predict(x, verbose=0).tolist(),
    }


def main() -> None:
    keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "keras")
    optimizers = keras.optimizers
    all_files = (".keras", ".h5", ".weights.h5")
    if keras.__version__.startswith("2."):
        result = [
            write(keras, "keras2_adam", optimizers.Adam(0.01), all_files[:2]),
            write(keras, "keras2_old_adam", optimizers.legacy.Adam(0.01), (".h5",)),
            write(keras, "keras2_sgd", optimizers.SGD(0.05, momentum=0.9), (".h5",)),
        ]
    else:
        result = [
            write(keras, "keras3_adam", optimizers.Adam(0.01), all_files),
            write(
                keras, "keras3_sgd", optimizers.SGD(0.05, momentum=0.9, nesterov=True), all_files
            ),
        ]
    name = f"keras{keras.__version__[0]}.json"
    (FOLDER / name).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
