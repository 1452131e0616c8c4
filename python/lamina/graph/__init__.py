"""Values that are not computed yet, and the graphs of operations that will compute them."""

from lamina.graph.keras_tensor import KerasTensor

__all__ = ["KerasTensor"]


def __dir__() -> list[str]:
    return sorted(__all__)
