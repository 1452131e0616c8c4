"""The libraries that are measured, one module each; none is imported before it is used.

Each runs in a process of its own, so that no library's threads, allocator or settings touch
another's.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from lamina.bench.contenders.contender import Contender


@dataclass(frozen=True)
class Entry:
    """How a contender is found.

    Attributes:
        module: In this package; defines ``make(threads)``.
        needs: The packages that must be installed.
        environment: Set in its process before anything is imported.
        slow: Takes part only with ``--slow``.
        own: Is lamina itself, and takes part where it can.
    """

    module: str
    needs: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    own: bool = False


REGISTRY: dict[str, Entry] = {
    "lamina": Entry("lamina_models", ("lamina",), own=True),
    "numpy": Entry("plain_numpy", ("numpy",)),
    # With --device cuda: the same in the fast mode.
    "lamina-tf32": Entry(
        "lamina_models", ("lamina",), (("LAMINA_BENCH_PRECISION", "tf32"),), own=True
    ),
    "lamina-bf16": Entry(
        "lamina_models", ("lamina",), (("LAMINA_BENCH_PRECISION", "bf16"),), own=True
    ),
    "torch": Entry("torch_eager", ("torch",)),
    "torch-compile": Entry("torch_compiled", ("torch",), slow=True),
    "jax": Entry("jax_jit", ("jax",), (("JAX_PLATFORMS", "cpu"),)),
    "sklearn": Entry("scikit_learn", ("sklearn",)),
    "onnxruntime": Entry("onnx_runtime", ("onnxruntime",)),
    "keras-tensorflow": Entry(
        "keras_models",
        ("keras", "tensorflow"),
        (
            ("KERAS_BACKEND", "tensorflow"),
            ("TF_CPP_MIN_LOG_LEVEL", "3"),
            ("CUDA_VISIBLE_DEVICES", "-1"),
        ),
    ),
    "keras-jax": Entry(
        "keras_models", ("keras", "jax"), (("KERAS_BACKEND", "jax"), ("JAX_PLATFORMS", "cpu"))
    ),
}

ALIASES: dict[str, tuple[str, ...]] = {
    "keras": ("keras-tensorflow", "keras-jax"),
    "all": tuple(name for name, entry in REGISTRY.items() if not entry.own),
}


def installed(name: str) -> bool:
    """Whether everything that a contender needs can be found here."""
    return all(importlib.util.find_spec(package) is not None for package in REGISTRY[name].needs)


def choose(names: str, slow: bool) -> tuple[list[str], list[str]]:
    """The contenders that ``--compare`` names.

    Args:
        names: Names and aliases, separated by commas.
        slow: Whether the slow ones may take part.

    Returns:
        The chosen ones, and a remark for each that cannot take part.

    Raises:
        ValueError: If a name is unknown.
    """
    chosen: list[str] = []
    remarks: list[str] = []
    for word in filter(None, (word.strip() for word in names.split(","))):
        known = [*ALIASES["all"], *ALIASES]
        if word not in known:
            raise ValueError(f"--compare knows {', '.join(known)}. Received: {word!r}")
        for name in ALIASES.get(word, (word,)):
            if name in chosen:
                continue
            if REGISTRY[name].slow and not slow:
                if word != "all":
                    remarks.append(f"{name} takes part only with --slow")
            elif not installed(name):
                remarks.append(f"{name} is not installed")
            else:
                chosen.append(name)
    return chosen, remarks


def make(name: str, threads: int) -> Contender:
    """Imports a contender, and so its library, into this process.

    Args:
        name: A key of `REGISTRY`.
        threads: How many threads it may use.

    Returns:
        The contender.
    """
    module = importlib.import_module(f"lamina.bench.contenders.{REGISTRY[name].module}")
    contender: Contender = module.make(threads)
    return contender
