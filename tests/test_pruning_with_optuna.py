"""The pruning hook with Optuna itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina

optuna = pytest.importorskip("optuna", reason="optuna is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:optuna.*")


def test_a_study_prunes_trials() -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(60, 3)).astype("float32")
    y = x.sum(axis=1)

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("learning_rate", 1e-6, 0.1, log=True)
        model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
        model.compile(lamina.optimizers.SGD(rate), "mse")
        history = model.fit(
            x, y, epochs=6, validation_split=0.2, verbose=0,
            callbacks=[lamina.callbacks.Pruning(trial)],
        )  # fmt: skip
        value = history.history["val_loss"][-1]
        assert isinstance(value, float)
        return value

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=15)
    states = [trial.state for trial in study.trials]
    pruned, complete = optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE
    assert set(states) == {pruned, complete}
    for trial in study.trials:
        steps = sorted(trial.intermediate_values)
        assert steps == list(range(len(steps)))
        assert (len(steps) == 6) == (trial.state == complete) or trial.state == pruned
    best = min(t.value for t in study.trials if t.state == complete)
    assert study.best_value == best
