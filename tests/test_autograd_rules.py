"""Every differentiable function's first and second derivatives against central differences."""

import numpy as np
import pytest
from gradient_checks import check, gradients, tensors, total

import lamina
from lamina import _core

core = _core.ops


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(*shape, seed=0):
    return rng(seed).normal(size=shape)


def positive(*shape, seed=0):
    return rng(seed).uniform(0.3, 2.0, shape)


def unit(*shape, seed=0):
    return rng(seed).uniform(-0.8, 0.8, shape)


def apart(*shape, seed=0):
    """No two are close to each other, or to a whole number."""
    count = int(np.prod(shape))
    values = np.arange(count) * 0.7 - count * 0.3 + 0.123
    return rng(seed).permutation(values).reshape(shape)


#: Of functions of the core: what they are called with.
UNARY = {
    "negative": normal, "positive": normal, "absolute": apart, "sign": apart, "square": normal,
    "sqrt": positive, "rsqrt": positive, "reciprocal": positive, "exp": normal, "expm1": normal,
    "log": positive, "log1p": positive, "log2": positive, "log10": positive, "sin": normal,
    "cos": normal, "tan": unit, "sinh": normal, "cosh": normal, "tanh": normal, "arcsin": unit,
    "arccos": unit, "arctan": normal, "arcsinh": normal, "arctanh": unit, "sigmoid": normal,
    "arccosh": lambda *s: positive(*s) + 1.0, "erf": normal, "floor": apart, "ceil": apart,
    "round": apart, "trunc": apart,
}  # fmt: skip
BINARY = {
    "add": (normal, normal), "subtract": (normal, normal), "multiply": (normal, normal),
    "divide": (normal, positive), "power": (positive, normal), "arctan2": (positive, positive),
    "maximum": (normal, positive), "minimum": (normal, positive),
    "floor_divide": (apart, lambda *s: positive(*s) + 3.21),
    "mod": (apart, lambda *s: positive(*s) + 3.21),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(UNARY))
def test_unary(name):
    function = getattr(core, name)
    check(function, UNARY[name](2, 3))
    check(function, UNARY[name]())


@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary(name):
    function, (left, right) = getattr(core, name), BINARY[name]
    check(function, left(2, 3), right(2, 3, seed=1) if right is normal else right(2, 3))
    check(function, left(3, 1), right(2, 1, 2))
    check(function, left(), right(2))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "logsumexp"])
def test_reductions(name):
    function = getattr(core, name)
    for axes, keepdims in [(None, False), ((1,), False), ((0, -1), True), ((), False)]:
        check(lambda x, a=axes, k=keepdims: function(x, a, k), apart(2, 3, 2) * 0.3)


@pytest.mark.parametrize("name", ["var", "std"])
def test_deviations(name):
    function = getattr(core, name)
    for axes, keepdims, correction in [(None, False, 0.0), ((1,), True, 1.0), ((0, 2), False, 0.5)]:
        check(lambda x, a=axes, k=keepdims, c=correction: function(x, a, k, c), normal(2, 3, 2))


SHAPING = {
    "reshape": lambda x: core.reshape(x, (3, -1)),
    "transpose": lambda x: core.transpose(x),
    "permute": lambda x: core.permute(x, (1, -1, 0)),
    "swapaxes": lambda x: core.swapaxes(x, 0, -1),
    "squeeze": lambda x: core.squeeze(core.reshape(x, (2, 1, 3, 2, 1))),
    "squeeze_axes": lambda x: core.squeeze_axes(core.reshape(x, (2, 1, 3, 2, 1)), (1,)),
    "expand_dims": lambda x: core.expand_dims(x, (0, -1)),
    "broadcast_to": lambda x: core.broadcast_to(x, (4, 2, 3, 2)),
    "sum_to": lambda x: core.sum_to(x, (3, 1)),
    "flip": lambda x: core.flip(x, (1,)),
    "repeat": lambda x: core.repeat(x, 3, 1),
    "pad": lambda x: core.pad(x, (1, 0, 2), (0, 1, 1), 0.5),
    "tril": lambda x: core.tril(x, 0),
    "triu": lambda x: core.triu(x, -1),
    "copy": lambda x: core.copy(x),
    "contiguous": lambda x: core.contiguous(core.transpose(x)),
    "get_item": lambda x: core.get_item(x, (slice(None), slice(2, 0, -1), 1)),
}


@pytest.mark.parametrize("name", sorted(SHAPING))
def test_shaping(name):
    check(SHAPING[name], normal(2, 3, 2))


def test_concatenate():
    check(lambda a, b, c: core.concatenate([a, b, c], -1), normal(2, 1), normal(2, 3), normal(2, 0))


