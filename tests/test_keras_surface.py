"""Every name of Keras 3 that code for dense networks uses is there, with Keras' arguments.

tests/keras_surface/keras.json holds the signatures of Keras 3 (tools/keras_signatures.py wrote it).
What differs on purpose is listed below with its reason; a name in the list that does not differ any
more is an error, too.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import lamina

DOCUMENT = json.loads((Path(__file__).parent / "keras_surface" / "keras.json").read_text("utf-8"))
SIGNATURES: dict[str, Any] = DOCUMENT["signatures"]

GRAPHS = "models are stacks: there are no graphs of layers, tensors of shapes or masks"
BACKENDS = "concerns other backends, compilers or their tensors"
HALF = "quantization and half precision are not computed"
OWN_PARTS = "for parts of the user's own: the base class has another protocol"
OWN_STEPS = "for training loops of the user's own"
FILES = "how a part is written into a file is the file's own business"

#: Names that Keras has and lamina does not, and why.
ABSENT = {
    **dict.fromkeys(
        (*("Sequential.compute_mask", "layers.Masking"),),
        GRAPHS,
    ),
    **dict.fromkeys(
        (
            *("Sequential.jax_state_sync", "Sequential.rematerialized_call"),
            *("Sequential.stateless_call", "Sequential.stateless_compute_loss"),
            *("metrics.Mean.stateless_reset_state", "metrics.Mean.stateless_result"),
            *("metrics.Mean.stateless_update_state", "metrics.Metric.stateless_reset_state"),
            *("metrics.Metric.stateless_result", "metrics.Metric.stateless_update_state"),
            *("optimizers.Optimizer.stateless_apply", "Sequential.get_state_tree"),
            *("Sequential.set_state_tree", "Sequential.make_predict_function"),
            *("Sequential.make_test_function", "Sequential.make_train_function"),
        ),
        BACKENDS,
    ),
    **dict.fromkeys(
        (
            *("Sequential.quantize", "Sequential.quantized_build", "Sequential.quantized_call"),
            *("Sequential.get_quantization_layer_structure", "Sequential.quantization_mode"),
            "Sequential.dtype_policy",
        ),
        HALF,
    ),
    **dict.fromkeys(
        (
            *("Sequential.add_loss", "Sequential.add_metric", "Sequential.add_variable"),
            *("Sequential.add_weight", "Sequential.call", "Sequential.metrics_variables"),
            *("metrics.Mean.add_variable", "metrics.Metric.add_variable"),
            *("optimizers.Optimizer.add_optimizer_variables", "optimizers.Optimizer.add_variable"),
            "layers.Wrapper",
        ),
        OWN_PARTS,
    ),
    **dict.fromkeys(
        (
            *("Sequential.compute_loss_and_updates", "Sequential.predict_step"),
            *("Sequential.run_eagerly", "Sequential.test_step", "Sequential.train_step"),
        ),
        OWN_STEPS,
    ),
    **dict.fromkeys(
        (
            *("Sequential.load_own_variables", "Sequential.save_own_variables"),
            *("optimizers.Optimizer.load_own_variables", "optimizers.Optimizer.save_own_variables"),
        ),
        FILES,
    ),
    "losses.CTC": "aligns sequences of different lengths, which dense networks do not give",
    "optimizers.MultiOptimizer": "one optimizer trains a model: not there yet",
}
#: Other people's rooms: names that may or may not be there.
OPTIONAL = frozenset(
    {
        *("layers.Masking", "layers.Wrapper", "Sequential.call"),
        *(name for name, reason in ABSENT.items() if reason in (OWN_PARTS, OWN_STEPS)),
    }
)

#: Arguments that differ on purpose: what lamina has in Keras' place, and why.
DIFFERENT = {
    "Sequential.export": "the default format is ONNX, since SavedModel needs TensorFlow",
    "initializers.VarianceScaling": "no `input_axes`/`output_axes`: kernels have two axes",
    "optimizers.Optimizer.finalize_variable_values": "`var_list` may be left out",
    "utils.timeseries_dataset_from_array": "the only `format` is NumPy's",
}


def _own(key: str) -> Any:
    found: Any = lamina
    for part in key.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


def _arguments(thing: Any) -> list[tuple[str, str | None]]:
    return [
        (p.name, None if p.default is p.empty else repr(p.default))
        for p in inspect.signature(thing).parameters.values()
        if p.name not in ("self", "cls") and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def _takes_more(thing: Any) -> bool:
    """Whether there are options that are not named, such as those of every layer."""
    parameters = inspect.signature(thing).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _same_default(theirs: str | None, own: str | None) -> bool:
    """Whether defaults are equal; 1 is 1.0."""
    if theirs is None or own is None:
        return theirs == own
    try:
        return float(theirs) == float(own) and ("True" in theirs) == ("True" in own)
    except ValueError:
        return theirs == own


def _difference(key: str) -> str | None:
    """What differs from Keras' signature; None if nothing does."""
    thing, wanted = _own(key), SIGNATURES[key]
    if wanted == "property":
        return None
    if wanted is None:
        return None if callable(thing) else "it cannot be called"
    theirs = [(name, default) for name, kind, default in wanted if not kind.startswith("var_")]
    try:
        own = _arguments(thing)
    except (TypeError, ValueError):
        return "it has no signature"
    for place, (name, default) in enumerate(theirs):
        if place >= len(own):
            rest = [name for name, _ in theirs[place:]]
            plain = {"name", "dtype", "trainable", "activity_regularizer"}
            if _takes_more(thing) and set(rest) <= plain:
                return None
            return f"without {rest}"
        if own[place][0] != name:
            return f"argument {place} is '{own[place][0]}', not '{name}'"
        if not _same_default(default, own[place][1]):
            return f"{name}={own[place][1]}, not {default}"
    if any(kind == "var_positional" for _, kind, _ in wanted):
        return None
    further = [name for name, default in own[len(theirs) :] if default is None]
    return f"needs also {further}" if further else None


def test_the_list_is_of_keras_3() -> None:
    assert DOCUMENT["keras"].startswith("3.")
    assert len(SIGNATURES) > 300


@pytest.mark.parametrize("key", sorted(set(SIGNATURES) - set(ABSENT)))
def test_a_name_is_there_with_its_arguments(key: str) -> None:
    assert _own(key) is not None, f"lamina.{key} is missing"
    difference = _difference(key)
    if key in DIFFERENT:
        assert difference is not None, f"lamina.{key} is as Keras': take it off the list"
    else:
        assert difference is None, f"lamina.{key}: {difference}"


@pytest.mark.parametrize("key", sorted(ABSENT))
def test_what_is_absent_is_listed_with_its_reason(key: str) -> None:
    assert key in SIGNATURES
    assert ABSENT[key]
    if key not in OPTIONAL:
        assert _own(key) is None, f"lamina.{key} is there: take it off the list"


def test_the_signature_reader_sees_differences() -> None:
    def off(a: int, b: int = 2, c: str = "x") -> None: ...

    assert _arguments(off) == [("a", None), ("b", "2"), ("c", "'x'")]
    assert _same_default("1", "1.0")
    assert not _same_default("1", "True")
    assert not _same_default("'a'", "'b'")
    assert not _same_default(None, "None")
