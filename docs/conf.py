"""Sphinx: `pip install -e ".[docs]" && sphinx-build -W docs build/docs`."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import lamina

project = "lamina"
author = "The lamina authors"
version = release = lamina.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # the pages link to files of the repository too
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"lamina {version}"
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "alphabetical"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def write_reference(app: Any) -> None:
    """One page for each public module, so that the reference cannot fall behind."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {
        name: f"lamina.{name}"
        for name in sorted(lamina.__all__)
        if isinstance(getattr(lamina, name), types.ModuleType)
    }
    for name, full in pages.items():
        # Without __all__ there is no telling what is imported for show and what for use.
        imported = "   :imported-members:\n" if hasattr(getattr(lamina, name), "__all__") else ""
        text = (
            f"# {full}\n\n```{{eval-rst}}\n.. automodule:: {full}\n   :members:\n{imported}"
            "   :undoc-members:\n```\n"
        )
        _write(folder / f"{name}.md", text)
    listed = "\n".join(pages)
    _write(folder / "index.md", f"# Reference\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n")


def _write(path: Path, text: str) -> None:
    """Only if it changed: Sphinx builds again what is newer."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def plain_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The docstrings are plain text with code in backticks; what else reST reads into it goes."""
    result: list[str] = []
    for line in lines:
        # Several arguments with one explanation may fill two lines.
        if result and re.fullmatch(r"\s+[\w*, ]+,", result[-1]):
            result[-1] = f"{result[-1]} {line.lstrip()}"
        else:
            result.append(line)
    code = False
    for index, line in enumerate(result):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if not code:
            start = re.match(r"\s*\**", line).end()  # napoleon itself knows `**options: ...`
            parts = re.split(r"(`+[^`]+`+)", line[start:])
            parts[::2] = [re.sub(r"[*|]", r"\\\g<0>", part) for part in parts[::2]]
            parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
            result[index] = line[:start] + "".join(parts)
    lines[:] = result


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", plain_text, priority=400)  # before napoleon
    app.connect("builder-inited", write_reference)