def test_where_and_casts():
    chosen = np.array([[True, False, True]])
    check(lambda a, b: core.where(chosen, a, b), normal(2, 3), normal(3))
    x = lamina.Variable(np.float32([1.5, 2.5]))
    with lamina.GradientTape() as tape:
        y = core.cast(core.cast(x, "float64") * np.array([2.0, 4.0]), "float32")
    gradient = tape.gradient(y, x)
    assert gradient.dtype == "float32"
    np.testing.assert_array_equal(np.array(gradient), [2.0, 4.0])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), (4, 3, 2)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 2, 3), (3,)),
        ((2, 0), (0, 3)),
    ],
)
def test_matmul(a, b):
    check(core.matmul, normal(*a), normal(*b, seed=1))


ACTIVATIONS = {
    "relu": {}, "relu6": {}, "leaky_relu": {"a": 0.2}, "elu": {"a": 0.7}, "selu": {},
    "celu": {"a": 1.3}, "sigmoid": {}, "hard_sigmoid": {}, "tanh": {}, "softplus": {},
    "softsign": {}, "silu": {}, "gelu": {}, "gelu_tanh": {}, "mish": {}, "exponential": {},
    "threshold": {"a": 0.4, "b": 9.0}, "sparse_plus": {}, "sparse_sigmoid": {},
    "squareplus": {"a": 4.0}, "hard_tanh": {}, "hard_silu": {}, "hard_shrink": {"a": 0.5},
    "soft_shrink": {"a": 0.5}, "tanh_shrink": {}, "log_sigmoid": {}, "softmax": {},
    "log_softmax": {}, "sparsemax": {}, "linear": {},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name):
    f = _core.Activation(name, **{"a": 0.0, **ACTIVATIONS[name]})
    check(lambda x: core.activation(f, x), apart(3, 4) * 0.9)


def test_relu_of_many_parameters():
    for a, b, c in [(0.1, 2.0, 0.0), (0.0, 2.0, 1.0), (0.3, float("inf"), 0.7)]:
        f = _core.Activation("relu", a, b, c)
        check(lambda x, f=f: core.activation(f, x), apart(3, 4))
    negative = _core.Activation("elu", -0.5)
    check(lambda x: core.activation(negative, x), apart(3, 4))
    slope = _core.Activation("leaky_relu", -0.5)
    check(lambda x: core.activation(slope, x), apart(3, 4))


@pytest.mark.parametrize("name", ["linear", "tanh", "gelu", "softmax", "relu"])
def test_dense(name):
    f = _core.Activation(name)
    check(lambda x, w, b: core.dense(x, w, b, f), normal(2, 2, 3), normal(3, 4, seed=1), normal(4))
    check(lambda x, w: core.dense(x, w, None, f), normal(2, 3), normal(3, 2, seed=1))


def test_dense_is_the_product_bit_for_bit():
    x, w, b = (np.float32(a) for a in (normal(5, 7), normal(7, 6), normal(6)))
    fused = core.dense(x, w, b, _core.Activation("tanh"))
    apart_ = core.activation(_core.Activation("tanh"), core.add(core.matmul(x, w), b))
    np.testing.assert_array_equal(np.array(fused), np.array(apart_))


LOSSES = [
    ("mean_squared_error", {}), ("mean_absolute_error", {}), ("huber", {"delta": 0.8}),
    ("log_cosh", {}), ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("sparse_categorical_crossentropy", {"from_logits": True}),
    ("binary_crossentropy", {}), ("categorical_crossentropy", {}),
    ("sparse_categorical_crossentropy", {}), ("poisson", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), LOSSES)
def test_losses(name, options):
    loss = _core.Loss(name, **options)
    target = rng(3).uniform(0.1, 0.9, (4, 3))
    if name == "sparse_categorical_crossentropy":
        target = np.array([0, 2, 1, 1], np.int32)
    prediction = rng(4).uniform(0.1, 0.9, (4, 3))
    check(lambda p: core.row_losses(loss, target, p), prediction)
    if target.ndim == 2:
        check(lambda t, p: core.row_losses(loss, t, p), target, prediction)


def test_losses_without_pieces():
    loss = _core.Loss("hinge")
    target, prediction = np.sign(normal(3, 2)), normal(3, 2, seed=1)
    check(lambda p: core.row_losses(loss, target, p), prediction, second=False)
    p = lamina.Variable(prediction)
    with lamina.GradientTape(persistent=True) as tape:
        y = core.row_losses(loss, target, p)
        with pytest.raises(RuntimeError, match="second derivatives of this loss"):
            tape.gradient(y, p)


# ---- Points without a derivative: the rules of docs/autograd.md


def gradient_at(f, *arrays):
    return [g.tolist() for g in gradients(lambda *x: total(f(*x)), arrays)]


def test_kinks():
    one = np.zeros(1)
    assert gradient_at(core.absolute, one) == [[0.0]]
    assert gradient_at(core.sign, one) == [[0.0]]
    scale = 1.0 / gradient_at(core.positive, one)[0][0]
    halves = gradient_at(core.maximum, one, one)
    assert [scale * h[0] for h in halves] == [0.5, 0.5]
    halves = gradient_at(core.minimum, one, one)
    assert [scale * h[0] for h in halves] == [0.5, 0.5]
    assert gradient_at(core.floor, one + 2) == [[0.0]]
    shared = gradient_at(lambda x: core.max(x, None, False), np.array([1.0, 3, 3]))[0]
    assert [scale * g for g in shared] == [0.0, 0.5, 0.5]
    relu = _core.Activation("relu")
    assert gradient_at(lambda x: core.activation(relu, x), one) == [[0.0]]


