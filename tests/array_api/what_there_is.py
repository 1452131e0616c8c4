"""For pytest: skips what the suite's own options do not.

That is special cases of complex numbers, and names in extensions that lamina.ops does not have.
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks them."""
    for item in items:
        case = getattr(getattr(item, "callspec", None), "params", {}).get("case")
        if getattr(case, "is_complex", False):
            item.add_marker(pytest.mark.skip(reason="complex numbers"))
        if "test_has_names[linalg-" in item.nodeid or "test_has_names[fft-" in item.nodeid:
            item.add_marker(pytest.mark.skip(reason="names in an extension"))
