"""Gradients of functions, and functions with gradients of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import lamina._core as _core
from lamina.autograd.gradient_tape import GradientTape
from lamina.autograd.nest import flatten, pack, transform
from lamina.variable import Variable


def stop_gradient(variable: Any) -> Any:
    """The value, a constant for every tape.

    Args:
        variable: A tensor, a variable, or lists and dictionaries of them.

    Example:
        >>> x = lamina.Variable(3.0)
        >>> with lamina.GradientTape() as tape:
        ...     y = x * lamina.stop_gradient(x)
        >>> float(tape.gradient(y, x))
        3.0
    """
    return transform(_core.stop_gradient, variable)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives f's value and its gradient with respect to arguments.

    Args:
        f: A function of tensors (or lists and dictionaries of them) whose value is a scalar.
        argnums: The position of the argument to differentiate by, or several.
        has_aux: Whether `f` returns a pair of which only the first is differentiated.

    Returns:
        A function of f's arguments with the result `(value, gradient)`. The gradient has the form
        of the argument; for several `argnums` it is a tuple. With `has_aux` the value is f's pair.

    Raises:
        ValueError: When called: if the value is not a scalar or an argument is missing.

    Example:
        >>> value, slope = lamina.value_and_grad(lambda x: x * x)(3.0)
        >>> float(value), float(slope)
        (9.0, 6.0)
    """
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        for place in places:
            if not -len(args) <= place < len(args):
                raise ValueError(
                    f"[value_and_grad] there is no positional argument {place} of `f`. "
                    f"Received: argnums={argnums}, {len(args)} arguments"
                )
        arguments = list(args)
        for place in places:
            arguments[place] = transform(_core.differentiable, arguments[place])
        chosen = [arguments[place] for place in places]
        with GradientTape() as tape:
            tape.watch(chosen)
            result = f(*arguments, **kwargs)
        value = result[0] if has_aux else result
        if not hasattr(value, "shape") or tuple(value.shape) != ():
            raise ValueError(
                "[value_and_grad] `f` must return a scalar tensor. Received: "
                f"{getattr(value, 'shape', value)!r}"
            )
        gradients = tuple(tape.gradient(value, chosen, unconnected_gradients="zero"))
        return result, gradients[0] if isinstance(argnums, int) else gradients

    return differentiated


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives f's gradient with respect to arguments.

    Args:
        f: As for `value_and_grad`.
        argnums: As for `value_and_grad`.
        has_aux: As for `value_and_grad`; the result is then `(gradient, aux)`.

    Example:
        >>> slope = lamina.grad(lambda x: x * x * x)
        >>> float(slope(2.0)), float(lamina.grad(slope)(2.0))
        (12.0, 12.0)
    """
    with_value = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        result, gradients = with_value(*args, **kwargs)
        return (gradients, result[1]) if has_aux else gradients

    return gradient


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function its own rule of differentiation.

    Args:
        f: A function of tensors that returns `(result, rule)`: a tensor or a list of tensors; and a
            function of their gradients that returns the gradient of each argument (alone if there
            is one; None for an argument that has none). If `f` reads trainable variables, the
            rule is called with `variables=` a list of them and returns
            `(gradients of arguments, gradients of variables)`.

    Returns:
        A function of the same arguments that returns the result. What `f` computes is not
        differentiated. The rule may compute with tensors, and is then differentiated itself for
        second derivatives.

    Raises:
        TypeError: When called: if `f` does not return a pair with a function.
        ValueError: In the backward pass: if the rule returns another number of gradients, or one
            of another shape.

    Example:
        >>> @lamina.custom_gradient
        ... def log1pexp(x):
        ...     e = lamina.ops.exp(x)
        ...     def rule(upstream):
        ...         return upstream * (1 - 1 / (1 + e))
        ...     return lamina.ops.log(1 + e), rule
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        values = [_core.convert(value) for value in args]
        with GradientTape() as watcher:
            output = f(*values, **kwargs)
        if not (isinstance(output, tuple) and len(output) == 2 and callable(output[1])):
            raise TypeError(
                "[custom_gradient] the function must return (result, rule). "
                f"Received: {type(output).__name__}"
            )
        result, rule = output
        mine = {id(value) for value in args}
        variables: list[Variable] = [
            variable for variable in watcher.watched_variables() if id(variable) not in mine
        ]

        def backward(upstream: list[Any]) -> list[Any]:
            if not variables:
                return flatten_gradients(rule(*upstream), len(values))
            gradients, of_variables = rule(*upstream, variables=variables)
            return flatten_gradients(gradients, len(values)) + flatten_gradients(
                of_variables, len(variables)
            )

        name = getattr(f, "__name__", "custom_gradient")
        outputs = _core.record_custom(name, flatten(result), [*values, *variables], backward)
        return pack(result, outputs)

    return decorated


def flatten_gradients(gradients: Any, count: int) -> list[Any]:
    """What a rule returned, as a list of `count`."""
    listed = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
    if len(listed) != count:
        raise ValueError(
            f"[custom_gradient] the rule must return {count} gradients. Received: {len(listed)}"
        )
    return listed
