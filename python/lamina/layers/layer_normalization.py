"""Layer and group normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.layers.axes import checked_axes, reduced_axes, sample_axis
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


class _Scaled(Layer):
    """A normalization within a sample with a gamma and a beta."""

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        options: LayerOptions,
    ) -> None:
        where = type(self).__name__
        self.epsilon = _checks.number(where, "epsilon", epsilon, low=0.0, open_high=True)
        self.center = _checks.boolean(where, "center", center)
        self.scale = _checks.boolean(where, "scale", scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        super().__init__(**options)

    @property
    def gamma(self) -> Variable | None:
        """The factors, or None."""
        return self._variables.get("gamma")

    @property
    def beta(self) -> Variable | None:
        """The offsets, or None."""
        return self._variables.get("beta")

    def _scale_and_center(self, shape: Shape, scale: bool, center: bool) -> list[Variable]:
        variables = []
        if scale:
            variables.append(
                self._weight(
                    "gamma",
                    shape,
                    self.gamma_initializer,
                    self.gamma_regularizer,
                    self.gamma_constraint,
                )
            )
        if center:
            variables.append(
                self._weight(
                    "beta",
                    shape,
                    self.beta_initializer,
                    self.beta_regularizer,
                    self.beta_constraint,
                )
            )
        return variables

    def _scaled_config(self) -> Config:
        return {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


@LAYERS.register()
class LayerNormalization(_Scaled):
    """Normalises each sample over some axes: mean 0 and variance 1, then gamma and beta.

    Args:
        axis: An axis, or a list of axes, counted with the batch in front; gamma and beta have
            their extents.
        epsilon: Keeps the division away from 0.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        beta_initializer, gamma_initializer: First values: see `lamina.initializers`.
        beta_regularizer, gamma_regularizer: See `lamina.regularizers`.
        beta_constraint, gamma_constraint: See `lamina.constraints`.
        rms_scaling: Divide by the standard deviation without subtracting the mean (Keras'
            older form; see `RMSNormalization`).
        **options: See `Layer`.

    Raises:
        ValueError: When it is built, for axes that samples do not have.
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        self.axis = checked_axes("LayerNormalization", axis)
        self.rms_scaling = _checks.boolean("LayerNormalization", "rms_scaling", rms_scaling)
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            options,
        )

    def _shape_after(self, shape: Shape) -> Shape:
        reduced_axes(f"Layer '{self.name}'", self.axis, shape)
        return shape

    @property
    def _parts(self) -> tuple[bool, bool]:
        return (self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def _create_variables(self, shape: Shape) -> list[Variable]:
        axes, _ = reduced_axes(self.name, self.axis, shape)
        return self._scale_and_center(tuple(shape[axis] for axis in axes), *self._parts)

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axes, order = reduced_axes(self.name, self.axis, self._input_shape)
        scale, center = self._parts
        kind = "variance_only" if self.rms_scaling else "standard"
        network.add_row_normalization(kind, len(axes), self.epsilon, center, scale, "gamma", order)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "rms_scaling": self.rms_scaling,
            **self._scaled_config(),
        }


@LAYERS.register()
class GroupNormalization(_Scaled):
    """Normalises groups of features of each sample; all positions of a group together.

    Args:
        groups: How many groups; -1 for one for each feature.
        axis: The axis that holds the features, counted with the batch in front.
        epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint: As for
            `LayerNormalization`; gamma and beta have one number for each feature.
        **options: See `Layer`.

    Raises:
        ValueError: When it is built, if `groups` does not divide the features.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        self.groups = _checks.integer("GroupNormalization", "groups", groups, low=-1)
        if self.groups == 0:
            raise ValueError(
                "GroupNormalization: `groups` must be positive, or -1. Received: groups=0"
            )
        self.axis = _checks.integer("GroupNormalization", "axis", axis, low=-64, high=63)
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            options,
        )

    def _shape_after(self, shape: Shape) -> Shape:
        where = f"Layer '{self.name}'"
        features = shape[sample_axis(where, self.axis, shape)]
        if self.groups != -1 and features % self.groups != 0:
            raise ValueError(
                f"{where}: the number of groups must divide the {features} features. "
                f"Received: groups={self.groups}"
            )
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        features = shape[sample_axis(self.name, self.axis, shape)]
        return self._scale_and_center((features,), self.scale, self.center)

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axis = sample_axis(self.name, self.axis, self._input_shape)
        groups = self._input_shape[axis] if self.groups == -1 else self.groups
        network.add_group_normalization(groups, self.epsilon, self.center, self.scale, axis)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            **self._scaled_config(),
        }
