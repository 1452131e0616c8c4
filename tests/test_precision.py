"""The fast mode, precision="tf32" and "bf16": numbers, errors, and what a failure leaves.

On the emulated GPU with LAMINA_CUBLASLT naming tests/cuda/fake_cublaslt.cpp, compiled; on a GPU
with NVIDIA's cuBLASLt.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

import lamina
from lamina import _core, _device

PLACE = next((name for name in lamina.config.available_devices() if name != "cpu"), None)


def why_not() -> str | None:
    if PLACE is None:
        return f"no CUDA device: {_core.cuda_status()}"
    try:
        lamina.device(PLACE, precision="tf32")
    except RuntimeError as error:
        return str(error)
    return None


MISSING = why_not()
fast = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
on_a_device = pytest.mark.skipif(PLACE is None, reason=str(MISSING))
both = pytest.mark.parametrize("precision", ["tf32", "bf16"])


def model_of(dtype: str = "float32") -> lamina.Sequential:
    lamina.utils.set_random_seed(5)
    layers = lamina.layers
    return lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(16, activation="tanh", dtype=dtype),
            layers.Dense(3, dtype=dtype),
        ]
    )


def data(rows: int = 64) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(rows, 6)).astype(np.float32)
    return x, generator.normal(size=(rows, 3)).astype(np.float32)


def rounded(array: np.ndarray, precision: str) -> np.ndarray:
    """The nearest numbers with 10 or 7 bits after the leading one."""
    unit = {"tf32": 0x2000, "bf16": 0x10000}[precision]
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.int64)
    low = bits // unit * unit
    low_value, high_value = (
        (low + step).astype(np.uint32).view(np.float32).astype(np.float64) for step in (0, unit)
    )
    return np.where(np.abs(array - low_value) < np.abs(high_value - array), low_value, high_value)


@fast
@both
def test_a_step_is_the_one_of_rounded_operands(precision: str) -> None:
    """Forward, dX and dW against NumPy in float64, all operands rounded as the precision says."""
    x, y = data()
    model = model_of()
    model.compile(lamina.optimizers.SGD(1.0), "mse", device=PLACE, precision=precision)
    assert (model.device, model.precision) == (PLACE, precision)
    w1, b1, w2, b2 = (weight.astype(np.float64) for weight in model.get_weights())
    hidden = np.tanh(rounded(x, precision) @ rounded(w1, precision) + b1)
    out = rounded(hidden, precision) @ rounded(w2, precision) + b2
    tight = 1e-5 if "fake" in _core.cublaslt_status() else 2e-2
    assert np.allclose(model.predict(x, verbose=0), out, atol=tight)

    dz2 = 2.0 * (out - y) / out.size
    dz1 = rounded(dz2, precision) @ rounded(w2, precision).T * (1 - hidden**2)
    expected = [
        w1 - rounded(x, precision).T @ rounded(dz1, precision),
        b1 - dz1.sum(axis=0),
        w2 - rounded(hidden, precision).T @ rounded(dz2, precision),
        b2 - dz2.sum(axis=0),
    ]
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(np.mean((out - y) ** 2), rel=1e-3)
    # A number beside a tie may be rounded the other way than in NumPy: one term's last bit.
    slack = {"tf32": 2e-5, "bf16": 2e-4}[precision]
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        assert np.allclose(found, wanted, atol=max(tight, slack))
    strict = model_of()
    strict.compile(lamina.optimizers.SGD(1.0), "mse", device=PLACE)
    strict.train_on_batch(x, y)
    assert not np.array_equal(strict.get_weights()[0], model.get_weights()[0])


@fast
@both
@pytest.mark.parametrize("kind", ["einsum", "normalized", "muon"])
def test_models_train_in_all_ways(precision: str, kind: str) -> None:
    """Recorded epochs are single steps; a run is repeated bit for bit; the loss is near."""
    layers = lamina.layers
    more: list = {
        "einsum": [
            layers.Reshape((4, 4)),
            layers.EinsumDense("abc,cde->adbe", (2, 4, 3), bias_axes="e", activation="relu"),
            layers.Flatten(),
        ],
        "normalized": [layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(9, "gelu")],
        "muon": [],
    }[kind]

    def trained(chosen: str) -> tuple[list[float], list[np.ndarray]]:
        lamina.utils.set_random_seed(5)
        configs = [lamina.layers.deserialize(lamina.layers.serialize(layer)) for layer in more]
        model = lamina.Sequential(
            [lamina.Input((6,)), layers.Dense(16, "tanh"), *configs, layers.Dense(3)]
        )
        optimizer = lamina.optimizers.Muon(0.01) if kind == "muon" else "adam"
        model.compile(optimizer, "mse", device=PLACE, precision=chosen)
        x, y = data(90)
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"]
        return history, model.get_weights()

    losses, weights = trained(precision)
    again, same_weights = trained(precision)
    assert losses == again
    assert all(np.array_equal(a, b) for a, b in zip(weights, same_weights, strict=True))
    assert losses == pytest.approx(trained("strict")[0], rel=0.05)


@fast
def test_a_model_moves_between_precisions_with_its_state() -> None:
    x, y = data()
    model, stays = model_of(), model_of()
    for one in (model, stays):
        one.compile("adam", "mse", device=PLACE)
        one.fit(x, y, batch_size=16, verbose=0, shuffle=False)
    weights = model.get_weights()
    model.compile(model.optimizer, "mse", precision="tf32")
    assert (model.device, model.precision) == (PLACE, "tf32")
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    model.compile(model.optimizer, "mse")
    assert (model.device, model.precision) == (PLACE, "strict")
    for one in (model, stays):
        one.fit(x, y, batch_size=16, verbose=0, shuffle=False)
    assert all(
        np.array_equal(a, b) for a, b in zip(stays.get_weights(), model.get_weights(), strict=True)
    )


@fast
def test_a_scope_chooses_the_precision() -> None:
    with lamina.device(PLACE, precision="bf16") as scope:
        assert repr(scope) == f"lamina.device({PLACE!r}, precision='bf16')"
        inside, overruled, elsewhere = model_of(), model_of(), model_of()
        inside.compile("sgd", "mse")
        overruled.compile("sgd", "mse", precision="strict")
        elsewhere.compile("sgd", "mse", device="cpu")
    assert (inside.device, inside.precision) == (PLACE, "bf16")
    assert (overruled.device, overruled.precision) == (PLACE, "strict")
    assert (elsewhere.device, elsewhere.precision) == ("cpu", "strict")


@fast
def test_what_has_no_fast_mode_says_so_and_stays_as_it_was() -> None:
    model = model_of("float64")
    model.compile("sgd", "mse", device="cpu")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"precision='tf32' is for models in float32.*'float64'"):
        model.compile("adam", "mse", device=PLACE, precision="tf32")
    with pytest.raises(ValueError, match=r"is for models in float32"):
        _core.Network((2,), "float64", PLACE, 0, "bf16")
    assert (model.device, model.precision) == ("cpu", "strict")
    assert isinstance(model.optimizer, lamina.optimizers.SGD)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@fast
@pytest.mark.skipif(
    "fake" not in _core.cublaslt_status(), reason="the library cannot be made to fail"
)
def test_a_failing_library_leaves_the_model() -> None:
    fake = ctypes.CDLL(os.environ["LAMINA_CUBLASLT"])
    fake.fake_fail.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    x, y = data(57)
    model = model_of()
    model.compile("adam", "mse", device=PLACE, precision="bf16")
    before = model.get_weights()
    for call in (
        lambda: model.train_on_batch(x, y),
        lambda: model.fit(x, y, batch_size=11, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model(x),
    ):
        fake.fake_fail(b"Matmul", 13, 1, 9)  # quick calls try a second time, the long way
        with pytest.raises(RuntimeError, match=r"cublasLtMatmul: .*EXECUTION_FAILED.*'bf16'"):
            call()
        fake.fake_fail(b"Matmul", 3, 0, 9)
        with pytest.raises(MemoryError):
            call()
        fake.fake_fail(b"", 0, 0, 0)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    fake.fake_no_algorithm(1)
    try:
        with pytest.raises(RuntimeError, match=r"has no algorithm for the product of 43 x 6"):
            model.predict(x[:43], verbose=0)
    finally:
        fake.fake_no_algorithm(0)
    assert int(model.optimizer.iterations) == 0
    model.fit(x, y, batch_size=11, verbose=0)
    assert int(model.optimizer.iterations) == 6


#: What a new process says when a model is compiled there; it still trains on the CPU.
SCRIPT = """
import numpy as np, lamina, sys
model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(2)])
model.compile("sgd", "mse")
lamina.config.set_memory_limit(sys.argv[1], int(sys.argv[2]))
try:
    model.compile("adam", "mse", device=sys.argv[1], precision="tf32")
