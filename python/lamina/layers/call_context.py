"""What layers that are called inside each other share: whether it is training, and which step."""

from __future__ import annotations

from _thread import _local  # threading takes a millisecond to load


class CallContext(_local):
    """The calls under way in a thread."""

    #: How many custom layers and models are being called, each inside the one before.
    depth = 0
    #: What `training=None` means for a layer.
    training = False
    #: The training step that names random numbers; None outside of a model's own step.
    step: int | None = None
    #: The model whose data have gone through its preprocessing layers.
    prepared: object = None


#: That of this thread; hot paths read its attributes.
current = CallContext()


def training_of(given: object) -> bool:
    """What `training` means for a layer that is called with it: None is the calling layer's."""
    return current.training if given is None else bool(given)


def step_of() -> int | None:
    """The training step that names random numbers; None outside of a model's own step."""
    return current.step


def plain() -> bool:
    """Whether a call is on its own: no layer is around it, and no step of a model."""
    return current.depth == 0 and current.step is None


def outermost() -> bool:
    """Whether no layer is being called."""
    return current.depth == 0


def is_prepared(model: object) -> bool:
    """Whether what the model is called with has gone through its preprocessing layers."""
    return current.prepared is model


class inside:  # noqa: N801 - used as a function
    """Layers called in the `with` block are inside of another one."""

    __slots__ = ("_before", "_training")

    def __init__(self, training: bool) -> None:
        self._training = training

    def __enter__(self) -> None:
        self._before = current.training
        current.depth += 1
        current.training = self._training

    def __exit__(self, *exception: object) -> None:
        current.depth -= 1
        current.training = self._before


class prepared_for:  # noqa: N801 - used as a function
    """The model's own steps: their data are prepared already."""

    __slots__ = ("_before", "_model")

    def __init__(self, model: object) -> None:
        self._model = model

    def __enter__(self) -> None:
        self._before = current.prepared
        current.prepared = self._model

    def __exit__(self, *exception: object) -> None:
        current.prepared = self._before


class at_step:  # noqa: N801 - used as a function
    """Random numbers in the `with` block are those of a model's step."""

    __slots__ = ("_before", "_step")

    def __init__(self, step: int) -> None:
        self._step = step

    def __enter__(self) -> None:
        self._before = current.step
        current.step = self._step

    def __exit__(self, *exception: object) -> None:
        current.step = self._before
