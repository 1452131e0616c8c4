"""Writes functional.json: graphs of Keras 3 as it describes them, and what they predict.

Run it where Keras is installed: `python make_functional.py`. The file is checked in, so that every
later lamina is tested on it.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


def numbers(shape: Any) -> Any:
    """Numbers in [-1, 1) that need no generator."""
    count = int(np.prod(shape))
    values = np.arange(count, dtype="float64") * 37 % 101 / 50 - 1
    return values.reshape(shape).astype("float32")


def graphs() -> Any:
    path = FOLDER.parent / "parity" / "test_functional.py"
    specification = importlib.util.spec_from_file_location("functional_graphs", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.GRAPHS


def main() -> None:
    import keras

    written = {}
    for make in graphs():
        keras.backend.clear_session()
        model = keras.Model(*make(keras))
        for layer in model.layers:
            layer.set_weights([numbers(weight.shape) for weight in layer.weights])
        inputs = keras.tree.map_structure(lambda x: numbers((3, *x.shape[1:])), model.input)
        outputs = keras.tree.flatten(model(inputs))
        written[make.__name__] = {
            "config": model.get_config(),
            "layers": [layer.name for layer in model.layers],
            "outputs": [np.asarray(output).tolist() for output in outputs],
        }
    lines = [f"{json.dumps(name)}: {json.dumps(graph)}" for name, graph in written.items()]
    (FOLDER / "functional.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
