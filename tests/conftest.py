"""``pytest --device cuda``: the whole suite with its models on another device."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

import lamina


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="where models are computed: cpu, cuda, cuda-emulated"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") != "cpu":  # an emulated GPU is slow
        hypothesis.settings.register_profile("device", deadline=None)
        hypothesis.settings.load_profile("device")


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
