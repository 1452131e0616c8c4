"""Where and how exactly models are computed: the device that a scope chooses."""

from __future__ import annotations

from _thread import _local  # threading takes a millisecond to load
from types import TracebackType
from typing import Any

import lamina._core as _core
from lamina._checks import unknown_name

PRECISIONS = ("strict", "tf32", "bf16")


class _Scopes(_local):
    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []


_scopes = _Scopes()


class device:  # noqa: N801 - a name of the field, used as `with lamina.device("cuda"):`
    """The device on which the models that are compiled in its scope are computed.

    `compile(device=..., precision=...)` says the same for one model. A device computes the same
    bits as any other, unless another precision than "strict" is asked for (see docs/cuda.md).

    Args:
        name: "cpu" or "cuda".
        precision: "strict"; for "cuda" also "tf32" or "bf16", in which the matrix products of
            layers run on tensor cores, by NVIDIA's cuBLASLt.

    Attributes:
        name: The same.
        precision: The same.

    Raises:
        ValueError: For an unknown name, and for a precision that the device does not have.
        RuntimeError: If the device, or cuBLASLt, cannot be used here; the message says what is
            missing.

    Example:
        >>> import lamina
        >>> with lamina.device("cpu"):
        ...     model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        ...     model.compile(optimizer="sgd", loss="mse")
        >>> model.device
        'cpu'
    """

    def __init__(self, name: str, precision: str = "strict") -> None:
        self.name = checked(name, "device")
        self.precision = checked_precision(precision, self.name, "device")

    def __enter__(self) -> device:
        _scopes.places.append((self.name, self.precision))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _scopes.places.pop()

    def __repr__(self) -> str:
        more = "" if self.precision == "strict" else f", precision={self.precision!r}"
        return f"lamina.device({self.name!r}{more})"


def checked(name: object, where: str) -> str:
    """The name of a device that can be used here.

    Raises:
        TypeError: For what is no name.
        ValueError: For an unknown name.
        RuntimeError: If the device cannot be used here.
    """
    if isinstance(name, device):
        return name.name
    if not isinstance(name, str):
        raise TypeError(f"{where}: the name of a device is needed. Received: {name!r}")
    _core.require_device(name)
    return name


def checked_precision(precision: Any, name: str, where: str) -> str:
    """A precision that the device can compute in here.

    Raises:
        TypeError: For what is no name.
        ValueError: For an unknown name, and for what the device does not have.
        RuntimeError: If what it needs is missing; the message says what to install.
    """
    if not isinstance(precision, str):
        raise TypeError(f"{where}: the name of a precision is needed. Received: {precision!r}")
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision != "strict":
        _core.set_cublaslt_candidates(cublaslt_candidates())
        _core.require_device(name, precision)
    return precision


def cublaslt_candidates() -> list[str]:
    """NVIDIA's cuBLASLt in Python's packages (nvidia-cublas, nvidia-cublas-cu12), newest first."""
    from importlib.machinery import PathFinder
    from pathlib import Path

    found: list[tuple[int, str]] = []
    package = PathFinder.find_spec("nvidia")  # a folder that several packages share
    for folder in package.submodule_search_locations or () if package is not None else ():
        for path in Path(folder).glob("*/lib/libcublasLt.so.*"):
            version = path.name.removeprefix("libcublasLt.so.").split(".")[0]
            if version.isdigit():
                found.append((-int(version), str(path)))
    return [path for _, path in sorted(found)]


def current() -> str | None:
    """The device of the innermost scope, or None outside of any."""
    return _scopes.places[-1][0] if _scopes.places else None


def placement(where: str, name: Any, precision: Any, before: str, dtype: str) -> tuple[str, str]:
    """The device and precision of a model that is compiled.

    Args:
        where: The function that calls, for messages.
        name: Its argument; None for the scope's device, or the model's.
        precision: Its argument; None for the scope's where the scope chooses the device, else
            "strict".
        before: The model's device.
        dtype: The model's type.

    Raises:
        TypeError: For what is no name.
        ValueError: For unknown names and what does not fit.
        RuntimeError: If something is missing.
    """
    scope = _scopes.places[-1] if _scopes.places and name is None else (None, "strict")
    chosen = checked(name, where) if name is not None else scope[0] or before
    exactly = checked_precision(scope[1] if precision is None else precision, chosen, where)
    if exactly != "strict" and dtype != "float32":
        raise ValueError(
            f"{where}: precision={exactly!r} is for models in float32. Received: dtype={dtype!r}"
        )
    return chosen, exactly
