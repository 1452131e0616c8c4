"""What is measured: a flat list of cases, each with the work that it cannot avoid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from lamina.bench import more_layers, parts
from lamina.bench.graphs.works import GRAPH_WORKS
from lamina.bench.works import WORKS

SECTIONS = {
    "gemm": "Products (rows x units x inputs of a layer)",
    "activation": "Activations",
    "loss": "Losses with their gradient",
    "optimizer": "Optimizers",
    "data": "Dropout and batches",
    more_layers.SECTION: more_layers.TITLE,
    "tensor": "Tensors (from Python, each call by itself)",
    "step": "Training, one step on a batch in memory",
    "fit": "Training, one step as part of a shuffled epoch",
    "graph": "Training of graphs, one step on a batch in memory",
    "predict": "Prediction",
    "layers": f"Each layer: a step on {parts.ROWS} x {parts.WIDTH}",
    "losses": f"Each loss: a step on {parts.ROWS} rows",
    "metrics": f"Each metric: an evaluation of {parts.ROWS} rows",
    "optimizers": f"Each optimizer: a step on {4 * parts.WIDTH * (parts.WIDTH + 1)} weights",
    "tape": "Gradients by a tape, of a chain of small functions",
    "loop": "Training, one step of a loop by hand, on a tape",
    "start": "Starting",
}


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        section: A key of `SECTIONS`.
        label: What the line says.
        parameters: What a contender needs to prepare it; plain numbers and strings.
        flops: Floating-point operations of one call, products only (an FMA counts as two).
        bytes: What one call moves at least between the processor and where its data lies.
        working_set: Bytes that the call comes back to: says which cache they can lie in.
        traffic: ``"read"`` or ``"update"``: which of the measured bandwidths bounds it.
        dtype: ``"float32"`` or ``"float64"``: which of the measured peaks bounds it.
        slow: Left out of ``--quick``.
        listed: One of a list of all that there is: only with ``--filter``.
    """

    section: str
    label: str
    parameters: dict[str, Any] = field(default_factory=dict)
    flops: float = 0.0
    bytes: float = 0.0
    working_set: float = 0.0
    traffic: str = "read"
    dtype: str = "float32"
    slow: bool = False
    listed: bool = False

    @property
    def name(self) -> str:
        """What ``--filter`` looks at, for example ``step/mnist-mlp``."""
        return f"{self.section}/{self.label}"


def _gemm(
    label: str, m: int, n: int, k: int, form: str, dtype: str = "float32", slow: bool = False
) -> Case:
    size = 4 if dtype == "float32" else 8
    moved = float(size * (m * k + k * n + m * n))
    return Case(
        "gemm",
        label,
        {"m": m, "n": n, "k": k, "form": form, "dtype": dtype},
        flops=2.0 * m * n * k,
        bytes=moved,
        working_set=moved,
        dtype=dtype,
        slow=slow,
    )


def _layer(rows: int, units: int, inputs: int, slow: bool = False) -> list[Case]:
    """The three products of a layer."""
    shape = f"{rows}x{units}x{inputs}"
    return [
        _gemm(f"forward {shape}", rows, units, inputs, "nn", slow=slow),
        _gemm(f"weight gradient {shape}", inputs, units, rows, "tn", slow=slow),
        _gemm(f"input gradient {shape}", rows, inputs, units, "nt", slow=slow),
    ]


def _gemm_cases() -> list[Case]:
    cases = [_gemm(f"forward {n}x{n}x{n}", n, n, n, "nn", slow=n > 512) for n in (512, 1024)]
    cases.append(_gemm("forward 4096x4096x1024", 4096, 4096, 1024, "nn", slow=True))
    cases.append(_gemm("forward 4096x1024x4096", 4096, 1024, 4096, "nn", slow=True))
    cases.append(_gemm("forward 512x512x512 float64", 512, 512, 512, "nn", "float64", slow=True))
    for rows, units, inputs in ((128, 512, 784), (64, 100, 3072), (64, 256, 256), (64, 64, 4)):
        cases += _layer(rows, units, inputs)
    for rows, units, inputs in ((256, 10, 784), (256, 1, 256), (1, 512, 784)):
        cases += _layer(rows, units, inputs, slow=True)
    return cases


