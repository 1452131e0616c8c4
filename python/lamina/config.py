"""What lamina runs on and its defaults: instruction sets, devices, floating-point type.

Example:
    >>> import lamina
    >>> lamina.config.isa() in lamina.config.available_isas()
    True
    >>> lamina.config.floatx()
    'float32'
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

import numpy as np

from lamina import _checks, _core
from lamina._checks import unknown_name

_FLOAT_TYPES = ("float32", "float64")
_floatx = "float32"
_check_finite = False


def isa() -> str:
    """The instruction set in use: chosen at import, or by the environment's LAMINA_ISA."""
    return _core.isa()


def available_isas() -> list[str]:
    """The instruction sets that can run here, slowest first. All give the same bits."""
    return list(_core.available_isas())


def available_devices() -> list[str]:
    """The devices that networks can be computed on here."""
    return list(_core.available_devices())


def show(file: TextIO | None = None) -> None:
    """Prints versions, instruction set and threads, for bug reports.

    Args:
        file: Where to print; standard output by default.
    """
    rows = {
        "lamina": _core.__version__,
        "numerics version": str(_core.numerics_version),
        "instruction set": f"{isa()} (available: {', '.join(available_isas())})",
        "devices": ", ".join(available_devices()),
        "threads": f"{_core.get_num_threads()} (default: {_core.default_num_threads()})",
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }
    rows.update({f"build: {key}": value for key, value in sorted(_core.build_info().items())})
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        print(f"{key:<{width}}  {value}", file=file if file is not None else sys.stdout)


def floatx() -> str:
    """The floating-point type of layers that name none: "float32" unless set."""
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the floating-point type of layers created from now on.

    Args:
        value: "float32" or "float64".

    Raises:
        ValueError: For any other type.
    """
    global _floatx
    _floatx = standardize_dtype(value)
    _core.set_default_float(_floatx)


def epsilon() -> float:
    """The distance that crossentropies keep from 0 and 1: 1e-7, part of the numerics."""
    return 1e-7


def check_finite() -> bool:
    """Whether `fit` and `train_on_batch` raise an error when a loss is not finite."""
    return _check_finite


def set_check_finite(value: bool) -> None:
    """Makes a loss that is NaN or infinite a FloatingPointError that says where it began.

    The error names the epoch, the batch and the first layer whose weights, gradient or output are
    not finite; the step of that batch is not taken. Looking at each batch's loss costs nothing.
    `lamina.callbacks.TerminateOnNaN` does the same for one training, and can end it quietly.

    Args:
        value: True or False, which is the default.
    """
    global _check_finite
    _check_finite = _checks.boolean("set_check_finite", "value", value)


def standardize_dtype(dtype: Any) -> str:
    """The name of a floating-point type; None means `floatx()`.

    Args:
        dtype: None, a name, a NumPy type, or the policy dictionary of a Keras configuration.

    Raises:
        ValueError: For what is neither float32 nor float64.
    """
    if dtype is None:
        return _floatx
    name: Any = dtype
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):
        name = dtype["config"].get("name")
    elif not isinstance(dtype, str):
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = dtype
    if name not in _FLOAT_TYPES:
        raise unknown_name("dtype to compute in", name, _FLOAT_TYPES)
    return str(name)
