"""Which weights an optimizer does not decay: no part of a configuration, but of a file."""

from __future__ import annotations

from typing import Any

from lamina._core import FileFormatError
from lamina.registry import shorten


def without_weight_decay(model: Any) -> list[str]:
    """The paths of a model's weights that its optimizer does not decay."""
    optimizer = model.optimizer
    if optimizer is None or not model.built:
        return []
    return [weight.path for weight in model.weights if optimizer._is_excluded(weight)]


def restore_exclusions(model: Any, paths: Any) -> None:
    """Tells the optimizer of a compiled model what `without_weight_decay` gave."""
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise FileFormatError(
            "The file's weights without weight decay must be a list of names. "
            f"Received: {shorten(paths)}"
        )
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if inner is not None:
        inner._exclusion.restore(paths)
        if paths:
            model._trainer.release_engine()  # planned while compiling, before this was known
