"""Kills trainings at random moments, again and again, and compares how they end.

`python bench/kills.py [kills] [seed]` runs each kind of training once as a whole, then again and
again with a SIGKILL after a random time until there were so many kills; each time the same script
goes on from its backup. Weights, the optimizer's state, the history and the log file must be those
of the whole run, byte for byte. POSIX only.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, layers, optimizers


def _scheduled() -> Any:
    rate = optimizers.schedules.CosineDecay(0.05, 40, warmup_target=0.1, warmup_steps=5)
    return optimizers.AdamW(rate, weight_decay=0.01)


def _averaged() -> Any:
    return optimizers.Adam(0.03, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7)


def _accumulating() -> Any:
    return optimizers.SGD(0.05, momentum=0.9, gradient_accumulation_steps=3, use_ema=True)


def _scaled() -> Any:
    return optimizers.LossScaleOptimizer(optimizers.Nadam(0.02), dynamic_growth_steps=4)


def _halving() -> list[Any]:
    return [
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, cooldown=1, min_delta=0.05),
        callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
    ]


#: Optimizer, callbacks, and what `fit` gets.
KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "schedule": (_scheduled, lambda: [callbacks.EarlyStopping("loss", patience=3)], {}),
    "ema": (_averaged, lambda: [*_halving(), callbacks.SwapEMAWeights(True)], {}),
    "accumulation": (_accumulating, _halving, {}),
    "loss scale": (_scaled, lambda: [*_halving(), callbacks.TerminateOnNaN()], {}),
}


def train(folder: Path, kind: str) -> str:
    """A training with a backup after each second batch; what it ends with."""
    make, watchers, options = KINDS[kind]
    lamina.utils.set_random_seed(5)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(90, 6)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int64")
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(12, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(make(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x,
        y,
        batch_size=12,
        epochs=12,
        validation_split=0.2,
        verbose=0,
        callbacks=[
            *watchers(),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.BackupAndRestore(folder / "backup", save_freq=2, double_checkpoint=True),
        ],
        **options,
    )
    digest = hashlib.sha256(repr((history.history, history.epoch)).encode())
    for variable in [*model.weights, *model.optimizer.variables]:
        digest.update(variable.numpy().tobytes())
    digest.update(repr((model.optimizer.iterations, float(model.optimizer.learning_rate))).encode())
    digest.update((folder / "log.csv").read_bytes())
    return digest.hexdigest()


def attempt(folder: Path, kind: str, delay: float | None) -> str | None:
    """Trains in a forked child that is killed after `delay`; the digest if it came to the end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            (folder / "digest").write_text(train(folder, kind))
            status = 0
        finally:
            os._exit(status)
    if delay is not None:
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline:
            if os.waitpid(child, os.WNOHANG)[0]:
                return (folder / "digest").read_text()
            time.sleep(0.0005)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return (folder / "digest").read_text()
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"{kind}: the training failed")
    return None


def main() -> None:
    """Runs the trainings and prints a line for each."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    everything = 0
    for kind in KINDS:
        top = Path(tempfile.mkdtemp())
        try:
            (top / "whole").mkdir()
            start = time.monotonic()
            expected = attempt(top / "whole", kind, None)
            took = time.monotonic() - start
            kills = runs = 0
            while kills < -(-wanted // len(KINDS)):
                folder = top / str(runs)
                folder.mkdir()
                result = None
                while result is None:
                    result = attempt(folder, kind, chance.uniform(0.0, took))
                    kills += result is None
                runs += 1
                if result != expected:
                    raise SystemExit(f"{kind}: run {runs} ended with other bits")
            everything += kills
            print(f"{kind}: {kills} kills in {runs} trainings, all ended with the same bits")
        finally:
            shutil.rmtree(top)
    print(f"{everything} kills")


if __name__ == "__main__":
    main()
