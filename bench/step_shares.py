"""Whole training steps as shares of the multiply-add peak that the machine has at that moment.

    python bench/step_shares.py [rounds]

Cores that multiply numbers that differ clock down within milliseconds, and up again in a loop of
fused multiply-adds that never leaves the registers. So short loops and steps alternate in one
process, and each round of steps is held against the mean of the loops before and behind it. Printed
are the medians over the rounds, and the peak of a loop that runs undisturbed.
"""

from __future__ import annotations

import sys

import numpy as np

import lamina
from lamina import _core
from lamina.bench.contenders.lamina_models import LaminaModels
from lamina.bench.works import WORKS, make_data

#: Of a round of steps, of the loop beside it, and of the undisturbed one.
SECONDS, BESIDE, ALONE = 0.05, 0.0005, 0.4


def main() -> None:
    """Measures the works that arithmetic bounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    threads = _core.get_num_threads()
    models = LaminaModels(threads)

    def peak(seconds: float = BESIDE) -> float:
        return float(_core.bench_fma_peak(seconds, threads, "float32"))

    print(f"{lamina.config.isa()}, {threads} threads, medians of {rounds} rounds in turns")
    print(f"peak alone {peak(ALONE) / 1e9:.1f} GFLOP/s")
    for name in ("mnist-mlp", "seed-cifar", "tabular", "wide"):
        work = WORKS[name]
        step = models.step(work, make_data(work, min(8, work.epoch_steps)))
        assert step is not None
        step.round(SECONDS)
        seconds, peaks = [], [peak()]
        for _ in range(rounds):
            seconds.append(step.round(SECONDS))
            peaks.append(peak())
        beside = (np.array(peaks[1:]) + np.array(peaks[:-1])) / 2
        share = work.step_flops() / np.array(seconds) / beside
        print(
            f"{name:12} {np.median(seconds) * 1e6:10.1f} us  peak {np.median(beside) / 1e9:6.1f} "
            f"GFLOP/s  share {np.median(share):.1%} ({share.min():.1%} to {share.max():.1%})"
        )


if __name__ == "__main__":
    main()
