"""Bad input.

Each call raises a documented exception that says what was received, and leaves the model as it
was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import activations, callbacks, initializers, layers, losses, metrics, optimizers

Array = np.ndarray[Any, Any]

MAX_NORM_1 = lamina.constraints.MaxNorm(2, axis=1)
X = np.linspace(-1, 1, 40).reshape(10, 4)
LABELS = np.arange(10) % 3
NAN = float("nan")


def _model(loss: str = "sparse_categorical_crossentropy", built: bool = True) -> Any:
    stack = [layers.Dense(5, "relu", name="a"), layers.Dense(3, "softmax", name="b")]
    model = lamina.Sequential([lamina.Input((4,)), *stack] if built else stack)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def _state(model: Any) -> Any:
    if not model.built:
        return (model.get_config(), model.get_compile_config())
    parts = [w.tobytes() for w in model.get_weights()]
    parts += [v.numpy().tobytes() for v in model.optimizer.variables]
    network = model._trainer.ready().network
    return (
        parts,
        model.get_config(),
        model.get_compile_config(),
        model.optimizer.iterations,
        network.epochs_seen,
        network.steps_seen,
        model.get_metrics_result(),
    )


def _with(array: Array, index: Any, value: Any) -> Array:
    changed = np.array(array, dtype="float64")
    changed[index] = value
    return changed


OTHER = _model()

Case = tuple[Callable[[Any], Any], type[Exception], str]

DATA: list[Case] = [
    # shapes, ranks, lengths
    (lambda m: m.fit(X[:, :3], LABELS), ValueError, r"x.shape=\(10, 3\)"),
    (lambda m: m.fit(X[0], LABELS), ValueError, r"For one sample give x\[None\]"),
    (lambda m: m.fit(X[:, None], LABELS), ValueError, r"x.shape=\(10, 1, 4\)"),
    (lambda m: m.fit(np.float32(3), LABELS), ValueError, r"x.shape=\(\)"),
    (lambda m: m.fit(X, LABELS[:9]), ValueError, "10 inputs and 9 targets"),
    (lambda m: m.fit(X, 3), ValueError, "10 inputs and no axis"),
    (lambda m: m.fit(X, np.eye(3)[LABELS]), ValueError, "one-hot"),
    (lambda m: m.fit(X, np.stack([LABELS, LABELS], 1)), ValueError, r"y.shape=\(10, 2\)"),
    (lambda m: m.fit(X, LABELS, sample_weight=np.ones(9)), ValueError, r"shape=\(9,\)"),
    (lambda m: m.fit(X, LABELS, sample_weight=np.ones((10, 2))), ValueError, r"\(10, 2\)"),
    (lambda m: m.fit(X, LABELS, sample_weight=2.0), ValueError, r"shape=\(\)"),
    (lambda m: m.fit(X[:0], LABELS[:0]), ValueError, "at least one sample"),
    (lambda m: m.predict(X[:0]), ValueError, "at least one sample"),
    (lambda m: m.evaluate(X[:0], LABELS[:0]), ValueError, "at least one sample"),
    (lambda m: m.predict(X[:, :3]), ValueError, r"x.shape=\(10, 3\)"),
    (lambda m: m(X[0]), ValueError, r"x.shape=\(4,\)"),
    (lambda m: m.predict_on_batch(X[:, :2]), ValueError, r"x.shape=\(10, 2\)"),
    (lambda m: m.train_on_batch(X, LABELS[:3]), ValueError, "10 inputs and 3 targets"),
    (lambda m: m.test_on_batch(X[:3], LABELS), ValueError, "3 inputs and 10 targets"),
    (lambda m: m.fit([[1.0, 2.0], [3.0]], [0, 1]), ValueError, "cannot be made an array"),
    # kinds of arrays
    (lambda m: m.fit(None, LABELS), ValueError, "x=None"),
    (lambda m: m.fit(X), ValueError, "y=None"),
    (lambda m: m.fit(X.astype(object), LABELS), TypeError, "dtype object"),
    (lambda m: m.fit(X.astype(complex), LABELS), TypeError, "dtype complex128"),
    (lambda m: m.fit(X.astype(str), LABELS), TypeError, "dtype <U"),
    (lambda m: m.fit(X.astype("datetime64[s]"), LABELS), TypeError, "datetime64"),
    (lambda m: m.fit(X, LABELS.astype(str)), TypeError, "`y` must hold real numbers"),
    (lambda m: m.fit(X, LABELS, sample_weight=["a"] * 10), TypeError, "sample_weight"),
    (lambda m: m.fit(np.ma.masked_less(X, 0), LABELS), TypeError, "masked"),
    (lambda m: m.fit(iter([X]), LABELS), ValueError, "`y` must not be given"),
    (lambda m: m.fit({"x": X}, LABELS), ValueError, "dict"),
    (lambda m: m.fit(object(), LABELS), TypeError, "object of type object"),
    (lambda m: m.predict("text"), TypeError, "object of type str"),
    (lambda m: m.predict(X * 1j), TypeError, "complex128"),
    # values
    (lambda m: m.fit(X, _with(LABELS, 5, NAN)), ValueError, "nan at index 5"),
    (lambda m: m.fit(X, _with(LABELS, 5, 0.5)), ValueError, "0.5 at index 5"),
    (lambda m: m.fit(X, _with(LABELS, 5, 3)), ValueError, "3.0 at index 5"),
    (lambda m: m.fit(X, LABELS - 1), ValueError, "-1 at index 0"),
    (lambda m: m.fit(X, _with(LABELS, 5, 1e300)), ValueError, "at index 5"),
    (lambda m: m.fit(X, _with(LABELS, 5, np.inf)), ValueError, "inf at index 5"),
    (lambda m: m.fit(X, LABELS.astype("uint64") + 2**63), ValueError, "at index 0"),
    (lambda m: m.train_on_batch(X, LABELS + 3), ValueError, "from 0 to 2"),
    (lambda m: m.evaluate(X, LABELS + 3), ValueError, "from 0 to 2"),
    (lambda m: m.fit(X, LABELS, sample_weight=[NAN] * 10), ValueError, "NaN at index 0"),
    # arguments of fit
    (lambda m: m.fit(X, LABELS, batch_size=0), ValueError, "batch_size=0"),
    (lambda m: m.fit(X, LABELS, batch_size=-5), ValueError, "batch_size=-5"),
    (lambda m: m.fit(X, LABELS, batch_size=2.5), ValueError, "batch_size=2.5"),
    (lambda m: m.fit(X, LABELS, batch_size=2**70), ValueError, "batch_size"),
    (lambda m: m.fit(X, LABELS, batch_size="8"), TypeError, "batch_size='8'"),
    (lambda m: m.fit(X, LABELS, batch_size=True), TypeError, "batch_size=True"),
    (lambda m: m.fit(X, LABELS, epochs=-1), ValueError, "epochs=-1"),
    (lambda m: m.fit(X, LABELS, epochs=None), TypeError, "epochs=None"),
    (lambda m: m.fit(X, LABELS, initial_epoch=-1), ValueError, "initial_epoch=-1"),
    (lambda m: m.fit(X, LABELS, shuffle="batch"), TypeError, "shuffle=batch|shuffle='batch'"),
    (lambda m: m.fit(X, LABELS, verbose=3), ValueError, "verbose=3"),
    (lambda m: m.fit(X, LABELS, verbose="loud"), ValueError, "verbose='loud'"),
    (lambda m: m.fit(X, LABELS, validation_split=1.0), ValueError, "validation_split=1.0"),
    (lambda m: m.fit(X, LABELS, validation_split=-0.1), ValueError, "validation_split=-0.1"),
    (lambda m: m.fit(X, LABELS, validation_split=NAN), ValueError, "validation_split=nan"),
    (lambda m: m.fit(X, LABELS, validation_split=0.95), ValueError, "not sufficient"),
    (lambda m: m.fit(X, LABELS, validation_data=X), ValueError, r"\(x, y\)"),
    (lambda m: m.fit(X, LABELS, validation_data=(X,)), ValueError, "of length 1"),
    (lambda m: m.fit(X, LABELS, validation_data=(X, LABELS + 1)), ValueError, "validation_data: y"),
    (lambda m: m.fit(X, LABELS, validation_data=(X[:, 1:], LABELS)), ValueError, "data: x.shape"),
    (lambda m: m.fit(X, LABELS, validation_data=(X, LABELS), validation_freq=0), ValueError, "=0"),
    (lambda m: m.fit(X, LABELS, class_weight=[1, 2]), TypeError, "class_weight"),
    (lambda m: m.fit(X, LABELS, class_weight={"a": 1}), TypeError, "class='a'"),
    (lambda m: m.fit(X, LABELS, class_weight={0: -1}), ValueError, "class 0"),
    (lambda m: m.fit(X, LABELS, class_weight={0: 1}, sample_weight=X[:, 0]), ValueError, "both"),
    (lambda m: m.fit(X, LABELS, steps_per_epoch=0), ValueError, "steps_per_epoch=0"),
    (lambda m: m.fit(X, LABELS, callbacks=3), TypeError, "callbacks=3"),
    (lambda m: m.fit(X, LABELS, callbacks=[3]), TypeError, "Callback"),
    (lambda m: m.fit(X, LABELS, epoch=3), TypeError, "epoch"),
    (lambda m: m.evaluate(X, LABELS, steps=0), ValueError, "steps=0"),
    (lambda m: m.predict(X, batch_size=0), ValueError, "batch_size=0"),
]

STRUCTURE: list[Case] = [
    (lambda m: m.add(3), TypeError, "Received: 3"),
    (lambda m: m.add(layers.Dense), TypeError, "Dense"),
    (lambda m: m.add(layers.Dense(1, name="a")), ValueError, "unique names"),
    (lambda m: m.add(m.layers[0]), ValueError, "only once"),
    (lambda m: m.add(lamina.Input((3,))), ValueError, "already been configured"),
    (lambda m: m.add(layers.Dense(1, dtype="float64")), ValueError, "float64"),
    (lambda m: m.add(layers.Dense(2**46)), ValueError, "memory can hold"),
    (lambda m: m.add(layers.Softmax(axis=2)), ValueError, "axis 2 is out of bounds"),
    (lambda m: m.add(layers.Layer()), NotImplementedError, "must define `call"),
    (lambda m: m.add(m), ValueError, "cannot be in itself"),
    (lambda m: m.add(lamina.Sequential()), ValueError, "needs layers"),
    (lambda m: layers.Residual([]), TypeError, "list of layers"),
    (lambda m: m.add(layers.Residual([layers.Dense(5)], False)), ValueError, "shape of the input"),
    (lambda m: lamina.Sequential([lamina.Input((9,)), m.layers[0]]), ValueError, "was built for"),
    (lambda m: m.build((None, 7)), ValueError, "cannot build it"),
    (lambda m: m.get_layer("c"), ValueError, "Unknown layer"),
    (lambda m: m.get_layer(), ValueError, "index=None, name=None"),
    (lambda m: m.set_weights(m.get_weights()[:-1]), ValueError, "list of 3 arrays"),
    (lambda m: m.set_weights(3), TypeError, "int"),
    (lambda m: m.set_weights([w.T for w in m.get_weights()]), ValueError, "must match"),
    (lambda m: m.set_weights([0, *m.get_weights()[1:]]), ValueError, "must match"),
    (
        lambda m: m.set_weights([*m.get_weights()[:3], np.array(["a", "b", "c"])]),
        TypeError,
        "b/bias",
    ),
    (lambda m: m.layers[0].kernel.assign(np.zeros((5, 4))), ValueError, r"\(4, 5\)"),
    (lambda m: m.layers[0].kernel.assign(1.0), ValueError, "must match"),
    (lambda m: m.layers[0].set_weights([]), ValueError, "0 arrays"),
    (lambda m: setattr(m.optimizer, "learning_rate", -1), ValueError, "learning_rate=-1"),
    (lambda m: setattr(m.optimizer, "learning_rate", NAN), ValueError, "learning_rate=nan"),
    (lambda m: setattr(m.optimizer, "learning_rate", "x"), TypeError, "learning_rate='x'"),
    (lambda m: m.summary(line_length=5), ValueError, "too narrow"),
    (lambda m: m.load_weights(3), TypeError, "must be a path"),
]

COMPILING: list[Case] = [
    (lambda m: m.compile("adm", "mse"), ValueError, "Did you mean 'adam'"),
    (lambda m: m.compile("ADAM ", "mse"), ValueError, "Did you mean 'Adam'"),
    (lambda m: m.compile(3, "mse"), TypeError, "Received: 3"),
    (lambda m: m.compile("sgd", "mze"), ValueError, "Did you mean 'm"),
    (lambda m: m.compile("sgd", "kl_divergent"), ValueError, "Known names"),
    (lambda m: m.compile("sgd", losses.Loss()), NotImplementedError, "must define `call"),
    (lambda m: m.compile("sgd", 3), TypeError, "Received: 3"),
    (
        lambda m: m.compile("sgd", losses.MeanSquaredError(reduction="none")),
        NotImplementedError,
        "reduction='none'",
    ),
    (lambda m: m.compile("sgd", "mse", metrics="mae"), ValueError, "list of metrics"),
    (lambda m: m.compile("sgd", "mse", metrics=["acuracy"]), ValueError, "'accuracy'"),
    (lambda m: m.compile("sgd", "mse", metrics=[3]), TypeError, "Received: 3"),
    (lambda m: m.compile("sgd", "mse", metrics=[metrics.Mean()]), NotImplementedError, "Mean"),
    (
        lambda m: m.compile("sgd", "mse", metrics=["sparse_categorical_accuracy"]),
        ValueError,
        "integer labels",
    ),
    (
        lambda m: m.compile("sgd", "sparse_categorical_crossentropy", metrics=["mae"]),
        ValueError,
        "integer labels",
    ),
    (lambda m: m.compile("sgd", "mse", loss_weights=[1, 2]), ValueError, "loss_weights"),
    (lambda m: m.compile("sgd", "mse", loss_weights=-1.0), ValueError, "loss_weights"),
    (lambda m: m.compile("sgd", ["mse", "mae"]), ValueError, "one output"),
    (lambda m: m.compile("sgd", "mse", weighted_metrics="mae"), ValueError, "weighted_metrics"),
    (lambda m: m.compile("sgd", "mse", missing_targets="skip"), ValueError, "missing_targets"),
    (
        lambda m: m.compile("sgd", "mse", metrics=[metrics.MeanSquaredError("loss")]),
        ValueError,
        "'loss'",
    ),
    (lambda m: m.compile(OTHER.optimizer, "mse"), ValueError, "another model"),
    (lambda m: m.compile_from_config({}), ValueError, "compile_from_config"),
]

CREATING: list[Case] = [
    (lambda m: layers.Dense(0), ValueError, "units=0"),
    (lambda m: layers.Dense(-1), ValueError, "Received: units=-1"),
    (lambda m: layers.Dense(10**18), ValueError, "units=1000000000000000000"),
    (lambda m: layers.Dense(2.5), ValueError, "units=2.5"),
    (lambda m: layers.Dense("3"), TypeError, "units='3'"),
    (lambda m: layers.Dense(None), TypeError, "units=None"),
    (lambda m: layers.Dense(True), TypeError, "units=True"),
    (lambda m: layers.Dense(3, activation="rellu"), ValueError, "Did you mean 'relu'"),
    (lambda m: layers.Dense(3, activation=3), TypeError, "activation=3"),
    (lambda m: layers.Dense(3, unit=3), TypeError, "unit"),
    (lambda m: layers.Dense(3, use_bias="no"), TypeError, "use_bias='no'"),
    (lambda m: layers.Dense(3, kernel_regularizer="l3"), ValueError, "'l1', 'l2'|l1, l1_l2, l2"),
    (lambda m: layers.Dense(3, bias_regularizer=3), TypeError, "bias|regularizer=3"),
    (lambda m: layers.Dense(3, kernel_constraint="x"), ValueError, "Unknown constraint"),
    (lambda m: m.add(layers.Dense(3, bias_constraint=MAX_NORM_1)), ValueError, "no axis 1"),
    (lambda m: lamina.regularizers.L1(-1.0), ValueError, "l1=-1.0"),
    (lambda m: lamina.constraints.MaxNorm(-1.0), ValueError, "max_value=-1.0"),
    (lambda m: lamina.constraints.MinMaxNorm(2.0, 1.0), ValueError, "max_value=1.0"),
    (lambda m: setattr(m, "trainable", 1), TypeError, "trainable"),
    (lambda m: setattr(m.layers[0], "trainable", None), TypeError, "trainable"),
    (lambda m: m.add(layers.BatchNormalization(axis=0)), ValueError, "axis of the batch"),
    (lambda m: m.add(layers.BatchNormalization(axis=2)), ValueError, "axis 2 is out of bounds"),
    (lambda m: layers.BatchNormalization(momentum=1.5), ValueError, "momentum=1.5"),
    (lambda m: layers.BatchNormalization(renorm=1), TypeError, "renorm=1"),
    (lambda m: layers.BatchNormalization(synchronized=True), NotImplementedError, "synchronized"),
    (lambda m: layers.LayerNormalization(epsilon=-1.0), ValueError, "epsilon=-1.0"),
    (lambda m: m.add(layers.LayerNormalization(axis=[])), ValueError, "at least one axis"),
    (lambda m: m.add(layers.GroupNormalization(2)), ValueError, "groups=2"),
    (lambda m: layers.GroupNormalization(0), ValueError, "groups=0"),
    (lambda m: m.add(layers.Reshape((2, 2))), ValueError, "total size"),
    (lambda m: layers.Reshape((-1, -1)), ValueError, "one may be -1"),
    (lambda m: layers.Permute((1, 3)), ValueError, "each axis"),
    (lambda m: m.add(layers.Permute((2, 1))), ValueError, "2 axes"),
    (lambda m: layers.RepeatVector(0), ValueError, "n=0"),
    (lambda m: m.add(layers.CategoryEncoding(3)), ValueError, "before all other layers"),
    (lambda m: layers.CategoryEncoding(), TypeError, "num_tokens=None"),
    (lambda m: layers.CategoryEncoding(3)([[3]]), ValueError, "0 to 2"),
    (lambda m: layers.CategoryEncoding(3)([[0.5]]), ValueError, "0 to 2"),
    (lambda m: layers.CategoryEncoding(3, "onehot"), ValueError, "one_hot"),
    (lambda m: layers.Discretization([1.0, 0.0]), ValueError, "ascending"),
    (lambda m: layers.Discretization(), ValueError, "num_bins=None"),
    (lambda m: layers.Discretization(num_bins=3)([1.0]), RuntimeError, "adapt"),
    (lambda m: layers.Normalization(mean=1.0), ValueError, "both"),
    (lambda m: layers.Normalization(mean=[1.0], variance=1.0), ValueError, "same shape"),
    (lambda m: m.add(layers.Normalization(axis=0)), ValueError, "axis of the batch"),
    (lambda m: m.add(layers.Rescaling([1.0, 2.0])), ValueError, "does not broadcast"),
    (lambda m: lamina.initializers.Orthogonal()((3,)), ValueError, "rank 1"),
    (lambda m: layers.Embedding(3, 0), ValueError, "output_dim=0"),
    (lambda m: layers.Embedding(3, 2, mask_zero=True), NotImplementedError, "mask_zero"),
    (lambda m: layers.Embedding(3, 2)(np.array([[3]])), ValueError, "0 to 2"),
    (lambda m: layers.Embedding(2**25, 2), ValueError, "float32"),
    (lambda m: m.add(layers.PReLU(shared_axes=[2])), ValueError, "no axis 2"),
    (lambda m: layers.GaussianNoise(-1.0), ValueError, "stddev=-1.0"),
    (lambda m: layers.AlphaDropout(1.0), ValueError, "rate=1.0"),
    (lambda m: m.add(layers.SpatialDropout1D(0.5)), ValueError, "steps, channels"),
    (lambda m: layers.Dense(3, kernel_initializer="glorot"), ValueError, "Did you mean 'glorot"),
    (lambda m: layers.Dense(3, kernel_initializer=3), TypeError, "Received: 3"),
    (lambda m: layers.Dense(3, dtype="float16"), ValueError, "Received: 'float16'"),
    (lambda m: layers.Dense(3, dtype="mixed_bfloat16"), ValueError, "mixed_bfloat16"),
    (lambda m: layers.Dense(3, name="a/b"), ValueError, "character `/`"),
    (lambda m: layers.Dense(3, name=""), ValueError, "name=''"),
    (lambda m: layers.Dense(3)(3.0), ValueError, r"shape \(\)"),
    (lambda m: layers.Dense(3)(np.zeros(4)), ValueError, "at least one axis"),
    (lambda m: layers.Dense(3).build((None, -4)), ValueError, "input_shape=-4"),
    (lambda m: layers.Dense(3).build((None, None)), ValueError, "must be known"),
    (lambda m: layers.Dense(3)(lamina.Input((3,), dtype="string")), TypeError, "StringLookup"),
    (lambda m: layers.Dense(3)(layers.InputLayer((3,))), TypeError, "InputLayer"),
    (lambda m: lamina.Input((3,), dtype="text"), ValueError, "dtype of an Input"),
    (lambda m: lamina.Input(tensor=np.ones(3)), ValueError, "must be a KerasTensor"),
    (lambda m: layers.Dropout(1.0), ValueError, "rate=1.0"),
    (lambda m: layers.Dropout(-0.1), ValueError, "rate=-0.1"),
    (lambda m: layers.Dropout("x"), TypeError, "rate='x'"),
    (lambda m: layers.Dropout(0.5, noise_shape=3), ValueError, "noise_shape=3"),
    (lambda m: m.add(layers.Dropout(0.5, noise_shape=(2, 3))), ValueError, "noise_shape="),
    (lambda m: layers.ReLU(max_value=-1), ValueError, "max_value=-1"),
    (lambda m: layers.Flatten("channels_first"), NotImplementedError, "channels_first"),
    (lambda m: lamina.Input(), ValueError, "shape=None"),
    (lambda m: lamina.Input((None,)), ValueError, "must be known"),
    (lambda m: lamina.Input((0,)), ValueError, "shape=0"),
    (lambda m: lamina.Input((2**40, 2**40)), ValueError, "memory can hold"),
    (lambda m: lamina.Input("4"), TypeError, "shape='4'"),
    (lambda m: lamina.Sequential(3), TypeError, "layers"),
    (lambda m: lamina.Sequential([3]), TypeError, "Received: 3"),
    (lambda m: lamina.Sequential().pop(), IndexError, "no layers"),
    (lambda m: lamina.Sequential().predict(X), ValueError, "no layers"),
    (lambda m: lamina.Sequential().build((None, 3)), ValueError, "no layers"),
    (lambda m: lamina.Sequential([layers.Dense(1)]).build(), ValueError, "input_shape=None"),
    (
        lambda m: lamina.Sequential([lamina.Input(()), layers.Dense(1)]),
        ValueError,
        "at least one axis",
    ),
    (lambda m: lamina.Sequential.from_config({"name": "x"}), ValueError, "'layers'"),
    (lambda m: lamina.models.model_from_json("{"), ValueError, "JSON"),
    (lambda m: lamina.models.clone_model(3), TypeError, "Received: 3"),
    (lambda m: lamina.Sequential([layers.Dense(1)]).fit(X, LABELS), RuntimeError, "compile()"),
    (lambda m: lamina.Sequential([layers.Dense(1)]).evaluate(X, LABELS), RuntimeError, "compile()"),
    (lambda m: lamina.Sequential([layers.Dense(1)]).get_weights(), ValueError, "not yet been"),
    (lambda m: optimizers.SGD(-0.1), ValueError, "learning_rate=-0.1"),
    (lambda m: optimizers.SGD(float("inf")), ValueError, "learning_rate=inf"),
    (lambda m: optimizers.SGD("0.1"), TypeError, "learning_rate='0.1'"),
    (lambda m: optimizers.SGD(momentum=1.5), ValueError, "momentum=1.5"),
    (lambda m: optimizers.SGD(lr=0.1), TypeError, "lr"),
    (lambda m: optimizers.Adam(beta_1=1.0), ValueError, "beta_1=1.0"),
    (lambda m: optimizers.Adam(beta_2=-1), ValueError, "beta_2=-1"),
    (lambda m: optimizers.Adam(epsilon=NAN), ValueError, "epsilon=nan"),
    (lambda m: optimizers.Adam(amsgrad=1), TypeError, "amsgrad=1"),
    (lambda m: optimizers.Adam(weight_decay=-0.1), ValueError, "weight_decay=-0.1"),
    (lambda m: optimizers.Adam(clipnorm=1.0, clipvalue=0.1), ValueError, "clipvalue=0.1"),
    (lambda m: optimizers.Adam(use_ema="yes"), TypeError, "use_ema='yes'"),
    (lambda m: losses.Huber(0.0), ValueError, "delta=0.0"),
    (lambda m: losses.BinaryCrossentropy(label_smoothing=2), ValueError, "label_smoothing=2"),
    (lambda m: losses.BinaryCrossentropy(from_logits=1), TypeError, "from_logits=1"),
    (lambda m: losses.CategoricalCrossentropy(axis="x"), TypeError, "axis"),
    (
        lambda m: losses.SparseCategoricalCrossentropy(ignore_class=0.5),
        ValueError,
        "ignore_class=0.5",
    ),
    (lambda m: losses.MeanSquaredError(reduction="avg"), ValueError, "Received: 'avg'"),
    (lambda m: losses.mean_squared_error(X, X[:5]), ValueError, r"\(10, 4\)"),
    (lambda m: losses.mean_squared_error(X[:, 0], X), ValueError, r"\(10,\)"),
    (
        lambda m: losses.sparse_categorical_crossentropy([4], [[0.5, 0.5]]),
        ValueError,
        "4 at index 0",
    ),
    (lambda m: losses.MeanSquaredError()(X, X, np.ones(3)), ValueError, r"shape=\(3,\)"),
    (lambda m: metrics.BinaryAccuracy(threshold=2), ValueError, "threshold=2"),
    (lambda m: metrics.BinaryAccuracy()(X, X[:3]), ValueError, "shape"),
    (lambda m: metrics.get("f1"), ValueError, "Unknown metric"),
    (lambda m: initializers.VarianceScaling(scale=0), ValueError, "scale=0"),
    (lambda m: initializers.VarianceScaling(mode="in"), ValueError, "Did you mean|Known names"),
    (lambda m: initializers.RandomNormal(stddev=-1), ValueError, "stddev=-1"),
    (lambda m: initializers.RandomNormal(seed="x"), TypeError, "seed='x'"),
    (lambda m: initializers.Identity()((3,)), ValueError, "rank 1"),
    (lambda m: initializers.Constant([1, 2])((3,)), ValueError, "broadcast"),
    (lambda m: activations.relu("x"), TypeError, "type str"),
    (lambda m: activations.softmax(3.0), ValueError, r"shape \(\)"),
    (lambda m: activations.softmax(X, axis=5), ValueError, "axis=5"),
    (lambda m: lamina.utils.set_random_seed(-1), ValueError, "seed=-1"),
    (lambda m: lamina.utils.set_random_seed(1.5), ValueError, "seed=1.5"),
    (lambda m: lamina.utils.to_categorical([0, 3], 3), ValueError, "label 3"),
    (lambda m: lamina.utils.to_categorical([-1]), ValueError, "-1"),
    (lambda m: lamina.utils.to_categorical([0.5]), ValueError, "0.5"),
    (lambda m: lamina.utils.to_categorical([10**15]), ValueError, "memory can hold"),
    (lambda m: lamina.config.set_floatx("float16"), ValueError, "float16"),
    (lambda m: lamina.set_num_threads(0), ValueError, "0"),
    (lambda m: lamina.random.normal((-1,)), ValueError, "shape=-1"),
    (lambda m: lamina.random.randint((1,), 3, 3), ValueError, "maxval=3"),
    (lambda m: callbacks.EarlyStopping(mode="up"), ValueError, "Received: 'up'"),
    (lambda m: callbacks.EarlyStopping(patience=-1), ValueError, "patience=-1"),
]


@pytest.mark.parametrize("case", range(len(DATA + STRUCTURE + COMPILING + CREATING)))
def test_bad_calls(case: int) -> None:
    call, kind, fragment = (DATA + STRUCTURE + COMPILING + CREATING)[case]
    model = _model()
    model.fit(X, LABELS, verbose=0)
    before = _state(model)
    with pytest.raises(kind, match=fragment) as caught:
        call(model)
    assert type(caught.value) is kind and len(str(caught.value)) < 3000
    assert _state(model) == before
    assert len(model.fit(X, LABELS, verbose=0).history["loss"]) == 1


@pytest.mark.parametrize("case", range(len(DATA)))
def test_bad_data_builds_no_model(case: int) -> None:
    call, kind, _ = DATA[case]
    model = _model(built=False)
    before = _state(model)
    try:
        call(model)
    except (kind, ValueError):
        assert _state(model) == before and not model.built
    else:
        # A shape that another model could not take is as good as any for an unbuilt one.
        assert model.built


@pytest.mark.parametrize(
    "arguments",
    [
        {"verbose": 3},
        {"callbacks": [3]},
        {"validation_data": (X, LABELS + 1)},
        {"validation_data": (X[:, 1:], LABELS)},
    ],
)
def test_bad_arguments_beside_a_stream_build_no_model(arguments: dict[str, Any]) -> None:
    model = _model(built=False)
    before = _state(model)
    with pytest.raises((TypeError, ValueError)):
        model.fit(iter([(X, LABELS)]), **arguments)
    assert _state(model) == before and not model.built


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "binary_crossentropy"])
def test_bad_dense_targets(loss: str) -> None:
    model = _model(loss)
    y = np.eye(3)[LABELS]
    model.fit(X, y, verbose=0)
    before = _state(model)
    for target, fragment in [
        (_with(y, (4, 1), NAN), r"NaN at index \(4, 1\)"),
        (y[:, :2], r"y.shape=\(10, 2\)"),
        (y[:, 0], r"y.shape=\(10,\)"),
        (y[:, :1], r"y.shape=\(10, 1\)"),
        (y.ravel(), "30 targets"),
        (y.reshape(10, 1, 3), r"\(10, 1, 3\)"),
    ]:
        for method in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
            with pytest.raises(ValueError, match=fragment):
                method(X, target)
    assert _state(model) == before


def test_sizes_that_no_memory_holds() -> None:
    model = lamina.Sequential([lamina.Input((2**20,)), layers.Dense(2**26)])
    assert model.count_params() == 2**46 + 2**26  # nothing is allocated yet
    with pytest.raises((MemoryError, ValueError)):
        model.predict(np.zeros((1, 2**20), "float32"))
    with pytest.raises((MemoryError, ValueError)):
        model.compile("sgd", "mse")
        model.fit(np.zeros((1, 2**20), "float32"), np.zeros((1, 1), "float32"))


def test_a_model_in_use_is_not_trained_twice() -> None:
    import threading

    model = lamina.Sequential([lamina.Input((64,)), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.broadcast_to(np.zeros((1, 64), "float32"), (100_000_000, 64))
    y = np.broadcast_to(np.float32(0), (100_000_000,))
    model.fit(x[:64], y[:64], verbose=0)
    running, checked = threading.Event(), threading.Event()

    def poll(batches: int, values: list[float]) -> None:
        running.set()
        if checked.is_set():
            raise InterruptedError

    def work() -> None:
        with pytest.raises(InterruptedError):
            model._trainer.ready().network.train(x, y, None, 16, False, poll)

    thread = threading.Thread(target=work)
    thread.start()
    assert running.wait(30)
    with pytest.raises(RuntimeError, match="running in another thread"):
        model.train_on_batch(x[:4], y[:4])
    assert model.predict(x[:4]).shape == (4, 1)
    checked.set()
    thread.join()
    model.train_on_batch(x[:4], y[:4])


@pytest.mark.parametrize("dtype", ["U", "O", "S"])
def test_labels_that_are_strings_name_what_makes_them_numbers(dtype: str) -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(2, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match=r"`y`.*np\.unique\(y, return_inverse=True\).*StringLookup"):
        model.fit(np.zeros((2, 2)), np.array(["a", "b"], dtype), verbose=0)
