"""ONNX Runtime: predictions of a graph of Gemm nodes."""

from __future__ import annotations

from typing import Any

from lamina.bench.contenders.contender import Contender, Loop, Timed, load
from lamina.bench.onnx_graph import encode_network
from lamina.bench.works import Work, make_weights

onnxruntime = load("onnxruntime")


class OnnxRuntime(Contender):
    """See the module."""

    packages = ("onnxruntime",)
    imports = "onnxruntime"

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Not reachable by themselves."""
        return None

    def predict(self, work: Work, x: Any) -> Timed | None:
        """A session with all optimisations, its outputs named beforehand."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        graph = encode_network(make_weights(work), work.activation)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        run, names, feed = session.run, ["y"], {"x": x}
        return Loop(lambda: run(names, feed))


def make(threads: int) -> OnnxRuntime:
    """See `lamina.bench.contenders.make`."""
    return OnnxRuntime(threads)
