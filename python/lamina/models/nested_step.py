"""Steps of graphs on nests of arrays that fit as they are: without the checks of the longer way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.graph import tree


def nested_step(graph: Any, train: Callable[[list[Any], list[Any]], Any]) -> Any:
    """A function of (x, y) that takes a step, or returns None where the longer way is to be taken.

    Args:
        graph: The model's graph, all of which the plan computes.
        train: Takes a step on lists of arrays; None where they do not fit as they are.

    Returns:
        None where inputs are nested deeper than one list or dictionary.
    """
    structure = graph.function.input_structure
    keys: Any = None
    if isinstance(structure, dict):
        keys = tree.sorted_keys(structure)
        parts = list(structure.values())
    elif isinstance(structure, (list, tuple)):
        keys = range(len(structure))
        parts = list(structure)
    else:
        parts = []
    if any(tree.is_nest(part) for part in parts):
        return None
    kinds = (dict,) if isinstance(structure, dict) else (list, tuple)
    names = graph.output_names
    # Numbers for an input of integers are cut off first, which is the longer way.
    integers = [
        place
        for place, dtype in enumerate(graph.signature.dtypes)
        if dtype not in ("float32", "float64")
    ]

    def step(x: Any, y: Any) -> Any:
        if keys is None:
            inputs = [x]
        elif type(x) in kinds and len(x) == len(keys):
            try:
                inputs = [x[key] for key in keys]
            except KeyError:
                return None
        else:
            return None
        for place in integers:
            if type(inputs[place]) is not np.ndarray or inputs[place].dtype.kind not in "iu":
                return None
        if type(y) is dict:
            if not all(name in names for name in y):
                return None
            targets = [y.get(name) for name in names]
        elif len(names) == 1:
            targets = [y]
        elif type(y) in (list, tuple) and len(y) == len(names):
            targets = list(y)
        else:
            return None
        return train(inputs, targets)

    return step
