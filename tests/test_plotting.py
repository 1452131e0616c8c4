"""Pictures of models show their layers and how they are connected."""

from __future__ import annotations

import builtins
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import lamina
from lamina import layers, ops, utils
from lamina.utils.diagram import Box, Diagram
from lamina.utils.layout import lay_out


def _chain(built: bool = True) -> Any:
    stack = [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(2)]
    return lamina.Sequential([*([lamina.Input((3,))] if built else []), *stack])


def _graph() -> Any:
    x, n = lamina.Input((4,), name="x"), lamina.Input((2,), dtype="int32", name="n")
    inside = lamina.Input((5,), name="inside")
    tower = lamina.Model(
        inside, layers.Add(name="sum")([inside, layers.Dense(5)(inside)]), name="t"
    )
    dense = layers.Dense(5, "relu", name="shared")
    joined = layers.Concatenate(name="join")(
        [tower(dense(x)), dense(x * 2.0), layers.Flatten()(layers.Embedding(9, 2)(n))]
    )
    return lamina.Model([x, n], [layers.Dense(1, name="head")(joined), joined])


def _arrows(dot: str) -> set[tuple[str, str]]:
    names = dict(re.findall(r'(n[\d_]+) \[label="([a-z]+)', dot))
    return {(names[a], names[b]) for a, b in re.findall(r"(n[\d_]+) -> (n[\d_]+);", dot)}


def test_text_for_graphviz(tmp_path: Path) -> None:
    picture = utils.plot_model(
        _chain(), tmp_path / "m.dot", show_shapes=True, show_dtype=True, show_layer_names=True,
        show_layer_activations=True, show_trainable=True, rankdir="LR",
    )  # fmt: skip
    text = picture.dot
    assert (tmp_path / "m.dot").read_text(encoding="utf-8") == text
    assert "(None, 3) → (None, 8)" in text and "activation: relu" in text
    assert text.count("->") == 3 and "rankdir=LR" in text and "trainable" in text


def test_arrows_are_those_of_the_graph() -> None:
    dot = utils.model_to_dot(_graph())
    assert _arrows(dot) == {
        *(("x", "shared"), ("x", "multiply"), ("multiply", "shared"), ("shared", "t")),
        *(("shared", "join"), ("t", "join"), ("n", "embedding"), ("embedding", "flatten")),
        *(("flatten", "join"), ("join", "head")),
    }
    nested = _arrows(utils.model_to_dot(_graph(), expand_nested=True))
    assert {("shared", "inside"), ("inside", "sum"), ("sum", "join")} <= nested
    assert utils.model_to_dot(_graph(), subgraph=True).startswith("subgraph")


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("nested", [False, True])
def test_pictures_without_anything_installed(direction: str, nested: bool, tmp_path: Path) -> None:
    picture = utils.plot_model(
        _graph(), tmp_path / "m.svg", show_shapes=True, show_layer_names=True, rankdir=direction,
        expand_nested=nested,
    )  # fmt: skip
    root = ET.fromstring((tmp_path / "m.svg").read_text(encoding="utf-8"))
    name = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in root.iter(f"{name}text")]
    assert "shared (Dense)" in texts and "(None, 5), (None, 5), (None, 4) → (None, 14)" in texts
    assert ("sum (Add)" in texts) == nested
    arrows = len(picture.diagram.arrows) + 3 * nested
    assert len(list(root.iter(f"{name}path"))) == len(list(root.iter(f"{name}polygon"))) == arrows
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in list(root.iter(f"{name}rect"))[1:]:
        x, y, w, h = (float(each.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width and 0 <= y <= y + h <= height
    assert picture._repr_svg_() == picture.svg


def test_boxes_do_not_overlap_and_arrows_go_forwards() -> None:
    diagram = Diagram("random")
    state = 1
    for place in range(40):
        sources = []
        for _ in range(min(place, 3)):
            state = state * 48271 % 2147483647
            sources.append(state % place)
        diagram.add(Box(["box" * (1 + state % 5)] * (1 + state % 3)), sources)
    for down in (True, False):
        layout = lay_out(diagram, down)
        for i, a in enumerate(layout.boxes):
            for b in layout.boxes[:i]:
                apart = (
                    a.x + a.width <= b.x + 1e-9 or b.x + b.width <= a.x + 1e-9
                    or a.y + a.height <= b.y + 1e-9 or b.y + b.height <= a.y + 1e-9
                )  # fmt: skip
                assert apart
        for points in layout.arrows:
            along = [point[1 if down else 0] for point in points]
            assert along == sorted(along)
        # No arrow goes through a box that it does not belong to.
        for (source, target), points in zip(diagram.arrows, layout.arrows, strict=True):
            for place, box in enumerate(layout.boxes):
                if place not in (source, target):
                    for x, y in points:
                        inside = box.x < x < box.x + box.width and box.y < y < box.y + box.height
                        assert not inside


def test_layers_that_run_before_and_after_others() -> None:
    x = lamina.Input((4,))
    first, second = layers.Dense(4, name="first"), layers.Dense(4, name="second")
    model = lamina.Model(x, first(second(first(second(second(x))))))
    picture = utils.plot_model(model, None, show_layer_names=True)
    assert _arrows(picture.dot) == {
        *(("input", "second"), ("second", "second"), ("second", "first")),
        ("first", "second"),
    }
    ways = [points[-1][1] - points[0][1] for points in picture.layout.arrows]
    assert sorted(way > 0 for way in ways) == [False, True, True]
    assert "3 calls" in picture.svg


class Chained(lamina.Model):
    """Its call is a graph."""

    def __init__(self, python: bool) -> None:
        super().__init__()
        self.hidden, self.head, self.python = layers.Dense(4), layers.Dense(2), python

    def call(self, inputs: Any) -> Any:
        x = self.hidden(inputs)
        if self.python and float(ops.sum(x)) > 1e9:
            return self.head(x * 2.0)
        return self.head(x)


def test_subclasses() -> None:
    for python, boxes in ((False, 3), (True, 1)):
        model = Chained(python)
        model.build((None, 3))
        assert len(utils.plot_model(model, None).diagram.boxes) == boxes


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="rankdir"):
        utils.plot_model(_chain(), None, rankdir="down")
    with pytest.raises(ValueError, match="not been built"):
        utils.plot_model(_chain(built=False), None)
    with pytest.raises(TypeError, match="layer_range"):
        utils.plot_model(_chain(), None, layer_range=[0, 1])  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="kind of picture"):
        utils.plot_model(_chain(), tmp_path / "m.bmp")
    load = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match="Graphviz"):
        utils.plot_model(_chain(), tmp_path / "m.png")
    assert not list(tmp_path.iterdir())


def test_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for direction in ("TB", "LR"):
        picture = utils.plot_model(
            _graph(), tmp_path / "m.png", show_shapes=True, rankdir=direction, expand_nested=True
        )
        shown = [t.get_text() for t in picture.figure().axes[0].texts]
        assert "Dense" in shown and "(None, 14) → (None, 1)" in shown
        assert (tmp_path / "m.png").read_bytes()[:4] == b"\x89PNG"
