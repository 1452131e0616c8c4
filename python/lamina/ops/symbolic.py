"""Functions of `lamina.ops` on symbolic tensors: each call is recorded as an operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from lamina._checks import unknown_name
from lamina._lazy import LazyModule
from lamina.graph.config import plain
from lamina.graph.inference import infer
from lamina.graph.keras_tensor import KerasTensor, any_symbolic
from lamina.graph.operation import Operation
from lamina.registry import Registry

if TYPE_CHECKING:
    from lamina.ops import lowering
else:
    lowering = LazyModule("lamina.ops.lowering")

#: The parameters that Keras' operations take when they are called; all others are settings.
_CALL_PARAMETERS = frozenset(
    (
        *("x", "x1", "x2", "xs", "y", "a", "inputs", "indices", "values", "updates", "variable"),
        *("condition", "target", "output", "targets", "predictions", "sorted_sequence", "key"),
        *("start", "stop", "step", "fill_value", "constant_values", "start_indices", "operands"),
        *("rtol", "atol"),
    )
)
#: Keras' names of operations that do not follow from the function's.
_CLASS_NAMES = {"isin": "IsIn", "searchsorted": "SearchSorted"}
#: Functions whose output's shape depends on the numbers.
_SHAPED_BY_VALUES = frozenset(
    (
        *("nonzero", "argwhere", "bincount", "unique_all", "unique_counts", "unique_inverse"),
        *("unique_values", "convert_to_numpy", "from_numpy", "from_dlpack"),
    )
)
_functions: dict[str, Callable[..., Any]] = {}


class FunctionOperation(Operation):
    """A function of `lamina.ops`, with its settings, as an operation.

    There is a subclass for each function, with the name that Keras gives its operation.

    Args:
        name: Its name, by default from its class.
        **settings: The arguments that are no tensors.
    """

    #: The function's name in `lamina.ops`.
    function_name: ClassVar[str]
    _renamable = True

    def __init__(self, name: str | None = None, **settings: Any) -> None:
        super().__init__(name)
        self.settings = settings

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The function of tensors."""
        bound = self._bound(args, kwargs)
        return _functions[self.function_name](*bound.args, **bound.kwargs)

    def arguments(self, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments of the function by their names, defaults among them.

        Args:
            args: What the operation is called with.
            kwargs: Likewise.
        """
        bound = self._bound(args, kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def _bound(self, args: Any, kwargs: dict[str, Any]) -> inspect.BoundArguments:
        return _bound(_functions[self.function_name], args, kwargs, self.settings)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The function's outputs as symbolic tensors."""
        rule = _RULES.get(self.function_name)
        if rule is not None:
            return rule(*args, **kwargs, **self.settings)
        return infer(f"`{self.function_name}`", self.call, args, kwargs)

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return lowering.lower(builder, self.function_name, self.arguments(args, kwargs))

    def get_config(self) -> dict[str, Any]:
        """Its name and settings, as plain data."""
        return {"name": self.name, **plain(self.settings)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionOperation:
        """The operation that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


def class_name_of(function_name: str) -> str:
    """The name of Keras' operation: "expand_dims" gives ExpandDims."""
    words = function_name.split("_")
    return _CLASS_NAMES.get(function_name) or "".join(word.capitalize() for word in words)


@cache
def operation_class(function_name: str) -> type[FunctionOperation]:
    """The class of operations that call a function of `lamina.ops`."""
    attributes = {"function_name": function_name, "__doc__": f"`lamina.ops.{function_name}`."}
    return type(class_name_of(function_name), (FunctionOperation,), attributes)


def symbolic(function: FunctionType) -> Callable[..., Any]:
    """The function, which records its calls on symbolic tensors.

    Numbers take the short way: only where symbolic tensors, which have none, make the function
    fail, the call is looked at again.
    """
    # Without packing arguments where there are one or two: most functions, a third of their time.
    code = function.__code__
    plain = not function.__defaults__ and not code.co_kwonlyargcount + code.co_posonlyargcount
    names = code.co_varnames[: code.co_argcount] if plain and not code.co_flags & _VARIADIC else ()
    recorded = wraps(function)(_TEMPLATES.get(names, _of_any_arguments)(function))
    recorded.__module__ = "lamina.ops"
    _functions.setdefault(function.__name__, function)
    return recorded


#: What symbolic tensors make functions fail with.
_FAILURES = (TypeError, ValueError, AttributeError, NotImplementedError)


def _of_any_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except _FAILURES:
            if not any_symbolic(args, kwargs):
                raise
        return _record(function, args, kwargs)

    return recorded


def _of_x(function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(x: Any) -> Any:
        try:
            return function(x)
        except _FAILURES:
            if not any_symbolic(x):
                raise
        return _record(function, (x,), {})

    return recorded


def _of_x1_x2(function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(x1: Any, x2: Any) -> Any:
        try:
            return function(x1, x2)
        except _FAILURES:
            if not any_symbolic(x1, x2):
                raise
        return _record(function, (x1, x2), {})

    return recorded


_VARIADIC = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_TEMPLATES = {("x",): _of_x, ("x1", "x2"): _of_x1_x2}


def _record(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    name = function.__name__
    direct = _DIRECT.get(name)
    if direct is not None:
        return direct(*args, **kwargs)
    signature = _signature(function)
    bound = signature.bind(*args, **kwargs)
    if name in _SHAPED_BY_VALUES or (name == "where" and len(bound.arguments) == 1):
        raise TypeError(
            f"`{name}` cannot be a part of a graph: the shape of what it returns depends on the "
            f"numbers, which symbolic tensors do not have. Received: {[*args, *kwargs.values()]}"
        )
    given = set(bound.arguments)
    bound.apply_defaults()
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for key, parameter in signature.parameters.items():
        value = bound.arguments[key]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional.extend(value)
        elif key in _CALL_PARAMETERS or any_symbolic(value):
            if key not in given:
                continue
            if key in _CALL_PARAMETERS and not keywords and _is_next(function, key, positional):
                positional.append(value)
            else:
                keywords[key] = value
        elif key in given or parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            settings[key] = value
    return operation_class(name)(**settings)(*positional, **keywords)


def _is_next(function: Callable[..., Any], key: str, positional: list[Any]) -> bool:
    names = _call_parameters(function)
    return len(positional) < len(names) and names[len(positional)] == key


@cache
def _call_parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that operations take when they are called, in their order."""
    parameters = _signature(function).parameters
    return tuple(key for key in parameters if key in _CALL_PARAMETERS)


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _bound(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], settings: dict[str, Any]
) -> inspect.BoundArguments:
    """A function's arguments: what an operation is called with and its settings."""
    signature = _signature(function)
    names = _call_parameters(function)
    values = {**settings, **kwargs}
    for key, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            values[key], args = tuple(args), ()
    values.update(zip(names, args, strict=False))
    if len(args) > len(names):
        raise TypeError(
            f"`{function.__name__}` takes {len(names)} tensors. Received: {len(args)} arguments"
        )
    ordered = {key: values.pop(key) for key in signature.parameters if key in values}
    if values:
        raise TypeError(
            f"`{function.__name__}` has no arguments of these names. Received: {sorted(values)}"
        )
    return inspect.BoundArguments(signature, ordered)


def _reshaped(x: KerasTensor, newshape: Any, copy: bool | None = None) -> KerasTensor:
    """The rule of `reshape`, where an unknown extent of the input makes that of -1 unknown."""
    target = [newshape] if isinstance(newshape, int) else [int(extent) for extent in newshape]
    total = known = 1
    for extent in x.shape:
        total *= 1 if extent is None else extent
    for extent in target:
        known *= 1 if extent == -1 else extent
    unknown = None in x.shape
    if target.count(-1) > 1 or any(extent < -1 for extent in target):
        raise ValueError(
            f"[reshape] one extent may be -1. Received: newshape={newshape} for shape {x.shape}"
        )
    if not unknown and (known == 0 or total % known or (-1 not in target and total != known)):
        raise ValueError(
            f"[reshape] the number of elements must stay the same. "
            f"Received: newshape={newshape} for shape {x.shape}"
        )
    return KerasTensor(
        tuple((None if unknown else total // known) if n == -1 else n for n in target), x.dtype
    )


def _size(x: KerasTensor) -> int:
    if None in x.shape:
        raise TypeError(f"[size] the number of elements is not known yet. Received: {x!r}")
    total = 1
    for extent in x.shape:
        total *= extent or 0
    return total


#: Where calling the function on zeros would not do.
_RULES: dict[str, Callable[..., Any]] = {"reshape": _reshaped}
#: What is known without numbers.
_DIRECT: dict[str, Callable[..., Any]] = {
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": _size,
}


class OperationRegistry(Registry):
    """The operations that functions of `lamina.ops` are, by the names of Keras' classes."""

    def names(self) -> list[str]:
        """All names, those of functions with two names twice."""
        return [class_name_of(name) for name in _all_functions()]

    def knows(self, name: str) -> bool:
        """Whether there is an operation of that name."""
        return name in self.names()

    def find(self, name: object) -> type:
        """The class of that name; ValueError with a suggestion if there is none."""
        for function_name, recorded in _all_functions().items():
            if class_name_of(function_name) == name:
                return operation_class(recorded.__name__)
        raise unknown_name(self.kind, name, self.names())

    def is_builtin(self, cls: type) -> bool:
        """Whether it is a class of such operations."""
        return issubclass(cls, FunctionOperation)


OPERATIONS = OperationRegistry("operation", "ops")


def _all_functions() -> dict[str, Callable[..., Any]]:
    from lamina import ops

    functions = {name: getattr(ops, name) for name in ops.__all__}
    return {name: each for name, each in functions.items() if hasattr(each, "__wrapped__")}
