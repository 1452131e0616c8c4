"""Pictures of models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lamina._checks import unknown_name
from lamina.utils.diagram import Details, Diagram, diagram_of
from lamina.utils.layout import Layout, lay_out
from lamina.utils.rendering import dot_text, figure, svg_text

_ENDINGS = (".svg", ".dot", ".png", ".pdf", ".jpg", ".jpeg")


class Picture:
    """A drawn model: notebooks show it.

    Args:
        diagram: What is drawn.
        layout: Where its boxes lie.
        dot: The text for Graphviz.
    """

    def __init__(self, diagram: Diagram, layout: Layout, dot: str) -> None:
        self.diagram, self.layout = diagram, layout
        #: The text for Graphviz.
        self.dot = dot

    @property
    def svg(self) -> str:
        """The picture as the text of an SVG file."""
        return svg_text(self.layout)

    def figure(self) -> Any:
        """The picture as a figure of matplotlib; ImportError without it."""
        return figure(self.layout)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture of model '{self.diagram.name}', {len(self.diagram.boxes)} boxes>"


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Picture:
    """Draws a model: a box for each layer and function, and arrows for what they take.

    ".svg" and ".dot" files need nothing else. Others are drawn by Graphviz' program `dot` if it
    is installed, else by matplotlib.

    Args:
        model: A model, built. The `call` of a subclass is drawn as what it calls, or as one box
            if it does more than call layers and functions.
        to_file: Where to: ".svg", ".dot", ".png", ".pdf" or ".jpg". None writes nothing.
        show_shapes: Show the shapes that go in and out.
        show_dtype: Show the type that a layer computes in.
        show_layer_names: Show the layers' names.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: Draw the layers of models inside the model.
        dpi: Dots an inch, of pictures made of dots.
        show_layer_activations: Show activation functions.
        show_trainable: Show whether training changes a layer with weights.
        splines: How Graphviz draws arrows, such as "ortho" or "curved".

    Returns:
        The picture, which notebooks show: its `svg` and `dot` are texts.

    Raises:
        ImportError: If the file needs Graphviz or matplotlib and there is neither.
        ValueError: For a model that is not built, an unknown direction or kind of file.

    Example:
        >>> x = lamina.Input((4,))
        >>> y = lamina.layers.Dense(2)(x)
        >>> picture = lamina.utils.plot_model(lamina.Model(x, y), None, show_shapes=True)
        >>> "(None, 4) → (None, 2)" in picture.svg
        True
    """
    details = Details(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    path = None if to_file is None else os.fspath(to_file)
    ending = "" if path is None else Path(path).suffix.lower()
    if path is not None and ending not in _ENDINGS:
        raise unknown_name("kind of picture", ending, _ENDINGS)
    _check_direction(rankdir)
    diagram = diagram_of(model, details)
    picture = Picture(
        diagram, lay_out(diagram, rankdir == "TB"), dot_text(diagram, rankdir, splines, dpi)
    )
    if path is not None:
        _write(picture, path, ending, dpi)
    return picture


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> str:
    """A model in the language of Graphviz, as `plot_model` draws it.

    Args:
        model: As for `plot_model`, and so are the others.
        show_shapes: Show shapes.
        show_dtype: Show types.
        show_layer_names: Show names.
        rankdir: "TB" or "LR".
        expand_nested: Draw the layers of models inside.
        dpi: Dots an inch.
        subgraph: Whether it is a part of another graph: a cluster.
        show_layer_activations: Show activation functions.
        show_trainable: Show what is trained.
        splines: How arrows are drawn.

    Returns:
        The text (Keras returns an object of pydot: `pydot.graph_from_dot_data` makes one).

    Raises:
        ValueError: As for `plot_model`.
    """
    _check_direction(rankdir)
    details = Details(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    return dot_text(diagram_of(model, details), rankdir, splines, dpi, subgraph)


def _check_direction(rankdir: str) -> None:
    if rankdir not in ("TB", "LR"):
        raise unknown_name("`rankdir`", rankdir, ("TB", "LR"))


def _write(picture: Picture, path: str, ending: str, dpi: int) -> None:
    if ending in (".dot", ".svg"):
        text = picture.dot if ending == ".dot" else picture.svg
        Path(path).write_text(text, encoding="utf-8")
        return
    import shutil

    program = shutil.which("dot")
    if program is not None:
        import subprocess

        command = [program, f"-T{ending[1:]}", "-o", path]
        subprocess.run(command, input=picture.dot.encode(), check=True)
        return
    try:
        drawn = picture.figure()
    except ImportError:
        raise ImportError(
            f"plot_model: '{ending}' files need Graphviz (its program `dot`) or matplotlib; "
            "'.svg' and '.dot' files need neither."
        ) from None
    drawn.savefig(path, dpi=dpi)
