"""What layers that are called inside each other share: whether it is training, and which step."""

from __future__ import annotations

from _thread import _local  # threading takes a millisecond to load
from collections.abc import Iterator
from contextlib import contextmanager


class _Calls(_local):
    depth = 0
    training = False
    step: int | None = None
    prepared: object = None


_calls = _Calls()


def training_of(given: object) -> bool:
    """What `training` is for a layer that is called with it: None asks the layer around."""
    return _calls.training if given is None else bool(given)


def step_of() -> int | None:
    """The training step that names random numbers; None outside of a model's own step."""
    return _calls.step


def plain() -> bool:
    """Whether a call is nobody's part: no layer around it, and no step of a model."""
    return _calls.depth == 0 and _calls.step is None


def outermost() -> bool:
    """Whether no layer is being called."""
    return _calls.depth == 0


@contextmanager
def inside(training: bool) -> Iterator[None]:
    """Layers called in the `with` block are inside of another one."""
    before = _calls.training
    _calls.depth += 1
    _calls.training = training
    try:
        yield
    finally:
        _calls.depth -= 1
        _calls.training = before


def is_prepared(model: object) -> bool:
    """Whether what the model is called with has gone through the layers in front of it."""
    return _calls.prepared is model


@contextmanager
def prepared_for(model: object) -> Iterator[None]:
    """The model's own steps: their data are prepared already."""
    before = _calls.prepared
    _calls.prepared = model
    try:
        yield
    finally:
        _calls.prepared = before


@contextmanager
def at_step(step: int) -> Iterator[None]:
    """Random numbers in the `with` block are those of a model's step."""
    before = _calls.step
    _calls.step = step
    try:
        yield
    finally:
        _calls.step = before