def _activation_cases() -> list[Case]:
    cases = []
    rows, columns = 128, 512
    for kind in ("relu", "tanh", "sigmoid", "gelu", "elu", "softplus", "softmax"):
        for backward in (False, True):
            streams = 3 if backward else 2
            cases.append(
                Case(
                    "activation",
                    f"{kind} {'backward' if backward else 'forward'} {rows}x{columns}",
                    {"kind": kind, "rows": rows, "columns": columns, "backward": backward},
                    bytes=4.0 * streams * rows * columns,
                    working_set=4.0 * streams * rows * columns,
                    traffic="update",
                    slow=kind in ("sigmoid", "elu", "softplus"),
                )
            )
    return cases


def _loss_cases() -> list[Case]:
    cases = []
    for kind, logits, rows, columns in (
        ("sparse_categorical_crossentropy", True, 256, 10),
        ("categorical_crossentropy", True, 256, 1000),
        ("binary_crossentropy", True, 1024, 16),
        ("mean_squared_error", False, 1024, 1024),
        ("huber", False, 1024, 1024),
    ):
        streams = 2 if kind.startswith("sparse") else 3
        cases.append(
            Case(
                "loss",
                f"{kind} {rows}x{columns}",
                {"kind": kind, "from_logits": logits, "rows": rows, "columns": columns},
                bytes=4.0 * streams * rows * columns,
                working_set=4.0 * streams * rows * columns,
                traffic="update",
            )
        )
    return cases


#: Element-wise rules of the core, and how many slots each reads and writes.
_RULES = (
    ("sgd", 0),
    ("momentum", 1),
    ("adam", 2),
    ("amsgrad", 3),
    ("rmsprop", 1),
    ("adadelta", 2),
    ("adagrad", 1),
    ("adamax", 2),
    ("nadam", 2),
    ("ftrl", 2),
    ("lion", 1),
)


def _optimizer_cases() -> list[Case]:
    cases = []
    for n, what, slow in (
        (WORKS["mnist-mlp"].parameter_count, "mnist-mlp", False),
        (1 << 24, "2^24", True),
    ):
        for kind, slots in _RULES:
            cases.append(
                Case(
                    "optimizer",
                    f"{kind} {what} parameters",
                    {"kind": kind, "n": n},
                    bytes=4.0 * n * (3 + 2 * slots),
                    working_set=4.0 * n * (2 + slots),
                    traffic="update",
                    slow=slow or kind not in ("sgd", "momentum", "adam"),
                )
            )
    return cases


def _data_cases() -> list[Case]:
    return [
        Case(
            "data",
            "dropout 128x512",
            {"what": "dropout", "rate": 0.2, "rows": 128, "columns": 512},
            bytes=8.0 * 128 * 512,
            working_set=8.0 * 128 * 512,
            traffic="update",
        ),
        Case(
            "data",
            "shuffled batch 128x784",
            {"what": "gather", "rows": 128, "columns": 784},
            bytes=8.0 * 128 * 784,
            working_set=4.0 * 9 * 128 * 784,
            traffic="update",
        ),
    ]


def _more_layer_cases() -> list[Case]:
    return [
        Case(
            more_layers.SECTION,
            what,
            {"what": what},
            flops=2.0 * products,
            bytes=4.0 * numbers,
            working_set=4.0 * numbers,
            traffic="update",
            slow=place > 0,
        )
        for place, (what, (products, numbers)) in enumerate(more_layers.WORK.items())
    ]


