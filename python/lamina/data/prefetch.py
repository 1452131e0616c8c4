"""A thread that works ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(make: Callable[[], Iterator[Any]], ahead: int) -> Iterator[Any]:
    """What `make()` yields, made by a thread that is at most `ahead` elements in front.

    The thread ends with the iterator: when it is exhausted, closed or collected. Errors in the
    thread are raised here, after the elements before them.

    Args:
        make: Makes the iterator; called in the thread.
        ahead: How many finished elements may wait.
    """
    import queue
    import threading

    ready: queue.Queue[Any] = queue.Queue(ahead)
    stopped = threading.Event()

    def offer(item: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = None
        try:
            iterator = make()
            for item in iterator:
                if not offer(item):
                    return
            offer(_END)
        except BaseException as error:
            offer(_Failure(error))
        finally:
            close = getattr(iterator, "close", None)
            if stopped.is_set() and callable(close):
                close()

    thread = threading.Thread(target=work, name="lamina-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stopped.set()
        thread.join(timeout=5.0)
