"""Writes down the signatures of Keras 3 that tests/test_keras_surface.py holds lamina to.

Run it where Keras 3 is installed:
`python tools/keras_signatures.py > tests/keras_surface/keras.json`.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from typing import Any

#: What code for dense networks uses, by the modules of Keras. Names that end in "()" are
#: classes whose methods count too.
NAMES = {
    "": "Input Sequential()",
    "layers": (
        "Input InputLayer Dense Activation ReLU LeakyReLU PReLU ELU Softmax Dropout AlphaDropout "
        "GaussianNoise GaussianDropout SpatialDropout1D ActivityRegularization BatchNormalization "
        "LayerNormalization GroupNormalization UnitNormalization RMSNormalization "
        "SpectralNormalization Flatten Reshape Permute RepeatVector Identity Embedding EinsumDense "
        "Lambda Masking Wrapper Rescaling Normalization Discretization CategoryEncoding "
        "IntegerLookup StringLookup Hashing HashedCrossing Layer serialize deserialize"
    ),
    "activations": (
        "linear relu sigmoid tanh softmax gelu elu leaky_relu silu swish softplus selu softsign "
        "exponential hard_sigmoid relu6 mish log_softmax hard_silu hard_swish celu log_sigmoid glu "
        "hard_tanh hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid sparsemax "
        "squareplus threshold get serialize deserialize"
    ),
    "losses": (
        "Loss() MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError "
        "MeanSquaredLogarithmicError Huber LogCosh CosineSimilarity BinaryCrossentropy "
        "BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy "
        "SparseCategoricalCrossentropy CategoricalGeneralizedCrossEntropy Circle CTC KLDivergence "
        "Poisson Hinge SquaredHinge CategoricalHinge Tversky Dice mean_squared_error "
        "mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error huber "
        "log_cosh cosine_similarity binary_crossentropy binary_focal_crossentropy "
        "categorical_crossentropy categorical_focal_crossentropy sparse_categorical_crossentropy "
        "categorical_generalized_cross_entropy circle kl_divergence poisson hinge squared_hinge "
        "categorical_hinge tversky dice get serialize deserialize"
    ),
    "metrics": (
        "Metric() Mean() Sum MeanMetricWrapper Accuracy BinaryAccuracy CategoricalAccuracy "
        "SparseCategoricalAccuracy TopKCategoricalAccuracy SparseTopKCategoricalAccuracy Precision "
        "Recall F1Score FBetaScore AUC TruePositives TrueNegatives FalsePositives FalseNegatives "
        "PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity "
        "MeanSquaredError RootMeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError "
        "MeanSquaredLogarithmicError LogCoshError CosineSimilarity R2Score PearsonCorrelation "
        "ConcordanceCorrelation BinaryCrossentropy CategoricalCrossentropy "
        "SparseCategoricalCrossentropy KLDivergence Poisson Hinge SquaredHinge CategoricalHinge "
        "IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU binary_accuracy categorical_accuracy "
        "sparse_categorical_accuracy top_k_categorical_accuracy sparse_top_k_categorical_accuracy "
        "get serialize deserialize"
    ),
    "optimizers": (
        "Optimizer() SGD RMSprop Adam AdamW Adadelta Adagrad Adamax Nadam Ftrl Lion Lamb Adafactor "
        "Muon ScheduleFreeAdamW MultiOptimizer LossScaleOptimizer get serialize deserialize"
    ),
    "optimizers.schedules": (
        "LearningRateSchedule ExponentialDecay PiecewiseConstantDecay PolynomialDecay "
        "InverseTimeDecay CosineDecay CosineDecayRestarts serialize deserialize"
    ),
    "callbacks": (
        "Callback() CallbackList History EarlyStopping ModelCheckpoint BackupAndRestore "
        "LearningRateScheduler ReduceLROnPlateau CSVLogger TensorBoard TerminateOnNaN "
        "LambdaCallback ProgbarLogger SwapEMAWeights RemoteMonitor"
    ),
    "initializers": (
        "Initializer Zeros Ones Constant GlorotUniform GlorotNormal HeUniform HeNormal LecunNormal "
        "LecunUniform RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal "
        "Identity get serialize deserialize"
    ),
    "regularizers": "Regularizer L1 L2 L1L2 OrthogonalRegularizer get serialize deserialize",
    "constraints": "Constraint MaxNorm MinMaxNorm NonNeg UnitNorm get serialize deserialize",
    "models": "clone_model load_model model_from_json save_model",
    "saving": (
        "load_model save_model load_weights save_weights register_keras_serializable "
        "custom_object_scope get_custom_objects get_registered_name get_registered_object "
        "serialize_keras_object deserialize_keras_object"
    ),
    "utils": (
        "set_random_seed to_categorical normalize split_dataset timeseries_dataset_from_array "
        "PyDataset pad_sequences Progbar plot_model model_to_dot get_custom_objects "
        "register_keras_serializable custom_object_scope clear_session pack_x_y_sample_weight "
        "unpack_x_y_sample_weight standardize_dtype"
    ),
    "random": "SeedGenerator normal uniform truncated_normal randint shuffle categorical dropout",
    "config": (
        "floatx set_floatx epsilon set_epsilon backend max_epochs max_steps_per_epoch "
        "set_max_epochs set_max_steps_per_epoch dtype_policy set_dtype_policy"
    ),
    "backend": "floatx set_floatx epsilon clear_session",
}


def described(thing: Any) -> Any:
    """A signature as [name, kind, default] each; the default as Python writes it, None for none."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    arguments = []
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        arguments.append([parameter.name, parameter.kind.name.lower(), default])
    return arguments


def surface(keras: Any) -> dict[str, Any]:
    """The signatures of all of `NAMES`, and of the public methods and properties of some."""
    found: dict[str, Any] = {}
    for module, names in NAMES.items():
        room = keras
        for part in filter(None, module.split(".")):
            room = getattr(room, part)
        for entry in names.split():
            name = entry.removesuffix("()")
            thing = getattr(room, name, None)
            key = f"{module}.{name}".lstrip(".")
            if thing is None:
                continue
            found[key] = described(thing)
            if not entry.endswith("()"):
                continue
            for method in dir(thing):
                if method.startswith("_") and method != "__call__":
                    continue
                value = inspect.getattr_static(thing, method)
                if isinstance(value, property):
                    found[f"{key}.{method}"] = "property"
                elif callable(getattr(thing, method)):
                    found[f"{key}.{method}"] = described(getattr(thing, method))
    return found


def main() -> None:
    """Prints the JSON."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    document = {"keras": keras.__version__, "signatures": surface(keras)}
    json.dump(document, sys.stdout, indent=0, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
