"""Importing lamina loads little, and a model is ready at once."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
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
    "threading",
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


def test_a_tensor_is_whole_without_the_functions() -> None:
    code = """
import sys, numpy as np, lamina
drawn = lamina.random.uniform((2, 3), seed=1)
assert drawn.dtype == np.float32 and drawn.dtype == "float32" and drawn.dtype.itemsize == 4
assert "lamina.ops" not in sys.modules
assert drawn.sum().shape == () and "lamina.ops" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_few_use_comes_when_asked_for() -> None:
    late = {
        "lamina.autograd.gradient_tape": "lamina.GradientTape",
        "lamina.autograd.functional": "lamina.autograd.grad",
        "lamina.layers.preprocessing.string_lookup": "lamina.layers.StringLookup",
        "lamina.ops": "lamina.random.normal((2, 2)).sum()",
        "lamina.optimizers.lamb": "lamina.optimizers.get('lamb')",
        "lamina.optimizers.schedule_free_adamw": "lamina.optimizers.get('Schedule_Free_AdamW')",
    }
    assert not late.keys() & modules_after("import lamina")
    for module, use in late.items():
        assert module in modules_after(f"import lamina; {use}"), use
    named = "{'class_name': 'Hashing', 'config': {'num_bins': 3}}"
    assert "lamina.layers.preprocessing.hashing" in modules_after(
        f"import lamina; lamina.layers.deserialize({named})"
    )


def test_late_names_are_listed_and_others_are_errors() -> None:
    for module in (
        lamina,
        lamina.autograd,
        lamina.layers,
        lamina.layers.preprocessing,
        lamina.optimizers,
    ):
        assert set(module.__all__) <= set(dir(module))
        for name in module.__all__:
            assert getattr(module, name) is not None, name
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            module.nonsense  # noqa: B018
    with pytest.raises(ValueError, match="Lion"):
        lamina.optimizers.get("Lionn")


def test_methods_of_tensors_are_functions_of_ops() -> None:
    script = (
        "import lamina; "
        "x = lamina.random.normal((2, 3)); a = x.mean(axis=0); b = x.reshape(6).cumsum(); "
        "assert lamina.Tensor.cumsum is lamina.ops.cumsum.__wrapped__; "
        "assert a.shape == (3,) and b.shape == (6,)"
    )
    subprocess.check_call([sys.executable, "-c", script])


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
