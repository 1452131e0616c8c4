"""A stack of layers, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamina import _checks
from lamina._checks import unknown_name
from lamina._lazy import LazyModule
from lamina._typing import Array, BatchShape, Config
from lamina.export import export_model
from lamina.layers.layer import LAYERS, Layer
from lamina.layers.resolve import deserialize
from lamina.layers.resolve import serialize as serialize_layer
from lamina.layers.weights import set_weights
from lamina.models import summary
from lamina.models.stack import Stack
from lamina.registry import custom_object_scope, shorten
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.saving import model_file
else:
    model_file = LazyModule("lamina.saving.model_file")

_CONFIG_KEYS = {"name", "trainable", "dtype", "layers", "build_input_shape"}


@LAYERS.register()
class Sequential(Stack):
    """A stack of layers, one after the other.

    Without an `Input` in front, the model is built when it first sees data. Layers may be
    added and removed at any time; the others keep their weights, and a compiled model's
    optimizer starts afresh.

    Layers, and models as layers, may be in several models: their weights are one value then, and
    training one of the models changes all (transfer learning: `Sequential([*base.layers[:-1],
    Dense(3)])`). Each model has its own optimizer state. Freezing a layer freezes it in all.

    Args:
        layers: The layers, maybe with an `Input` in front.
        trainable: Whether training changes the weights.
        name: The model's name.

    Raises:
        TypeError: For what is not a layer.
        ValueError: If a layer cannot take what the one before it gives.

    Example:
        >>> model = lamina.Sequential()
        >>> model.add(lamina.Input((3,)))
        >>> model.add(lamina.layers.Dense(2))
        >>> model.compile("sgd", "mse")
        >>> model.predict(np.zeros((1, 3)), verbose=0)
        array([[0., 0.]], dtype=float32)
    """

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for an input's, both with the batch in front."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    @property
    def weights(self) -> list[Variable]:
        """All variables, layer by layer; ValueError before building."""
        # Names do not change while there is a plan, unless a layer's does or others share it.
        parts = [(layer.name, layer._tracker.parent_refs) for layer in self._layers]
        names = [name for name, parents in parts if len(parents) == 1]
        listed = self._listed
        if listed is not None and listed[0] == names and len(names) == len(parts):
            return list(listed[1])
        self._require_built("weights")
        self._name_weights()
        found: dict[int, Variable] = {}
        for leaf in self._leaves():
            for variable in leaf.weights:
                found[id(variable)] = variable
        own = len(names) == len(parts) and not self._parents()
        simple = all(
            type(layer)._leaves is Layer._leaves and layer._native for layer in self._layers
        )
        if own and simple and self._network is not None:
            self._listed = names, list(found.values())
        return list(found.values())

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [variable for variable in self.weights if variable.trainable]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that no optimizer changes: frozen ones, and state such as moving averages."""
        return [variable for variable in self.weights if not variable.trainable]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it freezes or thaws all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._freeze(not _checks.boolean("Sequential", "trainable", value))
        self._trainable_changed()

    @property
    def outputs(self) -> list[Any]:
        """The layer whose output is the model's; AttributeError before there is one."""
        if not self.built:
            raise AttributeError(f"Sequential model '{self.name}' has no defined outputs yet.")
        return [self._layers[-1]]

    @property
    def path(self) -> str:
        """Its name, with those of the models that it is in."""
        return f"{self._prefix}{self.name}"

    @property
    def compute_dtype(self) -> str:
        """The type that it computes in."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The type of its weights."""
        return self.dtype

    @property
    def input_dtype(self) -> str:
        """The type that inputs are converted to."""
        return self.dtype

    @property
    def supports_masking(self) -> bool:
        """Whether masks go through it: no."""
        return False

    @property
    def jit_compile(self) -> bool:
        """True: the kernels were compiled when lamina was built."""
        return True

    def get_build_config(self) -> Config | None:
        """The input's shape, with the batch in front; None before building."""
        return {"input_shape": list(self.input_shape)} if self._input is not None else None

    def build_from_config(self, config: Config) -> None:
        """Builds for what `get_build_config` returned."""
        if not self.built and config:
            self.build(config.get("input_shape"))

    def _require_built(self, what: str) -> None:
        if self._layers and self._input is None:
            raise ValueError(
                f"Weights for model '{self.name}' have not yet been created, so it has no "
                f"`{what}`. Weights are created when the model is first called on inputs or "
                "`build()` is called with an `input_shape`."
            )

    def get_weights(self) -> list[Array]:
        """Copies of all weights, layer by layer, kernel before bias."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets all weights.

        Args:
            weights: One array for each of `weights`.

        Raises:
            TypeError: If it is not a list of arrays of real numbers.
            ValueError: If number or shapes differ; nothing has changed then.
        """
        set_weights(self.weights, weights, f"Model '{self.name}'")

    def count_params(self) -> int:
        """The number of all elements of the weights; ValueError before building."""
        self._require_built("count_params")
        return sum(variable.size for variable in self.weights)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place.

        Raises:
            ValueError: If there is none, or neither or both are given.
        """
        if (name is None) == (index is None):
            raise ValueError(
                "get_layer: provide either a layer name or a layer index. "
                f"Received: index={index}, name={name}"
            )
        if index is not None:
            count = len(self.layers)
            place = _checks.integer("get_layer", "index", index, low=-(2**31))
            if not -count <= place < count:
                raise ValueError(
                    f"get_layer: model '{self.name}' has {count} layers. Received: index={index}"
                )
            return self.layers[place]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name(f"layer of '{self.name}'", name, [layer.name for layer in self.layers])

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints a table of the layers.

        Args:
            line_length: The width of the table.
            positions: Where the columns end, as shares of the width.
            print_fn: What to call with the text instead of `print`.
            expand_nested: Whether to list the layers of models and blocks inside too.
            show_trainable: Whether to say which layers are trained.
            layer_range: Names of the first and the last layer to list, or patterns of them.

        Raises:
            ValueError: If columns are too narrow, or `layer_range` names no layers.
        """
        text = summary.render(
            self, line_length, positions, expand_nested, show_trainable, layer_range
        )
        (print_fn or print)(text)

    # Configuration and files.

    def get_config(self) -> Config:
        """Layers and input shape, as plain data."""
        layers: list[Any] = [serialize_layer(layer) for layer in self.layers]
        config: Config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        if self._input is not None:
            layers.insert(0, serialize_layer(self._input))
            config["build_input_shape"] = list(self._input.batch_shape)
        config["layers"] = layers
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Sequential:
        """The model that `get_config` described, with freshly drawn weights.

        Raises:
            ValueError: If the configuration is malformed or names what is not registered.
        """
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' "
                f"and 'layers' keys. Received: config={shorten(config)}"
            )
        for key in config:
            if key not in _CONFIG_KEYS:
                raise unknown_name("key of a Sequential configuration", key, _CONFIG_KEYS)
        model = cls(name=config.get("name"))
        with custom_object_scope(custom_objects):
            for layer in config["layers"]:
                model.add(deserialize(layer))
        if config.get("trainable") is False:
            model._trainable = False  # each layer's own configuration says whether it is frozen
        shape = config.get("build_input_shape")
        if shape is not None and model._input is None and model._layers:
            model.build(shape)
        return model

    def to_json(self, **options: Any) -> str:
        """The configuration as JSON; `options` go to `json.dumps`."""
        import json

        return json.dumps(
            {"module": "lamina", "class_name": "Sequential", "config": self.get_config()},
            **options,
        )

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Writes the whole model into one file, in one step.

        Layers, weights, what `compile` was given, the optimizer's state and all counters that
        random numbers depend on: `lamina.saving.load_model` gives a model that goes on
        training with the same bits.

        Args:
            filepath: The file: a safetensors file, or with a name that ends in ".keras" an
                archive that Keras 3 loads too (needs the extra `keras`).
            overwrite: Whether a file that is there may be replaced.
            zipped: None or True: folders are not supported.

        Raises:
            FileExistsError: If it is there and may not be replaced.
            ImportError: If h5py is needed and not installed.
            OSError: If it cannot be written; a file that was there is as it was.
            ValueError: If a ".keras" file cannot hold the model, because Keras lacks a class.

        Example:
            >>> model.save("model.safetensors")
            >>> model.save("model.keras")
        """
        model_file.save_model(self, filepath, overwrite, zipped)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None
    ) -> None:
        """Writes the weights alone; arguments as for `save`.

        A name that ends in ".weights.h5" gives a file that Keras 3 loads too, with the
        optimizer's state beside the weights, as Keras has it; others give safetensors.

        Args:
            filepath: The file.
            overwrite: Whether a file that is there may be replaced.
            max_shard_size: If given, how many GiB each of several files may hold; the name must
                end in ".weights.json" then, which lists the `.weights.h5` files beside it.
        """
        model_file.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Sets all weights from a file of lamina or Keras: weights alone, or a whole model.

        Args:
            filepath: The file: safetensors, ".weights.h5", ".keras", or legacy ".h5".
            skip_mismatch: Leave layers as they are whose weights do not fit, with a warning that
                lists them, in place of an error.
            by_name: Find layers by their names, not by their order: legacy ".h5" files only.

        Raises:
            FileFormatError: If the file is damaged, or does not hold exactly these weights: the
                message lists the differences. The model is unchanged then.
        """
        model_file.load_weights(self, filepath, skip_mismatch, by_name)

    def export(
        self, filepath: Any, format: str = "onnx", verbose: Any = None, input_signature: Any = None
    ) -> None:
        """Writes the model in a format of others, for inference.

        Args:
            filepath: The file.
            format: "onnx": what ONNX Runtime and many others run. The input is called as the
                model's input layer, the output "output"; any number of samples.
                "c": one C99 file with the weights and a function for one sample. Dense networks
                with relu and its like give lamina's own bits there; tanh, exp and others are the
                C library's and differ in the last places.
            verbose: Accepted for compatibility; nothing is printed.
            input_signature: Not supported: None only; the shapes are the model's.

        Raises:
            NotImplementedError: For layers that the format cannot have yet, and for formats that
                only Keras has.
            OSError: If the file cannot be written; one that was there is as it was.
            ValueError: If the model is not built, or the format is unknown.

        Example:
            >>> model.export("model.onnx", format="onnx")
            >>> model.export("model.c", format="c")
        """
        _checks.require_default("export", input_signature=input_signature)
        export_model(self, model_file.path_of(filepath), format)

    def __reduce__(self) -> tuple[Any, ...]:
        from lamina.saving.own_objects import own_objects

        return model_file.restore, (*model_file.capture(self), own_objects(self))

    def __repr__(self) -> str:
        return f"<Sequential name={self.name}, built={self.built}>"
