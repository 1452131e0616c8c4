"""For pytest: skips the suite's special cases of complex numbers, which lamina does not have."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks them."""
    for item in items:
        case = getattr(getattr(item, "callspec", None), "params", {}).get("case")
        if getattr(case, "is_complex", False):
            item.add_marker(pytest.mark.skip(reason="complex numbers"))
