"""What differs between a file and a model, for messages."""

from __future__ import annotations

from lamina.registry import shorten

_MOST_LISTED = 12


def differences(wrong: dict[str, str]) -> str:
    """A list for a message, cut where it would flood the screen."""
    lines = [f"{shorten(key)[1:-1]}: {text}" for key, text in wrong.items()]
    if len(lines) > _MOST_LISTED:
        lines[_MOST_LISTED:] = [f"and {len(lines) - _MOST_LISTED} more"]
    return "; ".join(lines)
