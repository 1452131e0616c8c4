"""Keras 3, on the backend that the process's environment names."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

from lamina.bench.contenders.contender import Contender, Loop, Timed, load
from lamina.bench.graphs import keras_api
from lamina.bench.graphs.works import GraphData, GraphWork
from lamina.bench.works import Data, Work

keras = load("keras")


class KerasModels(Contender):
    """See the module."""

    packages = ("keras",)
    imports = "keras"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        if keras.backend.backend() == "tensorflow":
            threading = load("tensorflow").config.threading
            threading.set_intra_op_parallelism_threads(threads)

    def versions(self) -> dict[str, str]:
        """Keras's and its backend's."""
        backend = keras.backend.backend()
        for package in (backend, f"{backend}-cpu"):
            try:
                return {**super().versions(), backend: importlib.metadata.version(package)}
            except importlib.metadata.PackageNotFoundError:
                continue
        return super().versions()

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Those are its backend's."""
        return None

    def _model(self, work: Work) -> Any:
        layers = [keras.Input((work.sizes[0],))]
        for units in work.sizes[1:-1]:
            layers.append(keras.layers.Dense(units, activation=work.activation))
            if work.dropout > 0.0:
                layers.append(keras.layers.Dropout(work.dropout))
        layers.append(keras.layers.Dense(work.sizes[-1]))
        model = keras.Sequential(layers)
        kind = keras.optimizers.Adam if work.optimizer == "adam" else keras.optimizers.SGD
        if work.loss == "crossentropy":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        else:
            loss = keras.losses.MeanSquaredError()
        model.compile(optimizer=kind(work.learning_rate), loss=loss)
        return model

    def fresh_model(self, work: Work) -> Callable[[], Any]:
        """The model with its loss and optimizer."""
        return lambda: self._model(work)

    def step(self, work: Work, data: Data) -> Timed | None:
        """``train_on_batch``."""
        train = self._model(work).train_on_batch
        places = data.batches()

        def step() -> None:
            place = next(places)
            train(data.x[place], data.y[place])

        return Loop(step)

    def graph_step(self, work: GraphWork, data: GraphData) -> Timed | None:
        """``train_on_batch`` of a functional model; Keras has no block of that kind."""
        if work.name == "residual-blocks":
            return None
        return Loop(keras_api.step(keras_api.build(keras, work), data))

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """``fit``."""
        fit = self._model(work).fit
        return Loop(
            lambda: fit(data.x, data.y, batch_size=data.batch, epochs=1, shuffle=True, verbose=0),
            units=steps,
        )

    def predict(self, work: Work, x: Any) -> Timed | None:
        """``predict_on_batch``: much quicker than ``predict`` for few rows."""
        predict = self._model(work).predict_on_batch
        return Loop(lambda: predict(x))


def make(threads: int) -> KerasModels:
    """See `lamina.bench.contenders.make`."""
    return KerasModels(threads)
