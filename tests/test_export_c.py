"""C files compute what lamina computes: its own bits, but for functions of the C library."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import exported_graphs
import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.activations import resolve
from lamina.export import c_activations, c_layers, onnx
from lamina.graph import tree

Array = np.ndarray[Any, Any]
FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def _data(*shape: int, scale: float = 2.0) -> Array:
    return (np.random.default_rng(5).normal(size=shape) * scale).astype("float32")


def _compiled(model: lamina.Sequential, x: Array, folder: Path, flags: Any = FLAGS) -> Array:
    """What the C file gives for each row."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler")
    model.export(folder / "m.c", format="c")
    command = [compiler, *flags, "-shared", "-fPIC", "-o", folder / "m.so", folder / "m.c", "-lm"]
    subprocess.run(command, check=True)
    predict = getattr(ctypes.CDLL(str(folder / "m.so")), f"{model.name}_predict")
    predict.restype = None
    outputs = int(np.prod(model.output_shape[1:]))
    result = np.empty((len(x), outputs), model.dtype)
    for row, answer in zip(np.ascontiguousarray(x, model.dtype), result, strict=True):
        predict(row.ctypes.data_as(ctypes.c_void_p), answer.ctypes.data_as(ctypes.c_void_p))
    return result.reshape(len(x), *model.output_shape[1:])


def _same_bits(model: lamina.Sequential, x: Array, folder: Path, flags: Any = FLAGS) -> None:
    expected, result = model.predict(x, verbose=0), _compiled(model, x, folder, flags)
    finite = ~np.isnan(expected)
    assert np.array_equal(np.isnan(result), ~finite)  # which NaN is outside of the contract
    assert result[finite].tobytes() == expected[finite].tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inputs", [1, 7, 512, 513, 1700, 2600])
