"""Whole training steps as shares of the multiply-add peak that the machine has at that moment.

    python bench/step_shares.py [rounds]

Where cores are shared or clocked down under load, the peak changes from second to second. So a loop
of fused multiply-adds and steps alternate in one process, and each round of steps is held against
the mean of the loops before and behind it. Printed are the medians over the rounds.
"""

from __future__ import annotations

import sys

import numpy as np

import lamina
from lamina import _core
from lamina.bench.contenders.lamina_models import LaminaModels
from lamina.bench.works import WORKS, make_data

SECONDS = 0.4


def main() -> None:
    """Measures the works that arithmetic bounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    threads = _core.get_num_threads()
    models = LaminaModels(threads)

    def peak() -> float:
        return float(_core.bench_fma_peak(SECONDS / 4, threads, "float32"))

    print(f"{lamina.config.isa()}, {threads} threads, medians of {rounds} rounds in turns")
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
