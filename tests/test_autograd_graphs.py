"""Gradients of random expressions: graphs in which values are used several times, or not at all."""

import numpy as np
from gradient_checks import check, gradients, tensors
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core

core = _core.ops

SHAPES = [(2, 3), (3,), (2, 1), (1, 3), (), (3, 2)]
UNARY = [
    core.sin,
    core.tanh,
    core.sigmoid,
    core.erf,
    core.arctan,
    core.negative,
    lambda x: core.exp(core.negative(core.square(x))),
    lambda x: core.log1p(core.square(x)),
    lambda x: core.sqrt(core.add(core.square(x), 1.0)),
    lambda x: core.logsumexp(x, None, True) if x.ndim else x,
    lambda x: core.mean(x, (0,), True) if x.ndim else x,
    lambda x: core.sum(x, (-1,), False) if x.ndim else x,
    core.transpose,
    lambda x: core.reshape(x, (-1,)),
    lambda x: core.expand_dims(x, (0,)) if x.ndim < 3 else x,
    lambda x: x[..., ::-1] if x.ndim else x,
    lambda x: core.activation(_core.Activation("softmax"), x) if x.ndim else x,
    lambda x: core.activation(_core.Activation("gelu"), x),
]
BINARY = [
    core.add,
    core.subtract,
    core.multiply,
    lambda a, b: core.divide(a, core.add(core.square(b), 0.5)),
    lambda a, b: core.power(core.add(core.square(a), 0.5), core.tanh(b)),
    core.matmul,
    lambda a, b: core.concatenate([core.reshape(a, (-1,)), core.reshape(b, (-1,))], 0),
    lambda a, b: core.arctan2(a, core.add(core.square(b), 0.5)),
]


def run(program, inputs):
    """The last value of a program of (function, operands); steps that do not fit are left out."""
    values = list(inputs)
    for function, left, right in program:
        a, b = values[left % len(values)], values[right % len(values)]
        try:
            if function < len(UNARY):
                value = UNARY[function](a)
            else:
                value = BINARY[function - len(UNARY)](a, b)
        except ValueError:
            continue
        if value.size <= 64:
            values.append(core.multiply(value, 0.7))
    # All inputs matter, if little.
    total = core.sum(values[-1], None, False)
    for x in inputs:
        total = core.add(total, core.multiply(core.sum(core.sin(x), None, False), 0.1))
    return total


programs = st.lists(
    st.tuples(
        st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 1000), st.integers(0, 1000)
    ),
    min_size=1,
    max_size=12,
)
shapes = st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3)


def inputs_of(shape_list, seed):
    generator = np.random.default_rng(seed)
    return [generator.uniform(-1.2, 1.2, shape) for shape in shape_list]


@settings(max_examples=20, deadline=None)
@given(programs, shapes, st.integers(0, 2**31))
def test_random_expressions(program, shape_list, seed):
    check(lambda *x: run(program, x), *inputs_of(shape_list, seed), second=False)


@settings(max_examples=4, deadline=None)
@given(programs, shapes, st.integers(0, 2**31))
def test_second_derivatives_of_random_expressions(program, shape_list, seed):
    check(lambda *x: run(program, x), *inputs_of(shape_list[:2], seed))


@settings(max_examples=8, deadline=None)
@given(programs, shapes, st.integers(0, 2**31))
def test_a_jacobian_is_all_gradients(program, shape_list, seed):
    arrays = inputs_of(shape_list, seed)
    inputs = tensors(arrays)
    with lamina.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        y = core.reshape(run(program, inputs), (1,))
    jacobians = tape.jacobian(y, inputs)
    for jacobian, gradient in zip(jacobians, tape.gradient(y, inputs), strict=True):
        np.testing.assert_array_equal(np.array(jacobian)[0], np.array(gradient))


@settings(max_examples=8, deadline=None)
@given(programs, shapes, st.integers(0, 2**31))
def test_gradients_repeat_bit_for_bit(program, shape_list, seed):
    arrays = inputs_of(shape_list, seed)
    first = gradients(lambda *x: run(program, x), arrays)
    second = gradients(lambda *x: run(program, x), arrays)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
