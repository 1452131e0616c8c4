"""PyTorch with forward, loss and backward compiled; needs a C++ compiler, and minutes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.bench.contenders.contender import Timed
from lamina.bench.contenders.torch_eager import TorchEager, torch
from lamina.bench.works import Work


class TorchCompiled(TorchEager):
    """See the module."""

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Nothing to gain from a compiler."""
        return None

    def model(self, work: Work) -> Any:
        """The same, compiled."""
        return torch.compile(super().model(work))

    def loss_of(self, work: Work, model: Any) -> Callable[[Any, Any], Any]:
        """The same, compiled as a whole."""
        compiled: Callable[[Any, Any], Any] = torch.compile(super().loss_of(work, model))
        return compiled

    def compiled(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """The function, compiled as a whole."""
        whole: Callable[[Any, Any], Any] = torch.compile(function)
        return whole


def make(threads: int) -> TorchCompiled:
    """See `lamina.bench.contenders.make`."""
    return TorchCompiled(threads)
