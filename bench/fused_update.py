"""What updating large kernels inside their gradients' products saves of a training step.

    python bench/fused_update.py [rounds]

Steps with the update fused and apart alternate in one process; printed are the medians and their
ratio, and whether both left the same bits.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import lamina

#: Sizes of the layers and of the batch.
WORKS = {
    "seed-paddle": ((30000, 100, 256, 256, 10), 64),
    "seed-cifar": ((3072, 100, 256, 256, 10), 64),
    "mnist-mlp without dropout": ((784, 512, 512, 10), 128),
    "784-300-10": ((784, 300, 10), 17),
    "70000-2": ((70000, 2), 33),
}


def compiled(sizes: tuple[int, ...], fused: bool) -> lamina.Sequential:
    """A model with Adam, its weights the same for the same sizes."""
    lamina.utils.set_random_seed(1)
    hidden = [lamina.layers.Dense(units, "relu") for units in sizes[1:-1]]
    model = lamina.Sequential(
        [lamina.Input(sizes[:1]), *hidden, lamina.layers.Dense(sizes[-1], "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model._trainer.ready().network.fuses_updates = fused
    return model


def main() -> None:
    """Measures every work."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{lamina.config.isa()}, medians of {rounds} steps of each in turns")
    for name, (sizes, rows) in WORKS.items():
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, sizes[0])).astype("float32")
        y = rng.integers(0, sizes[-1], rows)
        models = {fused: compiled(sizes, fused) for fused in (True, False)}
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(rounds + 3):
            for fused, model in models.items():
                start = time.perf_counter()
                model.train_on_batch(x, y)
                if turn >= 3:
                    seconds[fused].append(time.perf_counter() - start)
        fused, apart = (float(np.median(seconds[how])) * 1e6 for how in (True, False))
        one, other = (models[how].get_weights() for how in (True, False))
        same = all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
        bits = "same bits" if same else "DIFFERENT BITS"
        print(
            f"{name:26} fused {fused:8.1f} us, apart {apart:8.1f} us: {apart / fused:.3f}x, {bits}"
        )


if __name__ == "__main__":
    main()
