"""How layers with a custom `build` or `call` get their weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamina import _checks
from lamina._typing import Shape

if TYPE_CHECKING:
    from lamina.layers.layer import Layer
    from lamina.variable import Variable


def build_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `build` that a class defines: called by hand it leaves the layer built, too."""

    @functools.wraps(function)
    def build(self: Layer, *args: Any, **options: Any) -> Any:
        if self._building:  # `super().build(input_shape)`, or the layer's own call of it
            return function(self, *args, **options)
        if self._native:
            self._building = True
            try:
                return function(self, *args, **options)
            finally:
                self._building = False
        shapes = args[0] if args else next(iter(options.values()), None)
        self._build_custom(shapes, lambda: function(self, *args, **options))
        return None

    return build


def build_custom(layer: Layer, shapes: Any, build: Callable[[], Any] | None = None) -> None:
    """Builds a custom layer; does nothing where it is built.

    Args:
        layer: The layer.
        shapes: The shapes of the inputs with the batch in front, nested as the inputs are.
        build: What to do; None for the layer's `build` with `shapes`.

    Raises:
        ValueError: If it is built for another shape by hand.
    """
    where = f"Layer '{layer.name}'"
    shape = _sample_shape(where, shapes)
    if layer.built:
        if layer._input_shape is None:
            layer._input_shape = shape
        elif build is not None and layer._input_shape != shape:
            raise ValueError(
                f"{where} was built for samples of shape {layer._input_shape}. "
                f"Received: samples of shape {shape}"
            )
        return
    before = layer._before_build = dict(layer._variables)
    layer._building = True
    try:
        layer._input_shape = shape
        if build is not None:
            build()
        else:
            layer.build(shapes)
        layer._built = True
        layer._set_prefix(layer._prefix)
        if not layer._trainable:
            layer._freeze(True)
    except BaseException:
        layer._input_shape, layer._built = None, False
        drop_variables(layer, before)
        raise
    finally:
        layer._building = False


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape, rather than a nest of several."""
    return isinstance(value, (list, tuple)) and not any(
        isinstance(extent, (list, tuple, dict)) for extent in value
    )


def _sample_shape(where: str, shapes: Any) -> Shape:
    """The shape of a sample of one input; () for several inputs."""
    if not is_shape(shapes):
        return ()
    full = _checks.extents(where, "input_shape", shapes, batch=True)
    if not full:
        raise ValueError(f"{where}: `input_shape` needs a batch axis. Received: ()")
    return tuple(extent for extent in full[1:] if extent is not None)


def drop_variables(layer: Layer, kept: dict[str, Variable]) -> None:
    """Leaves a layer only these variables; no attribute is one of the others then."""
    dropped = {id(v) for v in layer._variables.values()} - {id(v) for v in kept.values()}
    layer._variables = dict(kept)
    for name, value in list(vars(layer).items()) if dropped else ():
        if id(value) in dropped:
            delattr(layer, name)