def test_c_gives_the_same_bits(inputs: int, dtype: str, tmp_path: Path) -> None:
    model = lamina.Sequential(
        [
            lamina.Input((inputs,)),
            layers.Dense(9, "relu", dtype=dtype),
            layers.Dropout(0.5, dtype=dtype),
            layers.Dense(8, activation=layers.LeakyReLU(0.1), dtype=dtype),
            layers.Dense(7, activation=layers.ReLU(max_value=0.7), use_bias=False, dtype=dtype),
            layers.Dense(6, "relu6", dtype=dtype),
            layers.Dense(3, "leaky_relu", dtype=dtype),
        ],
        name="bits",
    )
    generator = np.random.default_rng(inputs)
    model.set_weights([generator.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    x = generator.normal(size=(20, inputs))
    x[0, 0], x[1, 0], x[2] = np.nan, np.inf, -0.0
    _same_bits(model, x.astype(dtype), tmp_path)


#: Layers of single operations; the shape of their samples.
EXACT: dict[str, tuple[Any, tuple[int, ...]]] = {
    "batch": (lambda **k: layers.BatchNormalization(**k), (4,)),
    "batch axis": (lambda **k: layers.BatchNormalization(axis=1, center=False, **k), (3, 4)),
    "batch renorm": (lambda **k: layers.BatchNormalization(renorm=True, scale=False, **k), (3, 4)),
    "layer": (lambda **k: layers.LayerNormalization(**k), (3, 37)),
    "layer axes": (lambda **k: layers.LayerNormalization([1, 2], scale=False, **k), (3, 4)),
    "layer first axis": (lambda **k: layers.LayerNormalization(1, center=False, **k), (3, 4)),
    "layer bare": (
        lambda **k: layers.LayerNormalization([3, 1], scale=False, center=False, **k),
        (3, 2, 4),
    ),
    "layer rms": (lambda **k: layers.LayerNormalization(rms_scaling=True, **k), (4,)),
    "rms": (lambda **k: layers.RMSNormalization(epsilon=0.01, **k), (3, 4)),
    "rms axes": (lambda **k: layers.RMSNormalization([1, 2], **k), (3, 4)),
    "unit": (lambda **k: layers.UnitNormalization(**k), (3, 4)),
    "unit first axis": (lambda **k: layers.UnitNormalization(1, **k), (3, 4)),
    "group": (lambda **k: layers.GroupNormalization(2, **k), (6,)),
    "group matrix": (lambda **k: layers.GroupNormalization(2, **k), (3, 4)),
    "group first axis": (lambda **k: layers.GroupNormalization(2, axis=1, **k), (6, 3, 4)),
    "group each": (lambda **k: layers.GroupNormalization(-1, center=False, **k), (5, 3, 4)),
    "group bare": (
        lambda **k: layers.GroupNormalization(2, scale=False, center=False, **k),
        (3, 4),
    ),
    "einsum": (
        lambda **k: layers.EinsumDense("abc,cde->abde", (None, 2, 5), "relu", "de", **k),
        (3, 4),
    ),
    "einsum groups": (
        lambda **k: layers.EinsumDense("abcd,ced->aecb", (5, 3, 2), None, "ec", **k),
        (2, 3, 4),
    ),
    "einsum elided": (
        lambda **k: layers.EinsumDense("...x,xy->...y", 5, bias_axes="y", **k),
        (3, 4),
    ),
    "einsum long": (lambda **k: layers.EinsumDense("abc,cbd->ad", 3, **k), (30, 40)),
    "dense matrix": (lambda **k: layers.Dense(3, "hard_tanh", **k), (2, 3, 4)),
    "spectral": (lambda **k: layers.SpectralNormalization(layers.Dense(3, **k), **k), (4,)),
    "rescaling": (
        lambda **k: layers.Rescaling([1.0, 2.0, 3.1, 4.0], offset=-0.1, **k),
        (3, 4),
    ),
    "normalization": (
        lambda **k: layers.Normalization(mean=[1.0, 2.1, 3.0, 4.0], variance=[2.0] * 4, **k),
        (3, 4),
    ),
    "normalization weights": (lambda **k: layers.Normalization(**k), (3, 4)),
    "normalization invert": (
        lambda **k: layers.Normalization(axis=None, mean=2.1, variance=3.0, invert=True, **k),
        (4,),
    ),
    "reshape": (lambda **k: layers.Reshape((2, 2), **k), (4,)),
    "flatten": (lambda **k: layers.Flatten(**k), (3, 4)),
    "permute": (lambda **k: layers.Permute((3, 1, 2), **k), (3, 4, 5)),
    "repeat": (lambda **k: layers.RepeatVector(3, **k), (4,)),
    "noise": (lambda **k: layers.GaussianNoise(0.1, **k), (4,)),
    "noise factors": (lambda **k: layers.GaussianDropout(0.1, **k), (4,)),
    "alpha dropout": (lambda **k: layers.AlphaDropout(0.1, **k), (4,)),
    "spatial": (lambda **k: layers.SpatialDropout1D(0.5, **k), (3, 4)),
    "identity": (lambda **k: layers.Identity(**k), (4,)),
    "activity": (lambda **k: layers.ActivityRegularization(0.1, **k), (4,)),
    "prelu": (lambda **k: layers.PReLU("ones", **k), (3, 4)),
    "prelu shared": (lambda **k: layers.PReLU("ones", shared_axes=[1], **k), (3, 4)),
    "residual": (
        lambda **k: layers.Residual([layers.Dense(4, "relu", **k), layers.Dense(4, **k)]),
        (4,),
    ),
    "residual projection": (
        lambda **k: layers.Residual(
            [
                layers.Residual([layers.PReLU(**k), layers.Permute((1, 2), **k)]),
                layers.Dense(6, **k),
            ]
        ),
        (3, 4),
    ),
    "nested": (
        lambda **k: lamina.Sequential(
            [layers.Dense(3, **k), lamina.Sequential([layers.PReLU(**k)])]
        ),
        (4,),
    ),
    "relu bounds": (
        lambda **k: layers.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5, **k),
        (4,),
    ),
    "relu threshold": (lambda **k: layers.ReLU(threshold=1, **k), (4,)),
    "leaky without slope": (lambda **k: layers.LeakyReLU(0.0, **k), (4,)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_layers_have_the_same_bits(name: str, dtype: str, tmp_path: Path) -> None:
    build, shape = EXACT[name]
    model = lamina.Sequential([lamina.Input(shape), build(dtype=dtype)], name="exact")
    rng = np.random.default_rng(6)
    model.set_weights([rng.uniform(0.2, 1.7, w.shape) for w in model.get_weights()])
    x = _data(9, *shape).astype(dtype)
    x[0], x[1], x[2] = 0.0, -0.0, 1e-30
    x[3].flat[0], x[4].flat[1], x[5].flat[2] = np.nan, np.inf, -np.inf
    _same_bits(model, x, tmp_path)


LIBRARY = """sigmoid tanh exponential softplus elu selu celu silu gelu gelu_tanh mish tanh_shrink
log_sigmoid"""
SINGLE = """linear relu relu6 leaky_relu hard_sigmoid softsign sparse_plus sparse_sigmoid squareplus
hard_tanh hard_silu hard_swish hard_shrink soft_shrink sparsemax"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_of_single_operations_have_the_same_bits(dtype: str, tmp_path: Path) -> None:
    edges = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, np.inf, -np.inf, np.nan, 1e20]
    x = np.concatenate([_data(60, 6), np.resize(edges, (13, 6))]).astype(dtype)
    x[:30, 5] = np.linspace(-4, 4, 30)
    for place, name in enumerate(SINGLE.split()):
        folder = tmp_path / str(place)
        folder.mkdir()
        layer = layers.Activation(name, dtype=dtype)
        _same_bits(lamina.Sequential([lamina.Input((6,)), layer], name=name), x, folder)


@pytest.mark.parametrize("columns", [1, 2, 7, 300])
def test_sparsemax_rows(columns: int, tmp_path: Path) -> None:
    x = np.concatenate([_data(40, columns), _data(5, columns, scale=0.01), np.ones((1, columns))])
    stack = [lamina.Input((columns,)), layers.Activation("sparsemax")]
    _same_bits(lamina.Sequential(stack, name="rows"), x.astype("float32"), tmp_path)


@pytest.mark.parametrize("columns", [16, 4096, 4097, 20000])
def test_long_rows_are_summed_in_the_same_order(columns: int, tmp_path: Path) -> None:
    stack = [lamina.Input((columns,)), layers.LayerNormalization(), layers.UnitNormalization()]
    model = lamina.Sequential(stack, name="long")
    _same_bits(model, _data(3, columns) + np.float32(0.3), tmp_path)


def test_nothing_is_fused_on_its_own(tmp_path: Path) -> None:
    """A compiler that may use the machine's instructions and contract, as GNU C does."""
    stack = [
        lamina.Input((40,)),
        layers.LayerNormalization(),
        layers.Rescaling(1.1, offset=0.3),
        layers.Activation("hard_silu"),
        layers.Residual([layers.Dense(40), layers.RMSNormalization()]),
        layers.GroupNormalization(4, center=False),
        layers.Activation("sparse_plus"),
    ]
    model = lamina.Sequential(stack, name="fused")
    for flags in (["-O3", "-march=native"], ["-std=gnu99", "-O1"]):
        _same_bits(model, _data(50, 40), tmp_path, flags)


@pytest.mark.parametrize(
    "name",
    [*LIBRARY.split(), "softmax", "log_softmax"],
)
def test_c_functions(name: str, tmp_path: Path) -> None:
    lamina.utils.set_random_seed(3)  # exponentials of exponentials magnify errors of the last place
    stack = [layers.Dense(5, name), layers.Flatten(), layers.Dense(4, name)]
    model = lamina.Sequential([lamina.Input((3, 4)), *stack], name="functions")
    x = _data(40, 3, 4, scale=1.0)
    x[0], x[1] = 8.0, -8.0
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(_compiled(model, x, tmp_path), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_the_library_at_their_limits(dtype: str, tmp_path: Path) -> None:
    edges = [0.0, -0.0, 40.0, -40.0, 1e4, -1e4, np.inf, -np.inf, np.nan, 1e-30]
    x = np.asarray(edges, dtype)[:, None]
    close = 1e-5 if dtype == "float32" else 1e-12
    for name in LIBRARY.split():
        layer = layers.Activation(name, dtype=dtype)
        model = lamina.Sequential([lamina.Input((1,)), layer], name=f"limits_{name}")
        expected = model.predict(x, verbose=0)
        tiny = 1e-35 if dtype == "float32" else 1e-300
        folder = tmp_path / name
        folder.mkdir()
        np.testing.assert_allclose(_compiled(model, x, folder), expected, rtol=close, atol=tiny)


def test_softmax_along_any_axis(tmp_path: Path) -> None:
    for axis in (1, 2, 3):
        stack = [lamina.Input((3, 4, 5)), layers.Softmax(axis)]
        model = lamina.Sequential(stack, name="softmax")
        x = _data(9, 3, 4, 5)
        folder = tmp_path / str(axis)
        folder.mkdir()
        expected = model.predict(x, verbose=0)
        np.testing.assert_allclose(_compiled(model, x, folder), expected, rtol=2e-6, atol=1e-7)


def test_embeddings(tmp_path: Path) -> None:
    stack = [layers.Embedding(7, 3), layers.Flatten(), layers.Dense(2)]
    model = lamina.Sequential([lamina.Input((4,)), *stack], name="table")
    x = np.random.default_rng(5).integers(0, 7, (9, 4)).astype("float32")
    x[0] = 2.75  # counts as 2
    _same_bits(model, x, tmp_path)
    # lamina refuses indices that are not there; a C function gives NaN for them.
    for wrong in (-1.0, 7.0, np.nan, np.inf, -np.inf, 1e30):
        x[1, 2] = wrong
        with pytest.raises(ValueError, match="indices"):
            model.predict(x, verbose=0)
        answers = _compiled(model, x[:2], tmp_path)
        assert np.isfinite(answers[0]).all() and np.isnan(answers[1]).all()


def test_a_network_of_many_layers(tmp_path: Path) -> None:
    """Buffers are used again; those that a shortcut still needs are not."""
    block = [layers.Dense(24, "relu"), layers.LayerNormalization(), layers.Dense(12)]
    stack = [
        layers.Embedding(11, 4),
        layers.Permute((2, 1)),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Residual([*block, layers.Residual([layers.Dense(12, "leaky_relu")])]),
        layers.RepeatVector(2),
        layers.Residual([layers.EinsumDense("abc,cd->abd", (None, 5)), layers.PReLU()]),
        lamina.Sequential([layers.GroupNormalization(5), layers.Dense(6, "relu6")]),
        layers.Flatten(),
        layers.Dense(3),
    ]
    model = lamina.Sequential([lamina.Input((3,)), *stack], name="many")
    model.compile("adam", "mse")
    x = np.random.default_rng(7).integers(0, 11, (60, 3)).astype("float32")
    model.fit(x, _data(60, 3), epochs=2, verbose=0)
    _same_bits(model, x, tmp_path)


def test_every_layer_and_activation_is_written_or_refused() -> None:
    assert set(c_layers.LAYERS) | c_layers.NOTHING == set(onnx._LAYERS) | onnx._NOTHING | set(
        onnx.ACTIVATION_LAYERS
    )
    written = c_activations.ROWS
    for name, function in resolve._FUNCTIONS.items():
        if name in written or name in ("glu", "threshold"):  # which no layer has
            continue
        c_activations.body(resolve.specification(function), lambda value: f"{value}", True)


def test_what_cannot_be_written_as_c(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(2)])
    model.set_weights([np.full((4, 2), np.nan), np.zeros(2)])
    with pytest.raises(ValueError, match="finite"):
        model.export(tmp_path / "m.c", format="c")
    assert not list(tmp_path.iterdir())


def _compiled_graph(model: Any, arrays: list[Array], folder: Path) -> list[Array]:
    """What the C file gives for each row, output by output."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler")
    model.export(folder / "m.c", format="c")
    command = [compiler, *FLAGS, "-shared", "-fPIC", "-o", folder / "m.so", folder / "m.c", "-lm"]
    subprocess.run(command, check=True)
    predict = getattr(ctypes.CDLL(str(folder / "m.so")), f"{model.name}_predict")
    predict.restype = None
    rows, shapes = len(arrays[0]), model._output_shapes()
    results = [np.empty((rows, *shape), model.dtype) for shape in shapes]
    for row in range(rows):
        cells = [np.ascontiguousarray(array[row]) for array in arrays]
        pointers = [cell.ctypes.data_as(ctypes.c_void_p) for cell in cells]
        pointers += [result[row:].ctypes.data_as(ctypes.c_void_p) for result in results]
        predict(*pointers)
    return results


def _same_graph_bits(made: exported_graphs.Made, folder: Path) -> None:
    model, arrays = made
    given: Any = arrays if len(arrays) > 1 else arrays[0]
    if isinstance(getattr(model, "input", None), dict):
        given = dict(zip(tree.sorted_keys(model.input), arrays, strict=True))
    expected = tree.flatten(model.predict(given, verbose=0))
    for result, wanted in zip(_compiled_graph(model, arrays, folder), expected, strict=True):
        assert result.tobytes() == wanted.astype(model.dtype).tobytes()


@pytest.mark.parametrize("name", exported_graphs.GRAPHS)
def test_graphs_have_the_same_bits(name: str, tmp_path: Path) -> None:
    _same_graph_bits(exported_graphs.GRAPHS[name](), tmp_path)


@pytest.mark.parametrize("name", exported_graphs.FUNCTIONS)
def test_functions_have_the_same_bits(name: str, tmp_path: Path) -> None:
    _same_graph_bits(exported_graphs.function_of(name), tmp_path)


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 700])
def test_sums_of_columns_have_the_same_bits(rows: int, tmp_path: Path) -> None:
    x = lamina.Input((rows, 3))
    model = lamina.Model(x, [ops.sum(x, axis=1), ops.mean(x, axis=(1, 2))])
    _same_graph_bits((model, [exported_graphs.normal(3, rows, 3)]), tmp_path)


def test_long_products_have_the_same_bits(tmp_path: Path) -> None:
    _same_graph_bits(exported_graphs.dot(1, False, (1300,), (1300,)), tmp_path)


def test_what_mixes_samples_is_refused(tmp_path: Path) -> None:
    x = lamina.Input((4,))
    for output in (x - ops.mean(x, axis=0), ops.flip(x, axis=0), ops.cast(x, "int32")):
        with pytest.raises(NotImplementedError, match=r"lamina\.ops"):
            lamina.Model(x, output).export(tmp_path / "m.c", format="c")
    number = lamina.Input((4,), dtype="int32")
    with pytest.raises(NotImplementedError, match=r"lamina\.ops\.add"):
        lamina.Model(number, number + 1).export(tmp_path / "m.c", format="c")
