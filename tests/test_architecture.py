"""The allowed arrows between the rooms of both languages, as docs/architecture.md draws them.

An arrow is an include or an import, wherever it stands: in C++ headers and sources; in Python at
the top of a module, inside a function, under TYPE_CHECKING, in a LazyModule. Arrows go down, and no
circle of files remains. `KNOWN_*` lists the arrows for which that does not hold yet: the lists may
only shrink, and an arrow that is allowed is no exception.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs" / "architecture.md"

# What each room of cpp/ may include. cuda/ takes the formulas of cpu/<family>/*.isa.h and of cpu/
# what works on users' arrays; devices/ is the one place that knows all implementations of Device.
NN = "nn/parameters nn/layers nn/graph nn/optimizers nn/training"
CPP_ROOMS: dict[str, str] = {
    "core": "",
    "io": "core",
    "numerics": "core",
    "device": "core numerics",
    "cpu": "core numerics device",
    "cuda": "core numerics device cpu",
    "devices": "core device cpu cuda",
    "nn/parameters": "core numerics device",
    "nn/layers": "core numerics device nn/parameters",
    "nn/graph": "core numerics device nn/parameters nn/layers",
    "nn/optimizers": "core numerics device nn/parameters nn/layers nn/graph",
    "nn/training": "core numerics device nn/parameters nn/layers nn/graph nn/optimizers",
    "ops": "core numerics device",
    "autograd": f"core numerics device ops {NN}",
    "bindings": f"core io numerics device cpu cuda ops autograd {NN}",
    "include": f"core io numerics device cpu ops autograd {NN}",
}

# The rooms of python/lamina, from the ground up: a room imports from lower floors only.
PYTHON_FLOORS: tuple[str, ...] = (
    "_core",
    "_checks _names _typing _lazy _dtypes _tensor_functions",
    "config _device _arrays registry distributed",
    "random _reduce",
    "tensor _eager",
    "variable graph",
    "autograd initializers constraints",
    "saving activations",
    "ops callbacks",
    "regularizers losses optimizers",
    "metrics data",
    "layers utils",
    "execution export",
    "training",
    "models",
    "ensembles sklearn backend",
    "lamina",
    "bench cli",
    "__main__",
)

#: Arrows that the rules do not allow, one by one: none may be here that is not needed any more.
KNOWN_CPP: tuple[tuple[str, str], ...] = ()

KNOWN_PYTHON: tuple[tuple[str, str], ...] = (
    ("_eager", "ops"),
    ("tensor", "ops"),
    ("graph.keras_tensor", "ops"),
    ("ops.symbolic", "ops"),
    ("saving.keras_model", "models.sequential"),
    ("saving.model_file", "models.sequential"),
    ("layers.building", "layers.layer"),
    ("layers.calling", "layers.layer"),
    ("layers.native", "layers.layer"),
    ("layers.symbolic", "layers.layer"),
    ("layers.weights", "layers.layer"),
    ("optimizers.apply", "optimizers.optimizer"),
)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one file (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(v: str) -> None:
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(graph.get(v, ())):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            at = stack.index(v)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return found


def graph_of(arrows: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for a, b in arrows:
        if a != b:
            graph.setdefault(a, set()).add(b)
            graph.setdefault(b, set())
    return graph


# C++


def cpp_room(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "nn" else parts[0]


def cpp_arrows() -> list[tuple[str, str]]:
    root = TOP / "cpp"
    include = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
    return sorted(
        (str(path.relative_to(root)), target)
        for path in root.rglob("*")
        if path.suffix in (".h", ".cpp", ".cu")
        for target in include.findall(path.read_text(encoding="utf-8"))
    )


def cpp_goes_up(a: str, b: str) -> bool:
    room, other = cpp_room(a), cpp_room(b)
    return room != other and other not in CPP_ROOMS[room].split()


def cpp_unit(name: str) -> str:  # a header and its source are one
    if name == "bindings/module.cpp":  # module.h declares what other files define
        return name
    return re.sub(r"(\.isa)?\.(h|cpp|cu)$", "", name)


def test_cpp_includes_go_down() -> None:
    up = [
        f"{a} includes {b}"
        for a, b in cpp_arrows()
        if cpp_goes_up(a, b) and (a, b) not in KNOWN_CPP
    ]
    assert not up, "\n".join(up)


def test_cpp_files_form_no_circle() -> None:
    arrows = [(cpp_unit(a), cpp_unit(b)) for a, b in cpp_arrows() if (a, b) not in KNOWN_CPP]
    assert circles(graph_of(arrows)) == []


def test_exceptions_of_cpp_are_needed() -> None:
    arrows = cpp_arrows()
    assert set(KNOWN_CPP) <= set(arrows)
    for known in KNOWN_CPP:
        rest = [arrow for arrow in arrows if arrow not in KNOWN_CPP or arrow == known]
        units = [(cpp_unit(a), cpp_unit(b)) for a, b in rest]
        assert cpp_goes_up(*known) or circles(graph_of(units)), known


# Python


def python_modules() -> dict[str, Path]:
    root = TOP / "python" / "lamina"
    modules = {"_core": root / "_core.pyi"}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name or "lamina"] = path
    return modules


def imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    def short(full: str) -> str | None:
        if full == "lamina":
            return "lamina"
        name = full.removeprefix("lamina.")
        return name if name != full and name in modules else None

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str | None] = []
        if isinstance(node, ast.Import):
            names = [short(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, (
                f"{path}: relative imports are not used"
            )
            names = [
                short(f"{node.module}.{alias.name}") or short(node.module) for alias in node.names
            ]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if called in ("LazyModule", "import_module"):
                names = [short(str(node.args[0].value))]
        yield from (name for name in names if name is not None)


def python_arrows() -> list[tuple[str, str]]:
    modules = python_modules()
    return sorted(
        {(a, b) for a, path in modules.items() for b in imported(path, modules) if a != b}
    )


FLOOR = {room: i for i, rooms in enumerate(PYTHON_FLOORS) for room in rooms.split()}


def python_goes_up(a: str, b: str) -> bool:
    room, other = a.split(".")[0], b.split(".")[0]
    return room != other and FLOOR[room] <= FLOOR[other]


def test_python_imports_go_down() -> None:
    up = [
        f"{a} imports {b}"
        for a, b in python_arrows()
        if python_goes_up(a, b) and (a, b) not in KNOWN_PYTHON
    ]
    assert not up, "\n".join(up)


def test_exceptions_of_python_are_needed() -> None:
    arrows = python_arrows()
    assert set(KNOWN_PYTHON) <= set(arrows)
    for known in KNOWN_PYTHON:
        rest = [arrow for arrow in arrows if arrow not in KNOWN_PYTHON or arrow == known]
        assert python_goes_up(*known) or circles(graph_of(rest)), known


def test_python_modules_form_no_circle() -> None:
    arrows = [arrow for arrow in python_arrows() if arrow not in KNOWN_PYTHON]
    assert circles(graph_of(arrows)) == []


def table(page: str, first: str) -> list[list[str]]:
    """The cells of a table of a page, without its head, that begins with a column of that name."""
    rows = page[page.index(f"\n| {first} |") :].split("\n\n", 1)[0].strip().splitlines()
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


@pytest.mark.skipif(not PAGE.exists(), reason="a source package has no pages")
def test_the_page_has_the_same_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rooms = {
        row[0].strip("`/"): set(row[2].strip("`|").replace("nn/*", NN).split())
        for row in table(page, "room")
    }
    assert rooms == {room: set(allowed.split()) for room, allowed in CPP_ROOMS.items()}
    there = {name.split(".")[0] for name in python_modules()}
    floors = [[room for room in rooms.split() if room in there] for rooms in PYTHON_FLOORS]
    listed = [row[0].strip("`").split() for row in table(page, "rooms of `python/lamina`")]
    assert listed == [rooms for rooms in floors if rooms]


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []
