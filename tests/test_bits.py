"""The same bits everywhere: one hash over many networks (tests/bits/README.md)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamina import _core

BITS = Path(__file__).parent / "bits"
GOLDEN = Path(__file__).parent / "golden"
THREADS = (1, 2, 3, 5)


def hash_in_new_process(name: str, isa: str, threads: int) -> str:
    environment = os.environ | {"LAMINA_ISA": isa, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, str(BITS / "networks.py"), f"{name}.txt"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("name", ["networks", "graphs"])
def test_one_hash_for_every_instruction_set_and_thread_count(
    name: str, isa: str, threads: int
) -> None:
    golden = (GOLDEN / f"{name}.sha256").read_text().split()[0]
    assert hash_in_new_process(name, isa, threads) == golden


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_alike_in_every_batch(dtype: str) -> None:
    network = _core.Network((37,), dtype, seed=1)
    network.add_dense(65, True, _core.Activation("gelu"))
    network.add_dense(17, True, _core.Activation("tanh"))
    network.add_dense(5, True, _core.Activation("softmax"))
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, _core.random_uniform(info.shape, -0.3, 0.3, 5, i, dtype))
    x = _core.random_normal((133, 37), 0.0, 1.0, 6, 0, dtype)
    whole = network.predict(x, 32, None)
    for rows in (1, 2, 3, 7, 16, 64, 132):
        parts = [network.predict(x[i : i + rows], 32, None) for i in range(0, len(x), rows)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    order = _core.permutation(133, 3, 0)
    assert network.predict(x[order], 32, None).tobytes() == whole[order].tobytes()


def test_the_environment_names_an_unknown_instruction_set() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import lamina; lamina.config.isa()"],
        env=os.environ | {"LAMINA_ISA": "mmx"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "ValueError" in done.stderr and "mmx" in done.stderr and "scalar" in done.stderr
