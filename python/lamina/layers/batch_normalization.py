"""Batch normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina import _checks, _core, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.layers.axes import sample_axis
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class BatchNormalization(Layer):
    """Normalises each feature over the batch in training, by moving averages otherwise.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`. In training the moving averages
    become `moving * momentum + batch * (1 - momentum)`. With `trainable=False` it is in
    inference mode while training too, as in Keras.

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
        renorm, renorm_clipping, renorm_momentum, synchronized: Not supported: their defaults only.
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
        where = "BatchNormalization"
        _checks.require_default(
            where, renorm=renorm, renorm_clipping=renorm_clipping, synchronized=synchronized
        )
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
        self._renorm_momentum = renorm_momentum
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
        for name, initializer in (
            ("moving_mean", self.moving_mean_initializer),
            ("moving_variance", self.moving_variance_initializer),
        ):
            variables.append(self._weight(name, features, initializer, trainable=False))
        return variables

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axis = sample_axis(self.name, self.axis, self._input_shape)
        network.add_batch_normalization(axis, self.momentum, self.epsilon, self.center, self.scale)

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
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": self._renorm_momentum,
            "synchronized": False,
        }