def test_zero_to_a_power():
    a, b = np.array([0.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0])
    slope_a, slope_b = gradient_at(core.power, a, b)
    assert slope_a == [0.0, 0.0, 0.0]
    assert slope_b[:2] == [0.0, 0.0]
    assert slope_b[2] > 0


def test_the_deviation_of_equal_elements():
    assert gradient_at(lambda x: core.std(x, None, False, 0.0), np.ones(3)) == [[0.0] * 3]


def test_products_with_zeros():
    for zeros in ([], [1], [1, 3]):
        x = positive(5)
        x[zeros] = 0.0
        check(lambda v: core.prod(v, None, False), x)


def test_empty_tensors():
    for f in (core.exp, lambda x: core.sum(x, (0,), False), lambda x: core.reshape(x, (3, 0))):
        found = gradients(f, [np.zeros((0, 3))])
        assert found[0].shape == (0, 3)
    assert tensors([np.zeros(0)])[0].shape == (0,)


# ---- Elements by position

INDEXING = {
    "get_item": lambda x: core.get_item(x, (Ellipsis, None, slice(1, None))),
    "get_item_gather": lambda x: core.get_item(x, (slice(None), np.array([2, 0, 2]))),
    "get_item_apart": lambda x: core.get_item(x, (np.array([1, 0]), slice(None), np.array([0, 1]))),
    "get_item_mask": lambda x: core.get_item(x, np.arange(12).reshape(2, 3, 2) % 5 < 2),
    "take": lambda x: core.take(x, np.array([[2, 0], [2, 1]]), 1),
    "take_along_axis": lambda x: core.take_along_axis(x, np.array([[[2, 0], [2, 2]]]), 1),
    "cumsum": lambda x: core.cumsum(x, 1),
    "cumprod": lambda x: core.cumprod(x, 1),
    "sort": lambda x: core.sort(x, 1, True),
    "alias": core.alias,
    "dropout": lambda x: core.dropout(x, 0.5, 1, 2),
}


@pytest.mark.parametrize("name", sorted(INDEXING))
def test_indexing(name):
    check(INDEXING[name], normal(2, 3, 2))


def test_updates_of_elements():
    places = np.array([2, 0, 2])
    index = (slice(None), places)
    check(lambda x, u: core.set_item(x, index, u), normal(2, 3), normal(2, 3, seed=1))
    check(lambda x, u: core.set_item(x, (0, slice(1, 3)), u), normal(2, 3), normal(2))
    check(lambda x, u: core.join_item(x, index, u, "add"), normal(2, 3), normal(2, 3, seed=1))
    x = lamina.Variable(normal(3))
    with lamina.GradientTape(), pytest.raises(RuntimeError, match="only reductions None"):
        core.join_item(x, (places,), np.zeros(3), "max")


def test_running_products_with_zeros():
    x = positive(2, 4)
    x[0, 1] = x[1, 2] = 0.0
    check(lambda v: core.cumprod(v, -1), x)


#: What has no gradient: results that are no real numbers, or that depend on no tensor's values.
CONSTANTS = {
    "all", "any", "arange", "arange_integer", "argmax", "argmin", "argsort", "bitcast",
    "bitwise_and", "bitwise_or", "bitwise_xor", "convert", "count_nonzero", "equal", "eye",
    "from_dlpack", "full_of", "greater",
    "greater_equal", "invert", "isfinite", "isinf", "isnan", "left_shift", "less", "less_equal",
    "linspace", "logical_and", "logical_not", "logical_or", "logical_xor", "nonzero", "not_equal",
    "one_hot", "permutation", "random_integers", "random_normal", "random_truncated_normal",
    "random_uniform", "right_shift", "searchsorted", "shape", "shares_memory", "zeros",
}  # fmt: skip
ELSEWHERE = {
    "activate", "activation", "cast", "concatenate", "dense", "join_item", "logsumexp", "matmul",
    "max", "mean", "min", "prod", "row_losses", "set_item", "std", "sum", "var", "where",
}  # fmt: skip


def test_every_function_has_a_rule_and_a_test():
    names = {name for name in vars(core) if not name.startswith("_")}
    tested = {*UNARY, *BINARY, *SHAPING, *INDEXING, *ELSEWHERE, *CONSTANTS}
    assert names - tested == set()


def test_a_function_without_a_rule_says_so():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape, pytest.raises(RuntimeError, match="has no gradient"):
        core.full_of("float32", (2,), x)
    with tape:
        assert core.full_of("float32", (2,), lamina.stop_gradient(x)).shape == (2,)
