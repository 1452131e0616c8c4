"""The names that Keras 3 has, for files that Keras shall load."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The classes of each public module of Keras, as far as a network of vectors can need them.
KERAS_CLASSES: dict[str, frozenset[str]] = {
    "layers": _names(
        "Activation ActivityRegularization Add AlphaDropout Average BatchNormalization "
        "CategoryEncoding Concatenate Dense Discretization Dot Dropout ELU EinsumDense Embedding "
        "Flatten GaussianDropout GaussianNoise GroupNormalization HashedCrossing Hashing Identity "
        "InputLayer IntegerLookup Lambda LayerNormalization LeakyReLU Masking Maximum Minimum "
        "Multiply Normalization PReLU Permute RMSNormalization ReLU RepeatVector Rescaling "
        "Reshape Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization "
        "StringLookup Subtract UnitNormalization"
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

#: Keras' operations, by the module that defines them: each is a function of `lamina.ops`, too.
KERAS_OPERATIONS: dict[str, frozenset[str]] = {
    "core": _names(
        "Cast ConvertToTensor Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack"
    ),
    "linalg": _names("Norm"),
    "math": _names("Erf InTopK Logsumexp Rsqrt TopK"),
    "nn": _names(
        "BinaryCrossentropy CategoricalCrossentropy Celu Elu Gelu Glu HardShrink HardSigmoid "
        "HardSilu HardTanh LeakyRelu LogSigmoid LogSoftmax Moments MultiHot Normalize OneHot "
        "Relu Relu6 Selu Sigmoid Silu SoftShrink Softmax Softplus Softsign "
        "SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Squareplus "
        "TanhShrink Threshold"
    ),
    "numpy": _names(
        "Absolute Add All Amax Amin Any Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 "
        "Arctanh Argmax Argmin Argsort Array Bincount BitwiseAnd BitwiseInvert "
        "BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo Ceil "
        "Clip Concatenate Conjugate Copy Cos Cosh CountNonzero Cross Cumprod Cumsum Deg2rad "
        "Diag Diagonal Diff Divide Dot Einsum EmptyLike Equal Exp ExpandDims Expm1 Flip Floor "
        "FloorDivide Full FullLike GetItem Greater GreaterEqual Hstack Hypot Imag Inner IsIn "
        "Isclose Isfinite Isinf Isnan LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 "
        "Logaddexp LogicalAnd LogicalNot LogicalOr LogicalXor Matmul Max Maximum Mean "
        "Meshgrid Min Minimum Mod Moveaxis Multiply NanToNum Ndim Negative Nextafter Nonzero "
        "NotEqual OnesLike Outer Pad Power Prod Ravel Real Reciprocal Repeat Reshape "
        "RightShift Roll Round SearchSorted Sign Signbit Sin Sinh Size Sort Split Sqrt Square "
        "Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile "
        "Trace Transpose Tril Triu TrueDivide Trunc Var Vstack Where ZerosLike"
    ),
}
