"""scikit-learn's multi-layer perceptron, without its penalty; it has no dropout."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lamina.bench.contenders.contender import Contender, Loop, Timed, load
from lamina.bench.works import Data, Work, make_data

networks = load("sklearn.neural_network")


class ScikitLearn(Contender):
    """See the module."""

    packages = ("scikit-learn",)
    imports = "sklearn.neural_network"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        warnings.simplefilter("ignore")  # that one epoch has not converged

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Those are NumPy's."""
        return None

    def _model(self, work: Work) -> Any:
        kind = networks.MLPClassifier if work.loss == "crossentropy" else networks.MLPRegressor
        return kind(
            hidden_layer_sizes=work.sizes[1:-1],
            activation="identity" if work.activation == "linear" else work.activation,
            solver=work.optimizer,
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=work.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
        )

    def _fitted(self, work: Work, data: Data, rows: slice) -> tuple[Any, Any]:
        """A model that has seen `rows`, and how to train it further."""
        y = data.y.ravel() if work.sizes[-1] == 1 else data.y
        model = self._model(work)
        if work.loss == "crossentropy":
            model.partial_fit(data.x[rows], y[rows], classes=np.arange(work.sizes[-1]))
        else:
            model.partial_fit(data.x[rows], y[rows])
        return model, lambda place: model.partial_fit(data.x[place], y[place])

    def step(self, work: Work, data: Data) -> Timed | None:
        """``partial_fit`` on one batch."""
        places = data.batches()
        _, train = self._fitted(work, data, slice(0, data.batch))
        return Loop(lambda: train(next(places)))

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """``partial_fit`` on everything: one shuffled epoch."""
        _, train = self._fitted(work, data, slice(0, data.batch))
        return Loop(lambda: train(slice(None)), units=steps)

    def predict(self, work: Work, x: Any) -> Timed | None:
        """``predict_proba`` or ``predict``."""
        small = make_data(work, max(1, -(-work.sizes[-1] // work.batch)))
        model, _ = self._fitted(work, small, slice(None))
        call = model.predict_proba if work.loss == "crossentropy" else model.predict
        return Loop(lambda: call(x))


def make(threads: int) -> ScikitLearn:
    """See `lamina.bench.contenders.make`; threads are set by the process's environment."""
    return ScikitLearn(threads)
