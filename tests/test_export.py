"""Models in other formats compute what lamina computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported_graphs
import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph import tree

Array = np.ndarray[Any, Any]
_NAMES = """linear relu relu6 leaky_relu elu selu celu sigmoid hard_sigmoid tanh softplus softsign
silu swish gelu gelu_tanh mish exponential softmax log_softmax
hard_tanh hard_silu hard_swish log_sigmoid hard_shrink soft_shrink tanh_shrink sparse_plus
sparse_sigmoid squareplus"""
ACTIVATIONS = _NAMES.split()


def _data(*shape: int, scale: float = 2.0) -> Array:
    return (np.random.default_rng(5).normal(size=shape) * scale).astype("float32")


def _run(model: lamina.Sequential, x: Array, path: Path) -> Array:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model.export(path / "m.onnx", format="onnx")
    session = runtime.InferenceSession(path / "m.onnx", providers=["CPUExecutionProvider"])
    (source,), (result,) = session.get_inputs(), session.get_outputs()
    assert source.name == model.inputs[0]._keras_history.operation.name and result.name == "output"
    assert source.shape == ["batch", *model.input_shape[1:]]
    assert result.shape == ["batch", *model.output_shape[1:]]
    output: Array = session.run(["output"], {source.name: x})[0]
    return output


def _same(model: lamina.Sequential, x: Array, path: Path) -> None:
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(_run(model, x, path), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, tmp_path: Path) -> None:
    x = np.concatenate([_data(60, 4), [[-40, -3, 0, 40], [6, 3, -0.5, 1e-4]]]).astype("float32")
    if name == "exponential":
        x = np.clip(x, -20, 2)
    _same(lamina.Sequential([lamina.Input((4,)), layers.Activation(name)]), x, tmp_path)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.ReLU(),
        lambda: layers.ReLU(max_value=1.5),
        lambda: layers.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5),
        lambda: layers.LeakyReLU(0.1),
        lambda: layers.ELU(0.5),
        lambda: layers.Softmax(),
        lambda: layers.Flatten(),
        lambda: layers.Dropout(0.5),
        lambda: layers.Dense(3, activation=layers.LeakyReLU(0.3)),
        lambda: layers.Dense(3, use_bias=False),
    ],
)
def test_layers(layer: Any, tmp_path: Path) -> None:
    _same(lamina.Sequential([lamina.Input((4,)), layer()]), _data(33, 4), tmp_path)


def test_a_trained_network(tmp_path: Path) -> None:
    model = lamina.Sequential(
        [
            lamina.Input((5, 4), name="points"),
            layers.Dense(6, "gelu"),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(16, "tanh", name="hidden"),
            layers.Dense(16, "tanh"),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x = _data(64, 5, 4)
    model.fit(x, np.arange(64) % 3, epochs=3, verbose=0)
    _same(model, x, tmp_path)
    assert _run(model, x[:1], tmp_path).shape == (1, 3)
    assert _run(model, x[:0], tmp_path).shape == (0, 3)


def test_double_precision(tmp_path: Path) -> None:
    stack = [layers.Dense(8, "tanh", dtype="float64"), layers.Dense(2, dtype="float64")]
    model = lamina.Sequential([lamina.Input((4,)), *stack])
    x = _data(17, 4).astype("float64")
    output = _run(model, x, tmp_path)
    assert output.dtype == "float64"
    np.testing.assert_allclose(output, model.predict(x, verbose=0), rtol=1e-12, atol=1e-14)


MORE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "batch": (lambda: layers.BatchNormalization(), (4,)),
    "batch axis": (lambda: layers.BatchNormalization(axis=1, center=False), (3, 4)),
    "batch renorm": (lambda: layers.BatchNormalization(renorm=True, scale=False), (3, 4)),
    "layer": (lambda: layers.LayerNormalization(), (3, 4)),
    "layer axes": (lambda: layers.LayerNormalization([1, 2], scale=False), (3, 4)),
    "rms": (lambda: layers.RMSNormalization(epsilon=0.01), (3, 4)),
    "rms axes": (lambda: layers.RMSNormalization([1, 2]), (3, 4)),
    "layer first axis": (lambda: layers.LayerNormalization(1), (3, 4)),
    "rms first axis": (lambda: layers.RMSNormalization(1), (3, 4)),
    "group first axis": (lambda: layers.GroupNormalization(2, axis=1), (6, 3, 4)),
    "einsum": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 5), "tanh", "de"),
        (3, 4),
    ),
    "einsum elided": (lambda: layers.EinsumDense("...x,xy->...y", 5, bias_axes="y"), (3, 4)),
    "spectral": (lambda: layers.SpectralNormalization(layers.Dense(3)), (4,)),
    "unit": (lambda: layers.UnitNormalization(), (4,)),
    "group": (lambda: layers.GroupNormalization(2), (3, 4)),
    "group each": (lambda: layers.GroupNormalization(-1, center=False), (5, 3, 4)),
    "rescaling": (lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0], offset=-1.0), (3, 4)),
    "normalization": (
        lambda: layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=2.0 * np.ones(4)),
        (3, 4),
    ),
    "normalization weights": (lambda: layers.Normalization(), (3, 4)),
    "normalization invert": (
        lambda: layers.Normalization(axis=None, mean=2.0, variance=4.0, invert=True),
        (4,),
    ),
    "reshape": (lambda: layers.Reshape((2, 2)), (4,)),
    "permute": (lambda: layers.Permute((2, 1)), (3, 4)),
    "repeat": (lambda: layers.RepeatVector(3), (4,)),
    "noise": (lambda: layers.GaussianNoise(0.1), (4,)),
    "spatial": (lambda: layers.SpatialDropout1D(0.5), (3, 4)),
    "prelu": (lambda: layers.PReLU("ones", shared_axes=[1]), (3, 4)),
    "residual": (lambda: layers.Residual([layers.Dense(4, "tanh"), layers.Dense(4)]), (4,)),
    "residual projection": (lambda: layers.Residual([layers.Dense(6, "tanh")]), (4,)),
    "nested": (
        lambda: lamina.Sequential([layers.Dense(3), lamina.Sequential([layers.PReLU()])]),
        (4,),
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_more_layers(name: str, tmp_path: Path) -> None:
    build, shape = MORE[name]
    model = lamina.Sequential([lamina.Input(shape), build()])
    model.set_weights([np.abs(w * 0.3) + 0.5 for w in model.get_weights()])
    x = _data(9, *shape)
    x[0] = 0.0
    _same(model, x, tmp_path)


def test_embedding(tmp_path: Path) -> None:
    stack = [layers.Embedding(7, 3), layers.Flatten(), layers.Dense(2)]
    model = lamina.Sequential([lamina.Input((4,)), *stack])
    _same(model, np.random.default_rng(5).integers(0, 7, (9, 4)).astype("float32"), tmp_path)


def test_every_activation_is_written_or_refused(tmp_path: Path) -> None:
    from lamina.activations import resolve

    # Layers have neither glu nor threshold.
    assert set(resolve._FUNCTIONS) - set(ACTIVATIONS) == {"glu", "threshold", "sparsemax"}
    model = lamina.Sequential([lamina.Input((4,)), layers.Activation("sparsemax")])
    with pytest.raises(NotImplementedError, match="sparsemax"):
        model.export(tmp_path / "m.onnx")


def test_every_layer_is_written_or_refused() -> None:
    from lamina.export import onnx

    written = {*onnx._LAYERS, *onnx._NOTHING, *onnx.ACTIVATION_LAYERS, "InputLayer", "Input"}
    classes = {n for n in layers.__all__ if n[0].isupper()} - {"InputSpec", "Layer"}
    assert not written - classes
    # Text and labels are turned into numbers before the network.
    prepare = "CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup"
    merging = "Add Average Concatenate Dot Maximum Minimum Multiply Subtract"
    assert classes - written == {*prepare.split(), *merging.split(), "Lambda"}
    # What Python code computes is not known, where it is no graph.
    model = lamina.Sequential([lamina.Input((3,)), layers.Lambda(lambda x: x * np.exp(x.numpy()))])
    for form in ("onnx", "c"):
        with pytest.raises(NotImplementedError, match="layer 'lambda"):
            model.export("model", format=form)


def test_the_files_are_valid(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(3, "mish"), layers.ReLU(6.0)])
    model.export(tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    parsed = onnx.load(tmp_path / "m.onnx")
    assert parsed.producer_name == "lamina" and parsed.graph.name == model.name
    kernel = next(t for t in parsed.graph.initializer if t.name.endswith("kernel"))
    assert onnx.numpy_helper.to_array(kernel).tobytes() == model.get_weights()[0].tobytes()


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(3, "relu")])
    model.export(tmp_path / "a.onnx")
    model.export(tmp_path / "b.onnx", format="onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Dense(3)])
    with pytest.raises(ValueError, match="not been built"):
        model.export(tmp_path / "m.onnx")
    model.build((None, 4))
    with pytest.raises(NotImplementedError, match="tf_saved_model"):
        model.export(tmp_path / "m", format="tf_saved_model")
    with pytest.raises(ValueError, match="Unknown export format"):
        model.export(tmp_path / "m", format="pdf")
    with pytest.raises(NotImplementedError, match="input_signature"):
        model.export(tmp_path / "m.onnx", input_signature=[1])
    assert not list(tmp_path.iterdir())


def _run_graph(model: Any, arrays: list[Array], path: Path) -> list[Array]:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model.export(path / "m.onnx", format="onnx")
    session = runtime.InferenceSession(path / "m.onnx", providers=["CPUExecutionProvider"])
    names = [source.name for source in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))


def _same_graph(made: exported_graphs.Made, path: Path) -> None:
    model, arrays = made
    given = arrays if len(arrays) > 1 else arrays[0]
    expected = tree.flatten(_predict(model, given))
    results = _run_graph(model, arrays, path)
    assert [(r.shape, r.dtype) for r in results] == [(e.shape, e.dtype) for e in expected]
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=2e-6, atol=2e-6)


def _predict(model: Any, given: Any) -> Any:
    if isinstance(given, list) and isinstance(getattr(model, "input", None), dict):
        given = dict(zip(tree.sorted_keys(model.input), given, strict=True))
    return model.predict(given, verbose=0)


@pytest.mark.parametrize("name", exported_graphs.GRAPHS)
def test_graphs(name: str, tmp_path: Path) -> None:
    _same_graph(exported_graphs.GRAPHS[name](), tmp_path)


@pytest.mark.parametrize("name", exported_graphs.FUNCTIONS)
def test_functions_in_graphs(name: str, tmp_path: Path) -> None:
    _same_graph(exported_graphs.function_of(name), tmp_path)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.exp(x) + ops.tanh(x) * ops.sin(x),
        lambda x: ops.softmax(x, axis=1) + ops.log_softmax(x),
        lambda x: ops.gelu(x) + ops.gelu(x, approximate=False) + ops.silu(x) + ops.elu(x, 0.5),
        lambda x: ops.var(x, axis=1) + ops.std(x, axis=1) + ops.logsumexp(x, axis=1),
        lambda x: ops.power(abs(x) + 1.0, 1.5),
        lambda x: ops.argmax(x, axis=2),
        lambda x: ops.cast(x * 4, "int32"),
        lambda x: x - ops.mean(x, axis=0, keepdims=True),
    ],
)
def test_more_functions(function: Any, tmp_path: Path) -> None:
    x = lamina.Input((3, 6))
    _same_graph((lamina.Model(x, function(x)), [exported_graphs.normal(8, 3, 6)]), tmp_path)


def test_names_and_types_of_graphs(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model, _ = exported_graphs.columns()
    model.export(tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    graph = onnx.load(tmp_path / "m.onnx").graph
    kinds = {each.name: each.type.tensor_type.elem_type for each in graph.input}
    assert kinds == {"city": 6, "day": 7, "size": 1}
    assert [each.name for each in graph.output] == ["deep", "wide"]


def test_shared_weights_are_there_once(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model, _ = exported_graphs.shared()
    model.export(tmp_path / "m.onnx")
    names = [each.name for each in onnx.load(tmp_path / "m.onnx").graph.initializer]
    assert len(names) == len(model.weights) and names.count("first/kernel") == 1


@pytest.mark.parametrize("form", ["onnx", "c"])
def test_what_graphs_cannot_be_exported(form: str, tmp_path: Path) -> None:
    x = lamina.Input((4,))
    refused = {
        r"`lamina.ops.sort`": ops.sort(x),
        "training=True": layers.Dropout(0.5, name="always")(x, training=True),
    }
    for match, output in refused.items():
        with pytest.raises(NotImplementedError, match=match):
            lamina.Model(x, output).export(tmp_path / "m", format=form)
    text = lamina.Input((1,), dtype="string")
    model = lamina.Model(text, layers.StringLookup(vocabulary=["a"])(text))
    with pytest.raises(NotImplementedError, match="string"):
        model.export(tmp_path / "m", format=form)
    assert not list(tmp_path.iterdir())
