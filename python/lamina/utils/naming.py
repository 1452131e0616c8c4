"""The session: all that is global to it are the counters of default names."""

from __future__ import annotations

from lamina._names import reset_names


def clear_session(free_memory: bool = True) -> None:
    """Starts default names ("dense", "dense_1") again.

    Models own their memory and give it back when they go: there is nothing else to clear.

    Args:
        free_memory: Accepted for compatibility; there is nothing to free.
    """
    reset_names()
