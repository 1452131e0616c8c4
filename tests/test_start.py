"""Importing lamina loads little, and a model is ready at once."""

import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from lamina._names import snake_case

# What takes milliseconds to load and is not needed to train: imported where it is used.
HEAVY = {
    "argparse",
    "asyncio",
    "bz2",
    "concurrent.futures",
    "dataclasses",
    "difflib",
    "email",
    "h5py",
    "hashlib",
    "html",
    "http",
    "importlib.metadata",
    "json",
    "keras",
    "logging",
    "lzma",
    "matplotlib",
    "multiprocessing",
    "numpy.random",
    "numpy.typing",
    "onnx",
    "onnxruntime",
    "pandas",
    "pathlib",
    "random",
    "scipy",
    "shutil",
    "sklearn",
    "socket",
    "subprocess",
    "tempfile",
    "tensorflow",
    "torch",
    "unittest",
    "urllib",
    "xml",
    "zipfile",
}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def test_importing_lamina_loads_nothing_heavy() -> None:
    added = modules_after("import lamina") - modules_after("import numpy")
    assert added & HEAVY == set()
    others = {name for name in added if not name.startswith(("lamina", "numpy"))}
    assert len(others) <= 15, sorted(others)


def test_the_files_come_when_asked_for() -> None:
    loaded = "lamina.saving.model_file"
    assert loaded not in modules_after("import lamina")
    assert loaded in modules_after("import lamina; lamina.saving.load_model")
    assert loaded in modules_after("from lamina.models import load_model")
    assert loaded in modules_after("from lamina.saving import *")


def test_training_loads_nothing_heavy() -> None:
    script = (
        "import numpy as np, lamina; m = lamina.Sequential([lamina.Input((4,)), "
        "lamina.layers.Dense(3, activation='softmax')]); "
        "m.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy']); "
        "m.fit(np.zeros((8, 4), 'f'), np.zeros(8, 'i'), verbose=0); "
        "m.predict(np.zeros((2, 4), 'f'))"
    )
    added = modules_after(script) - modules_after("import numpy")
    assert added & HEAVY == set()


@given(st.text(alphabet="AbCdE_1é", max_size=10))
def test_names_of_classes(name: str) -> None:
    expected = re.sub(r"\W+", "", name)
    expected = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", expected)
    assert snake_case(name) == re.sub("([a-z])([A-Z])", r"\1_\2", expected).lower()
