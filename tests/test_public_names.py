"""`dir()` of the public modules shows their `__all__`, and nothing private or from elsewhere."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import lamina

MODULES = [
    "lamina",
    *(
        f"lamina.{name}"
        for name in (
            *("activations", "autograd", "backend", "callbacks", "config", "constraints", "data"),
            *("initializers", "layers", "losses", "metrics", "models", "ops", "optimizers"),
            *("optimizers.schedules", "random", "regularizers", "saving", "utils"),
        )
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_dir_shows_public_names(name: str) -> None:
    module = importlib.import_module(name)
    names = list(module.__all__)
    assert len(set(names)) == len(names)
    assert dir(module) == sorted(names)
    assert not [each for each in names if each.startswith("_") and not each.endswith("__")]
    for each in names:
        assert each == "newaxis" or getattr(module, each) is not None, each
    foreign = {"Any", "TYPE_CHECKING", "annotations", "np", "sys", "importlib"}
    assert not foreign & set(names)


def test_every_public_module_is_listed() -> None:
    modules = {each for each in lamina.__all__ if f"lamina.{each}" in sys.modules}
    kinds = {each for each in modules if type(getattr(lamina, each)) is type(sys)}
    assert {f"lamina.{each}" for each in kinds} <= set(MODULES)


def test_names_are_the_same_before_anything_is_used() -> None:
    code = "import lamina; print(dir(lamina) == sorted(lamina.__all__))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"
