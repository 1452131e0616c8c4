"""``pytest --device cuda``: the whole suite with its models on another device."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import hypothesis
import pytest

import lamina

#: How a model says that it cannot be on a GPU (docs/cuda.md): what then is tested is the CPU's.
REFUSALS = (
    "this model runs on the tape, which computes on the CPU",
    "and tapes compute on the CPU",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="where models are computed: cpu, cuda, cuda-emulated"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") != "cpu":  # an emulated GPU is slow
        hypothesis.settings.register_profile("device", deadline=None)
        hypothesis.settings.load_profile("device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--device") == "cpu":
        return
    skip = pytest.mark.skip(reason="instruction sets, in processes of their own: the CPU's")
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and "isa" in call.params:
            item.add_marker(skip)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    except (NotImplementedError, RuntimeError) as error:
        if item.config.getoption("--device") != "cpu":
            for refusal in REFUSALS:
                if refusal in str(error):
                    pytest.skip(f"this test's model runs on a tape: {refusal!r}")
        raise


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
