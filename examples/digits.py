"""Handwritten digits in about a second.

    pip install ".[examples]"
    python examples/digits.py

Trains a dense network on the 1,797 images that scikit-learn brings along, with a fixed split
and a fixed seed; saves it, loads it in a new process and shows that both give the same bits;
and draws the learning curves.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import lamina

SEED = 1
EPOCHS = 60
HELD_OUT = 360


def load_split() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The images as numbers from 0 to 1 with their labels: for training, and held out."""
    digits = load_digits()
    order = lamina.random.shuffle(np.arange(len(digits.target)), seed=SEED)
    x = (digits.data / 16.0).astype("float32")[order]
    y = digits.target[order]
    return (x[HELD_OUT:], y[HELD_OUT:]), (x[:HELD_OUT], y[:HELD_OUT])


def build_model() -> lamina.Sequential:
    """Two hidden layers with dropout, compiled."""
    model = lamina.Sequential(
        [
            lamina.Input(shape=(64,)),
            lamina.layers.Dense(256, activation="relu"),
            lamina.layers.Dropout(0.3),
            lamina.layers.Dense(128, activation="relu"),
            lamina.layers.Dropout(0.3),
            lamina.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=lamina.optimizers.Adam(learning_rate=0.001),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def fingerprint(predictions: Any) -> str:
    """The SHA-256 of the predictions' bytes."""
    return hashlib.sha256(np.ascontiguousarray(predictions).tobytes()).hexdigest()


def draw_curves(history: dict[str, list[float]], path: Path) -> None:
    """Loss and accuracy over the epochs, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, key in zip(axes, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[key]) + 1)
        axis.plot(epochs, history[key], label="training (with dropout)")
        axis.plot(epochs, history[f"val_{key}"], label="validation")
        axis.set(xlabel="epoch", ylabel=key)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle("Handwritten digits")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def train(out: Path) -> int:
    """The whole show; returns the exit status."""
    lamina.utils.set_random_seed(SEED)
    (x, y), (held_x, held_y) = load_split()
    model = build_model()
    model.summary()

    start = time.perf_counter()
    history = model.fit(x, y, batch_size=32, epochs=EPOCHS, validation_split=0.15)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(held_x, held_y, verbose=0)
    print(f"\nTrained for {EPOCHS} epochs in {seconds:.2f} s.")
    print(f"Held-out images: {accuracy:.2%} right, loss {loss:.4f}.")

    out.mkdir(parents=True, exist_ok=True)
    file, curves = out / "digits.safetensors", out / "digits.png"
    model.save(file)
    draw_curves(history.history, curves)
    print(f"Saved {file} and {curves}.")

    here = fingerprint(model.predict(held_x, verbose=0))
    command = [sys.executable, str(Path(__file__).resolve()), "--fingerprint", str(file)]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"SHA-256 of the predictions here:             {here}")
    print(f"SHA-256 of the predictions in a new process: {there}")
    if here != there:
        print("They differ, which must not happen: please report it.", file=sys.stderr)
        return 1
    print("They are equal, bit for bit.")
    return 0


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits.")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for model and curves")
    parser.add_argument("--fingerprint", type=Path, metavar="MODEL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fingerprint is not None:
        model = lamina.saving.load_model(arguments.fingerprint)
        _, (held_x, _) = load_split()
        print(fingerprint(model.predict(held_x, verbose=0)))
        return 0
    return train(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
