"""Comparisons with Keras itself; without Keras 3 they are skipped."""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import Any

import pytest

# The backend is chosen when Keras is first imported.
if "KERAS_BACKEND" not in os.environ and importlib.util.find_spec("jax") is not None:
    os.environ["KERAS_BACKEND"] = "jax"


@pytest.fixture(scope="session")
def keras() -> Any:
    """The module Keras 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
    if int(module.__version__.split(".")[0]) < 3:
        pytest.skip(f"Keras 3 is needed, and {module.__version__} is installed")
    return module
