"""Differentiation of what was computed while a tape recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast

import lamina._core as _core
from lamina.autograd.nest import flatten, pack
from lamina.variable import Variable


class UnconnectedGradients:
    """What the gradient with respect to a source is that the target does not depend on.

    Attributes:
        NONE: None.
        ZERO: A tensor of zeros.
    """

    NONE = "none"
    ZERO = "zero"


def _gives_zero(unconnected_gradients: str) -> bool:
    if unconnected_gradients not in ("none", "zero"):
        raise ValueError(
            "unconnected_gradients must be 'none' or 'zero'. "
            f"Received: unconnected_gradients={unconnected_gradients!r}"
        )
    return unconnected_gradients == "zero"


class GradientTape:
    """Records what is computed inside of its `with` block, for gradients.

    Trainable variables are watched as soon as they are read, tensors by `watch`. Tapes may be
    nested: gradients that are computed inside of an outer tape are recorded there, which gives
    second derivatives.

    Args:
        persistent: Whether several gradients can be computed. Otherwise the one gradient (or
            jacobian) frees what was recorded as it goes.
        watch_accessed_variables: Whether trainable variables are watched by themselves.

    Example:
        >>> x = lamina.Variable(3.0)
        >>> with lamina.GradientTape() as tape:
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._tape = _core.Tape(bool(persistent), bool(watch_accessed_variables))

    def __enter__(self) -> GradientTape:
        self._tape.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tape.recording:
            self._tape.stop()

    def watch(self, tensor: Any) -> None:
        """Makes the tape follow what is computed from these values from now on.

        Args:
            tensor: A tensor, a variable, or lists and dictionaries of them.

        Raises:
            TypeError: If one is no float32 or float64 tensor or variable.
        """
        for value in flatten(tensor):
            self._tape.watch(value)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that the tape watches, in the order in which they were first read."""
        return tuple(cast("list[Variable]", self._tape.watched_variables()))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A `with` block inside of which the tape does not record.

        Raises:
            RuntimeError: If the tape is not recording.
        """
        self._tape.stop()
        try:
            yield
        finally:
            if not self._tape.recording:
                self._tape.start()

    def reset(self) -> None:
        """Forgets everything that was recorded and watched, as if the tape were new."""
        self._tape.reset()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The gradient of the target with respect to the sources.

        Args:
            target: A tensor, or lists and dictionaries of tensors: the gradient is that of the
                sum of all of their elements.
            sources: A tensor or variable that the tape watches, or lists and dictionaries of
                them.
            output_gradients: For each target, numbers of its shape by which its elements are
                multiplied in that sum; None for ones.
            unconnected_gradients: What sources get that the target does not depend on: "none"
                or "zero".

        Returns:
            Tensors in the form of `sources`, each with its source's shape and dtype.

        Raises:
            RuntimeError: If the tape is not persistent and was used before, or a value that a
                gradient needs was changed in place since.
            TypeError: If a source is no tensor or variable.
            ValueError: If the target depends on nothing that the tape watches, or
                `output_gradients` do not fit.
        """
        if output_gradients is None and unconnected_gradients == "none":
            found = self._tape.try_gradient(target, sources)
            if found is not NotImplemented:
                return found
        targets = flatten(target)
        seeds: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            seeds = flatten(output_gradients)
            if len(seeds) != len(targets):
                raise ValueError(
                    "[GradientTape.gradient] output_gradients must have one entry for each target. "
                    f"Received: {len(seeds)} for {len(targets)} targets"
                )
        gradients = self._tape.gradient(
            targets, seeds, flatten(sources), _gives_zero(unconnected_gradients)
        )
        return pack(sources, gradients)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivatives of each element of the target by each element of the sources.

        Args:
            target: A tensor.
            sources: As for `gradient`.
            unconnected_gradients: As for `gradient`.

        Returns:
            Tensors of shape `target.shape + source.shape`, in the form of `sources`.

        Raises:
            RuntimeError: As for `gradient`.
            TypeError: As for `gradient`.
            ValueError: As for `gradient`.
        """
        jacobians = self._tape.jacobian(
            target, flatten(sources), _gives_zero(unconnected_gradients)
        )
        return pack(sources, jacobians)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The jacobian of each sample of the target by the same sample of the source.

        Row i of the target must depend on row i of the source only.

        Args:
            target: A tensor of shape `(samples, ...)`.
            source: A tensor or variable of shape `(samples, ...)`.
            unconnected_gradients: As for `gradient`.

        Returns:
            A tensor of shape `target.shape + source.shape[1:]`.

        Raises:
            RuntimeError: As for `gradient`.
            TypeError: As for `gradient`.
            ValueError: As for `gradient`; also if the numbers of samples differ.
        """
        return self._tape.batch_jacobian(target, source, _gives_zero(unconnected_gradients))
