"""The same bits of the functions on tensors for all instruction sets and thread counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamina import _core

SCRIPT = Path(__file__).parent / "bits" / "arrays.py"
GOLDEN = Path(__file__).parent / "golden" / "array.sha256"


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_one_hash_for_every_instruction_set_and_thread_count(isa: str, threads: int) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=os.environ | {"LAMINA_ISA": isa, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert done.stdout.strip() == GOLDEN.read_text().split()[0]
