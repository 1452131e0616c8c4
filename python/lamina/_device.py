"""Where models are computed: the device that a scope chooses."""

from __future__ import annotations

import threading
from types import TracebackType

from lamina import _core


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.names: list[str] = []


_scopes = _Scopes()


class device:  # noqa: N801 - a name of the field, used as `with lamina.device("cuda"):`
    """The device on which the models that are compiled in its scope are computed.

    `compile(device=...)` says the same for one model. A device computes the same bits as any other
    (see docs/cuda.md).

    Args:
        name: "cpu" or "cuda".

    Attributes:
        name: The same.

    Raises:
        ValueError: For an unknown name.
        RuntimeError: If the device cannot be used here; the message says what is missing.

    Example:
        >>> import lamina
        >>> with lamina.device("cpu"):
        ...     model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        ...     model.compile(optimizer="sgd", loss="mse")
        >>> model.device
        'cpu'
    """

    def __init__(self, name: str) -> None:
        self.name = checked(name, "device")

    def __enter__(self) -> device:
        _scopes.names.append(self.name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _scopes.names.pop()

    def __repr__(self) -> str:
        return f"lamina.device({self.name!r})"


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


def current() -> str | None:
    """The device of the innermost scope, or None outside of any."""
    return _scopes.names[-1] if _scopes.names else None