except (RuntimeError, MemoryError) as error:
    print(type(error).__name__, error)
lamina.config.set_memory_limit(sys.argv[1], 0)
assert (model.device, model.precision) == ("cpu", "strict")
assert model.optimizer.name == "sgd"
model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
if sys.argv[2] != "0":
    model.compile("adam", "mse", device=sys.argv[1], precision="tf32")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
"""


def said(limit: int = 0, **environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(PLACE), str(limit)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@on_a_device
def test_a_missing_library_names_what_to_install() -> None:
    message = said(LAMINA_CUBLASLT="/nowhere/libcublasLt.so.13")
    assert message.startswith("RuntimeError [device]")
    assert "LAMINA_CUBLASLT" in message and "/nowhere/libcublasLt.so.13" in message
    assert "libm.so.6: it has no cublasLtCreate" in said(LAMINA_CUBLASLT="libm.so.6")


@fast
def test_memory_that_does_not_suffice_for_the_workspace() -> None:
    assert said(limit=20 << 20).startswith("MemoryError")


@on_a_device
@pytest.mark.skipif(PLACE != "cuda-emulated", reason="this GPU's capability is its own")
def test_a_gpu_without_such_tensor_cores_says_so() -> None:
    message = said(LAMINA_EMULATION_CAPABILITY="75")
    assert (
        "precision='tf32' needs a GPU of compute capability 8.0 or higher; this one has 7.5"
        in message
    )


def test_the_cpu_has_one_precision() -> None:
    model = model_of()
    model.compile("sgd", "mse", device="cpu", precision="strict")
    assert model.precision == "strict"
    for call in (
        lambda: lamina.device("cpu", precision="tf32"),
        lambda: model.compile("adam", "mse", precision="bf16"),
        lambda: model.compile("adam", "mse", device="cpu", precision="tf32"),
    ):
        with (
            lamina.device("cpu"),
            pytest.raises(ValueError, match=r"'cpu' computes with precision='strict'.*Received"),
        ):
            call()
    with pytest.raises(ValueError, match=r"Unknown precision.*tf32.*Received: 'bf32'"):
        model.compile("sgd", "mse", precision="bf32")
    with pytest.raises(TypeError, match=r"name of a precision"):
        model.compile("sgd", "mse", precision=16)
    assert isinstance(model.optimizer, lamina.optimizers.SGD)


def test_the_packages_of_nvidia_are_searched(tmp_path, monkeypatch) -> None:
    for folder, version in (("cublas", "12"), ("cu13", "13")):
        (tmp_path / "nvidia" / folder / "lib").mkdir(parents=True)
        (tmp_path / "nvidia" / folder / "lib" / f"libcublasLt.so.{version}").touch()
    (tmp_path / "nvidia" / "cublas" / "lib" / "libcublasLt.so.old").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = _device.cublaslt_candidates()[:2]
    assert [path.rsplit(".", 1)[1] for path in found] == ["13", "12"]
    assert all(path.startswith(str(tmp_path)) for path in found)
