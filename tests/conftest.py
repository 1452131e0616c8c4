"""``pytest --device cuda``: the whole suite with its models on another device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import lamina


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="where models are computed: cpu, cuda, cuda-emulated"
    )


@pytest.fixture(autouse=True)
def _models_on_the_device(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.config.getoption("--device")
    if name == "cpu":
        yield
        return
    if name not in lamina.config.available_devices():
        pytest.skip(f"no device {name!r} here: {lamina._core.cuda_status()}")
    with lamina.device(name):
        yield
