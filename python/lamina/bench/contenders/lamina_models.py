"""lamina: kernels from C++, models through its public interface."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina
import lamina._core as _core
from lamina.bench import more_layers, parts
from lamina.bench.contenders.contender import STEP_BATCHES, Contender, Loop, Timed
from lamina.bench.contenders.tensor_calls import tensor_loop
from lamina.bench.graphs import keras_api
from lamina.bench.graphs.works import GraphData, GraphWork
from lamina.bench.works import WORKS, Data, Work, make_data, make_weights


class CoreRounds:
    """A loop inside of C++: ``function(*arguments, rounds=, seconds=)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._function = function
        self._arguments = arguments

    def round(self, seconds: float) -> float:
        """See `Timed`."""
        times = self._function(*self._arguments, rounds=1, seconds=seconds)
        return float(times[0])


class LaminaModels(Contender):
    """See the module."""

    packages = ("numpy",)
    imports = "lamina"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        _core.set_num_threads(threads)
        self._device = os.environ.get("LAMINA_BENCH_DEVICE", "cpu")
        self._precision = os.environ.get("LAMINA_BENCH_PRECISION", "strict")

    def versions(self) -> dict[str, str]:
        """lamina's and NumPy's."""
        return {"lamina": _core.__version__, **super().versions()}

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """All of them, on the CPU; on another device there are only whole models."""
        p = parameters
        if self._device != "cpu":
            return None
        match section:
            case "gemm":
                return CoreRounds(_core.bench_gemm, p["m"], p["n"], p["k"], p["form"], p["dtype"])
            case "activation":
                function = _core.Activation(p["kind"], a=1.0 if p["kind"] == "elu" else 0.0)
                return CoreRounds(
                    _core.bench_activation, function, p["rows"], p["columns"], p["backward"]
                )
            case "loss":
                loss = _core.Loss(p["kind"], from_logits=p["from_logits"])
                return CoreRounds(_core.bench_loss, loss, p["rows"], p["columns"])
            case "optimizer":
                momentum = 0.9 if p["kind"] == "momentum" else 0.0
                optimizer = _core.Optimizer(p["kind"], 1e-3, momentum=momentum)
                return CoreRounds(_core.bench_optimizer, optimizer, p["n"])
            case "data":
                if p["what"] == "dropout":
                    return CoreRounds(_core.bench_dropout, p["rate"], p["rows"], p["columns"])
                return CoreRounds(_core.bench_gather, p["rows"], p["columns"])
            case "layers" | "losses" | "metrics" | "optimizers":
                return Loop(parts.step(lamina, section, p["part"]))
            case more_layers.SECTION:
                return Loop(more_layers.prepared(p["what"]))
            case "tensor":
                return tensor_loop(p, lamina.ops, lamina.convert_to_tensor)
            case "tape":
                return Loop(self._chain(p["links"], p["n"]))
            case "loop":
                return self._by_hand(WORKS[p["work"]])
        return None

    def _by_hand(self, work: Work) -> Timed:
        """Forward, loss, gradient, step: as a user writes it."""
        model = self._model(work)
        data = make_data(work, STEP_BATCHES)
        variables, loss_fn = model.trainable_variables, model.loss
        optimizer = type(model.optimizer)(work.learning_rate)
        x, y, places = data.x, data.y, data.batches()

        def step() -> None:
            place = next(places)
            with lamina.GradientTape() as tape:
                loss = loss_fn(y[place], model(x[place], training=True))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

        return Loop(step)

    def _chain(self, links: int, n: int) -> Callable[[], Any]:
        """Each link is a product, a sum and a tanh."""
        x = lamina.Variable(np.linspace(-1, 1, n, dtype=np.float32))
        scale = lamina.ops.convert_to_tensor(np.float32(0.9))
        tanh, total = lamina.ops.tanh, lamina.ops.sum

        def chain() -> Any:
            with lamina.GradientTape() as tape:
                y = x.value
                start = y
                for _ in range(links):
                    y = tanh(y * scale + start)
                y = total(y)
            return tape.gradient(y, x)

        return chain

    def _model(self, work: Work) -> Any:
        layers: list[Any] = [lamina.Input((work.sizes[0],))]
        for units in work.sizes[1:-1]:
            layers.append(lamina.layers.Dense(units, activation=work.activation))
            if work.dropout > 0.0:
                layers.append(lamina.layers.Dropout(work.dropout))
        layers.append(lamina.layers.Dense(work.sizes[-1]))
        model = lamina.Sequential(layers)
        if work.optimizer == "adam":
            optimizer: Any = lamina.optimizers.Adam(work.learning_rate)
        else:
            optimizer = lamina.optimizers.SGD(work.learning_rate)
        if work.loss == "crossentropy":
            loss: Any = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
        else:
            loss = lamina.losses.MeanSquaredError()
        model.compile(
            optimizer=optimizer, loss=loss, device=self._device, precision=self._precision
        )
        return model

    def fresh_model(self, work: Work) -> Callable[[], Any]:
        """The model with its loss and optimizer."""
        return lambda: self._model(work)

    def step(self, work: Work, data: Data) -> Timed | None:
        """``train_on_batch`` on slices of NumPy arrays."""
        train = self._model(work).train_on_batch
        x, y, places = data.x, data.y, data.batches()

        def step() -> None:
            place = next(places)
            train(x[place], y[place])

        return Loop(step)

    def graph_step(self, work: GraphWork, data: GraphData) -> Timed | None:
        """``train_on_batch`` of a functional model."""
        model = keras_api.build(lamina, work, device=self._device, precision=self._precision)
        return Loop(keras_api.step(model, data))

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """``fit``."""
        fit = self._model(work).fit
        return Loop(
            lambda: fit(data.x, data.y, batch_size=data.batch, epochs=1, shuffle=True, verbose=0),
            units=steps,
        )

    def predict(self, work: Work, x: Any) -> Timed | None:
        """``predict_on_batch``."""
        predict = self._model(work).predict_on_batch
        return Loop(lambda: predict(x))

    def predict_core(self, work: Work, x: Any) -> Timed | None:
        """The planned network itself, from C++."""
        if self._device != "cpu":
            return None
        network = _core.Network((work.sizes[0],))
        for index, (_, units) in enumerate(work.layers):
            last = index == len(work.layers) - 1
            network.add_dense(units, True, _core.Activation("linear" if last else work.activation))
        flat = [array for pair in make_weights(work) for array in pair]
        for i, value in enumerate(flat):
            network.set_parameter(i, value)
        return CoreRounds(_core.bench_predict, network, np.ascontiguousarray(x))


def make(threads: int) -> LaminaModels:
    """See `lamina.bench.contenders.make`."""
    return LaminaModels(threads)
