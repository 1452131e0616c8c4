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

import lamina._core as _core
from lamina import _checks
from lamina._checks import unknown_name

__all__ = [
    "available_devices",
    "available_isas",
    "backend",
    "check_finite",
    "dtype_policy",
    "empty_cache",
    "epsilon",
    "floatx",
    "isa",
    "max_epochs",
    "max_steps_per_epoch",
    "memory_stats",
    "set_check_finite",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_memory_limit",
    "show",
    "standardize_dtype",
]

_FLOAT_TYPES = ("float32", "float64")
_floatx = "float32"


class _Limits:
    """What holds for every training; read where a call would cost as much as the work."""

    check_finite = False
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None


limits = _Limits()


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
        _core.cuda_name(): _core.cuda_status(),
        "cuBLASLt": _core.cublaslt_status(),
        "threads": f"{_core.get_num_threads()} (default: {_core.default_num_threads()})",
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }
    rows.update({f"build: {key}": value for key, value in sorted(_core.build_info().items())})
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        print(f"{key:<{width}}  {value}", file=file if file is not None else sys.stdout)


def memory_stats(device: str) -> dict[str, int]:
    """What lamina uses of a GPU's memory.

    Args:
        device: "cuda".

    Returns:
        Bytes: "allocated" now, at its "peak", "reserved" (with what is kept for later), the
        "limit" (0: none), "free" and "total" of the GPU. Counts: "requests" for memory, and the
        "driver_calls" among them that the kept memory could not serve.

    Raises:
        ValueError: For "cpu", whose memory is the system's, and unknown names.
        RuntimeError: If the device cannot be used here; the message says why.
    """
    return dict(_core.memory_stats(device))


def set_memory_limit(device: str, value: int) -> None:
    """Sets how much of a GPU's memory lamina may use; what needs more is a MemoryError.

    Args:
        device: "cuda".
        value: Bytes; 0, which is the default, for all there is.

    Raises:
        ValueError: For "cpu", unknown names and negative numbers.
        RuntimeError: If the device cannot be used here; the message says why.
    """
    _core.set_memory_limit(device, _checks.integer("set_memory_limit", "value", value, low=0))


def empty_cache(device: str) -> None:
    """Gives back the memory of a GPU that is kept for later, so that other programs can use it.

    Args:
        device: "cuda".

    Raises:
        ValueError: For "cpu" and unknown names.
        RuntimeError: If the device cannot be used here; the message says why.
    """
    _core.empty_cache(device)


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


def set_epsilon(value: float) -> None:
    """Refuses any other epsilon than 1e-7, which is part of the numerics.

    Raises:
        NotImplementedError: For another number.
    """
    if value != epsilon():
        raise NotImplementedError(
            "set_epsilon: 1e-7 is part of lamina's numerics and cannot be changed; optimizers and "
            f"normalizations have an `epsilon` of their own. Received: value={value!r}"
        )


def backend() -> str:
    """The name of what computes: "lamina"."""
    return "lamina"


def dtype_policy() -> str:
    """The policy of layers that name none: the name of their only type, `floatx()`."""
    return _floatx


def set_dtype_policy(policy: Any) -> None:
    """Sets the type of layers created from now on, as `set_floatx`.

    Args:
        policy: "float32" or "float64".

    Raises:
        ValueError: For any other policy, mixed ones included.
    """
    set_floatx(standardize_dtype(policy))


def max_epochs() -> int | None:
    """The most epochs that any `fit` trains, or None."""
    return limits.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limits the epochs of every `fit`, for a quick run of a long script.

    Args:
        max_epochs: A number of at least 1; None for no limit.
    """
    limits.max_epochs = _limit("set_max_epochs", "max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most batches that any epoch, evaluation or prediction takes, or None."""
    return limits.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limits the batches of every epoch, evaluation and prediction, for a quick run.

    Args:
        max_steps_per_epoch: A number of at least 1; None for no limit.
    """
    limits.max_steps_per_epoch = _limit(
        "set_max_steps_per_epoch", "max_steps_per_epoch", max_steps_per_epoch
    )


def limited_steps(steps: int | None) -> int | None:
    """A number of batches within the limit."""
    most = limits.max_steps_per_epoch
    if most is None:
        return steps
    return most if steps is None else min(steps, most)


def _limit(where: str, name: str, value: int | None) -> int | None:
    return None if value is None else _checks.integer(where, name, value, low=1)


def check_finite() -> bool:
    """Whether `fit` and `train_on_batch` raise an error when a loss is not finite."""
    return limits.check_finite


def set_check_finite(value: bool) -> None:
    """Makes a loss that is NaN or infinite a FloatingPointError that says where it began.

    The error names the epoch, the batch and the first layer whose weights, gradient or output are
    not finite; the step of that batch is not taken. Looking at each batch's loss costs nothing.
    `lamina.callbacks.TerminateOnNaN` does the same for one training, and can end it quietly.

    Args:
        value: True or False, which is the default.
    """
    limits.check_finite = _checks.boolean("set_check_finite", "value", value)


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


def __dir__() -> list[str]:
    return sorted(__all__)
