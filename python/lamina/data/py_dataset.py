"""Batches by their number: what Keras calls a PyDataset (and once called a Sequence)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lamina import _checks

if TYPE_CHECKING:
    from concurrent.futures import Executor


class PyDataset:
    """The base of custom data sets: `__len__` batches, `__getitem__` gives one.

    Args:
        workers: How many batches are made at the same time; 1 makes them in the calling thread.
        use_multiprocessing: Whether workers are processes rather than threads; the data set
            is then pickled.
        max_queue_size: How many batches may be in the making or waiting.

    Example:
        >>> class Squares(lamina.utils.PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         x = np.full((4, 1), float(index))
        ...         return x, x * x
        >>> Squares().num_batches
        3
    """

    _workers = 1
    _use_multiprocessing = False
    _max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def workers(self) -> int:
        """How many batches are made at the same time."""
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _checks.integer("PyDataset", "workers", value, low=0)

    @property
    def use_multiprocessing(self) -> bool:
        """Whether workers are processes."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = _checks.boolean("PyDataset", "use_multiprocessing", value)

    @property
    def max_queue_size(self) -> int:
        """How many batches may be in the making or waiting."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _checks.integer("PyDataset", "max_queue_size", value, low=1)

    @property
    def num_batches(self) -> int | None:
        """How many batches a pass has; None means endlessly many."""
        try:
            return len(self)  # type: ignore[arg-type]
        except TypeError:
            raise NotImplementedError(
                "A PyDataset must define `__len__` or `num_batches`. "
                f"Received: {type(self).__name__}"
            ) from None

    def __getitem__(self, index: int) -> Any:
        """Batch `index`: (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(
            f"A PyDataset must define `__getitem__`. Received: {type(self).__name__}"
        )

    def on_epoch_begin(self) -> None:
        """Called before each pass."""

    def on_epoch_end(self) -> None:
        """Called after each pass: the place for a custom shuffle."""


_here: Any = None


def _set_here(dataset: Any) -> None:
    global _here
    _here = dataset


def _get_here(index: int) -> Any:
    return _here[index]


def in_order(dataset: Any, indices: Iterable[int]) -> Iterator[Any]:
    """Batches in the order of `indices`, with as many workers as the data set wants."""
    workers = int(getattr(dataset, "workers", 1))
    processes = bool(getattr(dataset, "use_multiprocessing", False))
    if workers <= (0 if processes else 1):
        for index in indices:
            yield dataset[index]
        return
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    waiting = max(workers, int(getattr(dataset, "max_queue_size", 10)))
    executor: Executor
    if processes:
        executor = ProcessPoolExecutor(workers, initializer=_set_here, initargs=(dataset,))
    else:
        executor = ThreadPoolExecutor(workers, thread_name_prefix="lamina-data")
    pending: deque[Any] = deque()
    try:
        for index in indices:
            task = (_get_here, index) if processes else (dataset.__getitem__, index)
            pending.append(executor.submit(*task))
            if len(pending) >= waiting:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