def _tensor_cases() -> list[Case]:
    many = 10_000_000
    cases = []
    for label, what, shapes, result, slow in (
        ("add 4", "add", [(4,), (4,)], 4, False),
        ("add 10^7", "add", [(many,), (many,)], many, True),
        ("a * b + c 10^7", "chain", [(many,)] * 3, many, False),
        ("matrix + row 8192x1024", "add", [(8192, 1024), (1024,)], 8192 * 1024, False),
        ("exp 10^7", "exp", [(many,)], many, True),
        ("sum 10^7", "sum", [(many,)], 1, False),
        ("matmul 4x4", "matmul", [(4, 4), (4, 4)], 16, False),
    ):
        moved = 4.0 * (sum(math.prod(shape) for shape in shapes) + result)
        cases.append(
            Case(
                "tensor",
                label,
                {"what": what, "shapes": shapes},
                bytes=moved,
                working_set=moved,
                traffic="read" if what == "sum" else "update",
                slow=slow,
            )
        )
    return cases


def _training_cases() -> list[Case]:
    return [
        Case(
            section,
            work.name,
            {"work": work.name},
            flops=work.step_flops(),
            bytes=work.step_bytes(),
            working_set=work.step_working_set(),
            traffic="update",
            slow=work.name in ("wide", "seed-paddle"),
        )
        for section in ("step", "fit")
        for work in WORKS.values()
    ]


def _graph_cases() -> list[Case]:
    return [
        Case(
            "graph",
            work.name,
            {"work": work.name},
            flops=work.step_flops(),
            bytes=work.step_bytes(),
            working_set=work.step_working_set(),
            traffic="update",
            slow=work.name in ("two-towers-shared", "residual-blocks"),
        )
        for work in GRAPH_WORKS.values()
    ]


def _predict_cases() -> list[Case]:
    cases = []
    for name in ("rl-policy", "mnist-mlp"):
        work = WORKS[name]
        for rows, path in ((1, "core"), (1, "api"), (8192, "api")):
            where = " in C++" if path == "core" else ""
            cases.append(
                Case(
                    "predict",
                    f"{name} {rows} {'row' if rows == 1 else 'rows'}{where}",
                    {"work": name, "rows": rows, "path": path},
                    flops=work.predict_flops(rows),
                    bytes=work.predict_bytes(rows),
                    working_set=work.predict_bytes(rows),
                )
            )
    return cases


def _tape_cases() -> list[Case]:
    return [
        Case("tape", f"{links} links of 3 functions on {n}", {"links": links, "n": n}, slow=slow)
        for links, n, slow in ((10, 16, False), (10, 100000, True))
    ]


def _loop_cases() -> list[Case]:
    return [
        Case(
            "loop",
            name,
            {"work": name},
            flops=WORKS[name].step_flops(),
            bytes=WORKS[name].step_bytes(),
            working_set=WORKS[name].step_working_set(),
            traffic="update",
        )
        for name in ("rl-policy", "mnist-mlp")
    ]


def _start_cases() -> list[Case]:
    return [
        Case("start", "import, beside numpy", {"what": "import"}, slow=True),
        Case("start", "build and compile five layers", {"what": "build", "work": "mnist-mlp"}),
        Case("start", "first step rl-policy", {"what": "first", "work": "rl-policy"}),
        Case("start", "first step mnist-mlp", {"what": "first", "work": "mnist-mlp"}, slow=True),
    ]


def _part_cases() -> list[Case]:
    """A line for each class, and one to hold it against: the same without it."""
    import lamina

    cases = []
    for section, names, room, without in (
        ("layers", parts.LAYERS, lamina.layers, "Dense alone"),
        ("losses", parts.LOSSES, lamina.losses, ""),
        ("metrics", parts.METRICS, lamina.metrics, "mse alone"),
        ("optimizers", parts.OPTIMIZERS, lamina.optimizers, ""),
    ):
        if without:
            cases.append(Case(section, without, {"part": ""}, listed=True))
        for name in names:
            if hasattr(room, name.partition(",")[0]):
                label = f"Dense + {name}" if section == "layers" else name
                cases.append(Case(section, label, {"part": name}, listed=True))
    return cases


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    return [
        *_gemm_cases(),
        *_activation_cases(),
        *_loss_cases(),
        *_optimizer_cases(),
        *_data_cases(),
        *_more_layer_cases(),
        *_tensor_cases(),
        *_training_cases(),
        *_graph_cases(),
        *_predict_cases(),
        *_part_cases(),
        *_tape_cases(),
        *_loop_cases(),
        *_start_cases(),
    ]
