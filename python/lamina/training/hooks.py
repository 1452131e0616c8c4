"""What is called between batches."""

from __future__ import annotations

from collections.abc import Callable

from lamina.data.samples import Samples

Means = list[float]
Poll = Callable[[int, Means], None]


class BatchHooks:
    """What is called between batches.

    Args:
        every: After how many batches; 0 for never.
        begin: Called with the first batch's number before them.
        end: Called with the last batch's number and the means so far; True stops the epoch.
        poll: Called now and then with the number of batches done and the means; may be None.
    """

    def __init__(
        self,
        every: int,
        begin: Callable[[int], None],
        end: Callable[[int, Means], bool],
        poll: Poll | None,
    ) -> None:
        self.every, self.begin, self.end, self.poll = every, begin, end, poll

    def show(self, done: int, means: Means) -> None:
        """Calls `poll`, if there is one."""
        if self.poll is not None:
            self.poll(done, means)


#: Nothing is called.
NO_HOOKS = BatchHooks(0, lambda step: None, lambda step, means: False, None)


class LostLossError(Exception):
    """A batch's loss is NaN or infinite; the step was not taken.

    Args:
        step: The number of the batch in its epoch.
        samples: The batch.
    """

    def __init__(self, step: int, samples: Samples) -> None:
        super().__init__(step)
        self.step = step
        self.samples = samples
