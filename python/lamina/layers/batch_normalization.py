"""Batch normalization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _checks, constraints, initializers, regularizers
from lamina._typing import Array, Config, Shape
from lamina.initializers.initializer import RandomInitializer
from lamina.layers.axes import sample_axis
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


_INFINITY = float("inf")
_WHERE = "BatchNormalization"


@LAYERS.register()
class BatchNormalization(Layer):
    """Normalises each feature over the batch in training, by moving averages otherwise.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`. In training the moving averages
    become `moving * momentum + batch * (1 - momentum)`. With `trainable=False` it is in
    inference mode while training too, as in Keras.

    With `renorm=True` (batch renormalization) training computes
    `gamma * ((x - mean) / sqrt(variance + epsilon) * r + d) + beta`, where `r` and `d` lead the
    batch's statistics towards moving ones: `r` is the batch's deviation
    `sqrt(variance + epsilon)` divided by `renorm_stddev`, and `d` is
    `(mean - renorm_mean) / renorm_stddev`. No gradient goes through them. What small batches
    train is then close to what inference computes.

    Args:
        axis: The axis of the features, counted with the batch in front.
        momentum: How much of the moving averages a step keeps.
        epsilon: Keeps the division away from 0.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer,
            moving_variance_initializer: First values: see `lamina.initializers`.
        beta_regularizer, gamma_regularizer: See `lamina.regularizers`.
        beta_constraint, gamma_constraint: See `lamina.constraints`.
        renorm: Whether to use batch renormalization. Inference averages deviations then, in
            `moving_stddev`; `moving_variance` follows it.
        renorm_clipping: With `renorm=True`: a dictionary of bounds, "rmin" and "rmax" for `r` and
            "dmax" for `d` and `-d`. What is missing is no bound.
        renorm_momentum: With `renorm=True`: the momentum of `renorm_mean` and `renorm_stddev`.
        synchronized: Not supported: False only.
        **options: See `Layer`.

    Example:
        >>> layer = lamina.layers.BatchNormalization()
        >>> layer(np.array([[1.0], [3.0]]), training=True).round(3)
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        where = _WHERE
        _checks.require_default(where, synchronized=synchronized)
        self.axis = _checks.integer(where, "axis", axis, low=-64, high=63)
        self.momentum = _checks.number(where, "momentum", momentum, low=0.0, high=1.0)
        self.epsilon = _checks.number(where, "epsilon", epsilon, low=0.0, open_high=True)
        self.center = _checks.boolean(where, "center", center)
        self.scale = _checks.boolean(where, "scale", scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = _checks.boolean(where, "renorm", renorm)
        self.renorm_clipping = _bounds(renorm_clipping)
        if self.renorm and self.renorm_clipping is None:
            self.renorm_clipping = {}
        self.renorm_momentum = _checks.number(
            where, "renorm_momentum", renorm_momentum, low=0.0, high=1.0
        )
        super().__init__(**options)

    @property
    def gamma(self) -> Variable | None:
        """The factors of the features, or None."""
        return self._variables.get("gamma")

    @property
    def beta(self) -> Variable | None:
        """The offsets of the features, or None."""
        return self._variables.get("beta")

    @property
    def moving_mean(self) -> Variable | None:
        """The moving averages of the means; None before building."""
        return self._variables.get("moving_mean")

    @property
    def moving_variance(self) -> Variable | None:
        """The moving averages of the variances; None before building."""
        return self._variables.get("moving_variance")

    @property
    def moving_stddev(self) -> Variable | None:
        """With `renorm`, the moving averages of the deviations; None otherwise."""
        return self._variables.get("moving_stddev")

    @property
    def renorm_mean(self) -> Variable | None:
        """With `renorm`, the moving averages that correct the means; None otherwise."""
        return self._variables.get("renorm_mean")

    @property
    def renorm_stddev(self) -> Variable | None:
        """With `renorm`, the moving averages that correct the deviations; None otherwise."""
        return self._variables.get("renorm_stddev")

    def _shape_after(self, shape: Shape) -> Shape:
        sample_axis(f"Layer '{self.name}'", self.axis, shape)
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        features = (shape[sample_axis(self.name, self.axis, shape)],)
        variables = []
        if self.scale:
            variables.append(
                self._weight(
                    "gamma",
                    features,
                    self.gamma_initializer,
                    self.gamma_regularizer,
                    self.gamma_constraint,
                )
            )
        if self.center:
            variables.append(
                self._weight(
                    "beta",
                    features,
                    self.beta_initializer,
                    self.beta_regularizer,
                    self.beta_constraint,
                )
            )
        states = [
            ("moving_mean", self.moving_mean_initializer),
            ("moving_variance", self.moving_variance_initializer),
        ]
        if self.renorm:
            states += [
                ("moving_stddev", _Root(_again(self.moving_variance_initializer))),
                ("renorm_mean", _again(self.moving_mean_initializer)),
                ("renorm_stddev", _Root(_again(self.moving_variance_initializer))),
            ]
        for name, initializer in states:
            variables.append(self._weight(name, features, initializer, trainable=False))
        return variables

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axis = sample_axis(self.name, self.axis, self._input_shape)
        numbers = (axis, self.momentum, self.epsilon, self.center, self.scale)
        if not self.renorm:
            network.add_batch_normalization(*numbers)
            return
        bounds = self.renorm_clipping or {}
        network.add_batch_renormalization(
            *numbers,
            bounds.get("rmin", -_INFINITY),
            bounds.get("rmax", _INFINITY),
            bounds.get("dmax", _INFINITY),
            self.renorm_momentum,
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": False,
        }


def _bounds(clipping: Any) -> dict[str, float] | None:
    """The bounds that are finite; ValueError where they contradict each other."""
    if clipping is None:
        return None
    known = ("rmin", "rmax", "dmax")
    if not isinstance(clipping, Mapping) or set(clipping) - set(known):
        raise ValueError(
            f"{_WHERE}: `renorm_clipping` must be a dictionary with the keys 'rmin', 'rmax' and "
            f"'dmax', or some of them. Received: renorm_clipping={clipping!r}"
        )
    given = {key: _checks.number(_WHERE, key, v) for key, v in clipping.items() if v is not None}
    if given.get("rmin", -_INFINITY) > given.get("rmax", _INFINITY):
        raise ValueError(
            f"{_WHERE}: `rmin` must not be above `rmax`. Received: renorm_clipping={clipping!r}"
        )
    if given.get("dmax", 0.0) < 0.0:
        raise ValueError(
            f"{_WHERE}: `dmax` must be at least 0. Received: renorm_clipping={clipping!r}"
        )
    without = {"rmin": -_INFINITY, "rmax": _INFINITY, "dmax": _INFINITY}
    for key, bound in given.items():
        if abs(bound) == _INFINITY and bound != without[key]:
            raise ValueError(
                f"{_WHERE}: `{key}` must be finite. Received: renorm_clipping={clipping!r}"
            )
    return {key: bound for key, bound in given.items() if bound != without[key]}


def _again(initializer: Any) -> Any:
    """An initializer that gives what this one gave: a seed counts from its start."""
    return initializer.clone() if isinstance(initializer, RandomInitializer) else initializer


class _Root:
    """First values of deviations: the roots of those of variances."""

    def __init__(self, variances: Any) -> None:
        self._variances = variances

    def __call__(self, shape: Shape, dtype: str) -> Array:
        root: Array = np.sqrt(np.asarray(self._variances(shape, dtype), dtype))
        return root
