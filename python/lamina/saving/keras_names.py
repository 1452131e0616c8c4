"""The names that Keras 3 has, for files that Keras shall load."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The classes of each public module of Keras, as far as a network of vectors can need them.
KERAS_CLASSES: dict[str, frozenset[str]] = {
    "layers": _names(
        "Activation ActivityRegularization AlphaDropout BatchNormalization CategoryEncoding Dense "
        "Discretization Dropout ELU EinsumDense Embedding Flatten GaussianDropout GaussianNoise "
        "GroupNormalization HashedCrossing Hashing Identity InputLayer IntegerLookup Lambda "
        "LayerNormalization LeakyReLU Masking Normalization PReLU Permute RMSNormalization ReLU "
        "RepeatVector Rescaling Reshape Softmax SpatialDropout1D SpatialDropout2D "
        "SpatialDropout3D SpectralNormalization StringLookup UnitNormalization"
    ),
    "losses": _names(
        "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy "
        "CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle "
        "CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError "
        "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
        "SparseCategoricalCrossentropy SquaredHinge Tversky"
    ),
    "metrics": _names(
        "AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy "
        "CategoricalCrossentropy CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score "
        "FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence LogCoshError Mean "
        "MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper MeanSquaredError "
        "MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision "
        "PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError "
        "SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy "
        "SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum "
        "TopKCategoricalAccuracy TrueNegatives TruePositives"
    ),
    "optimizers": _names(
        "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam "
        "RMSprop SGD ScheduleFreeAdamW"
    ),
    "optimizers.schedules": _names(
        "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay "
        "PolynomialDecay"
    ),
    "initializers": _names(
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform "
        "Ones Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros"
    ),
    "regularizers": _names("L1 L1L2 L2 OrthogonalRegularizer"),
    "constraints": _names("MaxNorm MinMaxNorm NonNeg UnitNorm"),
}
