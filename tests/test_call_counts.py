"""How many Python functions of the package, in how many files, the ways through a model enter.

Times differ from machine to machine; these counts do not, and what they count is most of the time
of small models.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import lamina
from lamina import layers

ROOT = str(Path(lamina.__file__).parent)
X = np.ones((64, 4), "float32")
Y = np.ones((64, 1), "float32")


def entered(function: Callable[[], Any]) -> list[str]:
    """The files of the Python functions that a call enters, one for each time."""
    files: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            files.append(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return files[1:]  # without the function itself


def model_of(count: int) -> lamina.Sequential:
    hidden = [layers.Dense(8, activation="relu") for _ in range(count - 1)]
    model = lamina.Sequential([lamina.Input((4,)), *hidden, layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_a_fit_over_arrays() -> None:
    model = model_of(2)
    model.fit(X, Y, epochs=2, verbose=0)
    calls = entered(lambda: model.fit(X, Y, epochs=2, verbose=0))
    files = {file for file in calls if file.startswith(ROOT)}
    assert len(calls) <= 62
    assert len(files) <= 14, sorted(files)


def test_a_batch_of_a_stream() -> None:
    model = model_of(4)

    def stream(count: int) -> Iterator[Any]:
        for _ in range(count):
            yield X, Y

    def calls(count: int) -> int:
        return len(entered(lambda: model.fit(stream(count), verbose=0)))

    calls(2)
    assert calls(9) - calls(8) <= 12


def test_single_rows_and_batches() -> None:
    model = model_of(2)
    model.fit(X, Y, verbose=0)
    row = X[:1]
    assert len(entered(lambda: model(row))) == 1
    assert len(entered(lambda: model.predict(row, verbose=0))) <= 4
    assert len(entered(lambda: model.train_on_batch(X, Y))) <= 5
    alone = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    alone.compile("sgd", "mse")
    alone.train_on_batch(X, Y)
    assert len(entered(lambda: alone.train_on_batch(X, Y))) <= 2
