"""Logs for TensorBoard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.event_file import EventFile, histogram_value, scalar_value, text_value


class TensorBoard(Callback):
    """Writes logs, and histograms of the weights, for TensorBoard. Needs no TensorFlow.

    Training goes to the folder "train" and validation to "validation", with the names that Keras
    gives: "epoch_loss", "batch_loss", "evaluation_loss_vs_iterations".

    Args:
        log_dir: The folder.
        histogram_freq: After how many epochs to write histograms of the weights; 0 for never.
        write_graph: Write the model's layers once (the "Graphs" tab's conceptual graph).
        write_images: Not supported: False only.
        write_steps_per_second: Write how many batches a second were trained.
        update_freq: "epoch"; or "batch" or a number, after how many batches to write as well.
        profile_batch: Not supported: 0 only.
        embeddings_freq: Not supported: 0 only.
        embeddings_metadata: Not supported: None only.

    Raises:
        NotImplementedError: For what is not supported.
    """

    prints = False

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        where = "TensorBoard"
        _checks.require_default(
            where,
            write_images=write_images,
            profile_batch=profile_batch or None,
            embeddings_freq=embeddings_freq or None,
            embeddings_metadata=embeddings_metadata,
        )
        self.log_dir = str(log_dir)
        self.histogram_freq = _checks.integer(where, "histogram_freq", histogram_freq or 0, low=0)
        self.write_graph = _checks.boolean(where, "write_graph", write_graph)
        self.write_steps_per_second = _checks.boolean(
            where, "write_steps_per_second", write_steps_per_second
        )
        self.update_freq: int | str = "epoch"
        if update_freq != "epoch":
            every = 1 if update_freq == "batch" else update_freq
            self.update_freq = _checks.integer(where, "update_freq", every, low=1)
        self._files: dict[str, EventFile] = {}
        self._batches = self._evaluations = 0
        self._training = False
        self._epoch_start = (0.0, 0)

    def wants_batches(self, kind: str) -> bool:
        """Only where batches are to be written, or a subclass looks at them."""
        if kind == "train" and type(self) is TensorBoard:
            return self.update_freq != "epoch"
        return super().wants_batches(kind)

    def get_state(self) -> dict[str, Any]:
        """How many batches and evaluations were written."""
        return {"batches": self._batches, "evaluations": self._evaluations}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from there, in new files."""
        self._batches, self._evaluations = state["batches"], state["evaluations"]

    def _file(self, name: str) -> EventFile:
        if name not in self._files:
            self._files[name] = EventFile(Path(self.log_dir) / name, ".v2")
        return self._files[name]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self._training = True
        self._batches = 0
        if self.write_graph:
            self._file("train").add(
                0, [text_value("keras", "graph_keras_model", self.model.to_json())]
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the files."""
        self._training = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes the time."""
        self._epoch_start = time.perf_counter(), int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Writes a batch's logs, if it is time."""
        if isinstance(self.update_freq, int):
            if self._batches % self.update_freq == 0:
                values = [scalar_value(f"batch_{k}", v) for k, v in (logs or {}).items()]
                self._file("train").add(self._batches, values)
            self._batches += 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the epoch's logs, and histograms if it is time."""
        logs = {"learning_rate": float(self.model.optimizer.learning_rate), **(logs or {})}
        if self.write_steps_per_second:
            start, before = self._epoch_start
            steps = int(self.model.optimizer.iterations) - before
            logs["steps_per_second"] = steps / max(time.perf_counter() - start, 1e-9)
        sides: dict[str, list[bytes]] = {"train": [], "validation": []}
        for key, value in logs.items():
            side = "validation" if key.startswith("val_") else "train"
            sides[side].append(scalar_value(f"epoch_{key.removeprefix('val_')}", value))
        for side, values in sides.items():
            if values:
                self._file(side).add(epoch, values)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            histograms = [histogram_value(f"{v.path}/histogram", v.numpy()) for v in self._weights]
            self._file("train").add(epoch, histograms)
        for file in self._files.values():
            file.flush()

    @property
    def _weights(self) -> list[Any]:
        return list(self.model.weights)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Writes the results of an evaluation of its own."""
        if self._training:
            return
        step = int(self.model.optimizer.iterations) or self._evaluations
        self._evaluations += 1
        values = [scalar_value(f"evaluation_{k}_vs_iterations", v) for k, v in (logs or {}).items()]
        self._file("validation").add(step, values)
        self._close()

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}
