"""Every example of the docstrings and every snippet of the pages runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina

DOCS = Path(__file__).parent.parent / "docs"
#: Pages whose snippets run one after the other; of those that compare, the ones of lamina.
PAGES = [
    DOCS.parent / "README.md",
    *sorted(DOCS.glob("coming-from-*.md")),
    *(
        DOCS / f"{name}.md"
        for name in ("autograd", "functional", "subclassing", "tensors", "training-loops")
    ),
]
_SNIPPET = re.compile(
    r"^```(?:python|\{code-block\} python\n:caption: lamina)\n(.*?)^```$", re.M | re.S
)
_FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def _examples() -> list[doctest.DocTest]:
    found: dict[str, doctest.DocTest] = {}
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in pkgutil.walk_packages(lamina.__path__, "lamina."):
        if ".bench" in module.name or module.name.endswith("__main__"):
            continue
        for test in finder.find(importlib.import_module(module.name), module.name):
            if test.examples:
                found[test.name] = test
    for test in finder.find(lamina, "lamina", module=types.ModuleType("lamina")):
        if test.examples:
            found[test.name] = test
    return [found[name] for name in sorted(found)]


EXAMPLES = _examples()


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lamina.utils.clear_session()
    lamina.utils.set_random_seed(0)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_docstring(example: doctest.DocTest, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    y = np.arange(8) % 3
    model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    example.globs = {**example.globs, "np": np, "lamina": lamina, "model": model, "x": x, "y": y}
    report: list[str] = []
    doctest.DocTestRunner(optionflags=_FLAGS).run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def test_there_are_examples() -> None:
    names = {example.name for example in EXAMPLES}
    assert "lamina" in names and "lamina.models.model.Model.save" in names
    assert len(names) >= 25


@pytest.mark.skipif(not DOCS.exists(), reason="a source package has no pages")
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_page(page: Path) -> None:
    text = page.read_text()
    snippets = list(_SNIPPET.finditer(text))
    assert snippets
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for snippet in snippets:
        above = text.count("\n", 0, snippet.start(1))  # errors name the line of the page
        exec(compile("\n" * above + snippet[1], str(page), "exec"), namespace)


@pytest.mark.skipif(not DOCS.exists(), reason="a source package has no pages")
def test_every_page_is_listed() -> None:
    index = (DOCS / "index.md").read_text()
    for page in DOCS.glob("*.md"):
        assert page.stem == "index" or f"\n{page.stem}\n" in index, page.name
