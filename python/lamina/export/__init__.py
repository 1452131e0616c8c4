"""Models in the formats of others, for inference."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina._checks import unknown_name

_OF_KERAS = ("tf_saved_model", "openvino", "litert", "torch")


def export_model(model: Any, path: str, format: str) -> None:
    """Writes a model; see `Sequential.export`."""
    content = encode_model(model, format)
    _core.replace_file(path, content)


def encode_model(model: Any, format: Any) -> bytes:
    """The content of the file.

    Raises:
        NotImplementedError: For formats that only Keras has.
        ValueError: For unknown ones.
    """
    if format == "onnx":
        from lamina.export import onnx

        return onnx.encode(model)
    if format == "c":
        from lamina.export import c_source

        return c_source.encode(model)
    if format in _OF_KERAS:
        raise NotImplementedError(
            "export: this format is Keras' own; save the model as '.keras' and export it there. "
            f"Received: format={format!r}"
        )
    raise unknown_name("export format", format, ("c", "onnx"))
