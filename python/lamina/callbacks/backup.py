"""Training that survives a crash."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina import random as lamina_random
from lamina._typing import Array
from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.model_checkpoint import SaveFrequency
from lamina.callbacks.state import NotPlainError, pack, unpack

_FORMAT = "1"


class BackupAndRestore(Callback):
    """Keeps a backup, from which the same script goes on when it was killed and started again.

    The training that went on ends with the same bits as one that was never interrupted: the
    backup holds weights, the optimizer's state, the learning rate, seeds and counters, the place
    in the epoch's order, the sums of loss and metrics, the state of all other callbacks (see
    `Callback.get_state`), and the state of the generators of `random`, `numpy.random` and lamina.
    It is replaced in one step, so that there is a whole one at any moment.

    Data sets of lamina's own are taken up where they were. A Python generator is started anew and
    goes through the batches that were seen; so is each pass's start of other data sets, and
    `on_epoch_end` of a `PyDataset` is called as often as it was. Those must give the same
    batches when the script runs again.

    Args:
        backup_dir: The folder of the backup: one for each training.
        save_freq: "epoch", or after how many batches to save.
        double_checkpoint: Keep the backup before the last one too, and use it if the last one
            cannot be read.
        delete_checkpoint: Delete the backup when training has ended.

    Raises:
        ValueError: For no folder, an unknown frequency, and in training if the backup is of
            another model.

    Example:
        >>> keep = lamina.callbacks.BackupAndRestore("backup")
        >>> history = model.fit(x, y, epochs=3, callbacks=[keep], verbose=0)
    """

    runs_last = True
    prints = False

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed. Received: {backup_dir!r}")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = _checks.boolean(
            "BackupAndRestore", "double_checkpoint", double_checkpoint
        )
        self.delete_checkpoint = _checks.boolean(
            "BackupAndRestore", "delete_checkpoint", delete_checkpoint
        )
        self._initial: list[_State] = []
        self._frequency = SaveFrequency("BackupAndRestore", save_freq)
        self._path = Path(self.backup_dir) / "latest.safetensors"
        self._previous = Path(self.backup_dir) / "previous.safetensors"

    def wants_batches(self, kind: str) -> bool:
        """Only where `save_freq` counts batches."""
        return kind == "train" and self._frequency.batches is not None

    def get_state(self) -> dict[str, Any]:
        """The batches since the last backup."""
        return {"frequency": self._frequency.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._frequency.state = state["frequency"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Takes the training up, if there is a backup."""
        self._initial = [
            _State(callback.get_state(), f"callbacks/{place}")
            for place, callback in enumerate(self.model._trainer.fit_state.callbacks.callbacks)
        ]
        paths = [path for path in (self._path, self._previous) if path.exists()]
        for path in paths:
            try:
                tensors, metadata = _core.load_safetensors(path)
            except _core.FileFormatError:
                if path is paths[-1]:
                    raise
                continue
            self._restore(tensors, metadata, path)
            return

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves, if it is time."""
        if self._frequency.due(batch):
            self._save(self.model._trainer.fit_state.epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, if that is wanted after epochs."""
        if self._frequency.batches is None:
            self._save(epoch + 1, 0)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Deletes the backup."""
        if self.delete_checkpoint:
            self._previous.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it holds other files
                Path(self.backup_dir).rmdir()

    def _save(self, epoch: int, step: int) -> None:
        from lamina.saving.model_file import capture

        model = self.model
        fitting = model._trainer.fit_state
        tensors, metadata = capture(model)
        callbacks = []
        for place, callback in enumerate(fitting.callbacks.callbacks):
            state = _State(callback.get_state(), f"callbacks/{place}")
            own = type(callback).get_state is not Callback.get_state
            changed = list(state.packed) if own else state.changed_from(self._initial[place])
            for name in changed:
                tensors.update(state.tensors[name])
            callbacks.append([type(callback).__name__, {n: state.packed[n] for n in changed}])
        fit = {
            "epoch": epoch,
            "step": step,
            "passes": fitting.epochs.passes,
            "offset": fitting.epochs.offset,
            "seeds": fitting.epochs.seeds,
            "validation": getattr(fitting.validation, "position", None),
            "sums": model._trainer.ready().metrics.state() if step else None,
            "stop_training": bool(model.stop_training),
            "callbacks": callbacks,
            "generators": pack(_generators(), tensors, "generators"),
        }
        metadata["backup_version"] = _FORMAT
        metadata["fit"] = json.dumps(fit)
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._path.exists():
            spare = self._previous.with_suffix(".new")
            spare.unlink(missing_ok=True)
            os.link(self._path, spare)
            spare.replace(self._previous)
        _core.save_safetensors(self._path, tensors, metadata)

    def _restore(self, tensors: dict[str, Array], metadata: dict[str, str], path: Path) -> None:
        from lamina.saving.resume import restore_into

        model = self.model
        fitting = model._trainer.fit_state
        if metadata.get("backup_version") != _FORMAT:
            raise ValueError(
                f"BackupAndRestore: {path} is no backup of this version of lamina. "
                f"Received: backup_version={metadata.get('backup_version')!r}"
            )
        fit = json.loads(metadata["fit"])
        names = [type(callback).__name__ for callback in fitting.callbacks.callbacks]
        if names != [name for name, _ in fit["callbacks"]]:
            raise ValueError(
                f"BackupAndRestore: {path} was written by a training with other callbacks: "
                f"{[name for name, _ in fit['callbacks']]}. Use the same ones, or delete the "
                f"backup. Received: {names}"
            )
        try:
            restore_into(model, tensors, metadata)
        except _core.FileFormatError as error:
            raise ValueError(
                f"BackupAndRestore: {path} is a backup of another model. Delete it, or give each "
                f"training a `backup_dir` of its own. {error}"
            ) from error
        fitting.epochs.resume(fit["passes"], fit["offset"], fit["seeds"])
        if fit["validation"] is not None and hasattr(fitting.validation, "resume"):
            fitting.validation.resume(fit["validation"])
        for callback, (_, state) in zip(fitting.callbacks.callbacks, fit["callbacks"], strict=True):
            callback.set_state({name: unpack(v, tensors) for name, v in state.items()})
        model.stop_training = fit["stop_training"]
        fitting.epoch, fitting.step, fitting.sums = fit["epoch"], fit["step"], fit["sums"]
        _set_generators(unpack(fit["generators"], tensors))


class _State:
    """The parts of a callback's state that are plain data, packed."""

    def __init__(self, state: dict[str, Any], prefix: str) -> None:
        self.packed: dict[str, Any] = {}
        self.tensors: dict[str, dict[str, Array]] = {}
        for name, value in state.items():
            tensors: dict[str, Array] = {}
            try:
                self.packed[name] = pack(value, tensors, f"{prefix}/{name}")
            except NotPlainError:
                continue
            self.tensors[name] = {key: np.array(array) for key, array in tensors.items()}

    def changed_from(self, other: _State) -> list[str]:
        """The names of what is not as in `other`."""
        return [
            name
            for name, value in self.packed.items()
            if name not in other.packed
            or json.dumps(value) != json.dumps(other.packed[name])
            or any(
                array.tobytes() != other.tensors[name][key].tobytes()
                for key, array in self.tensors[name].items()
            )
        ]


def _generators() -> dict[str, Any]:
    """The state of all global generators."""
    legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - the user's may draw from it
    return {
        "python": random.getstate(),
        "numpy": legacy,
        "lamina": lamina_random.global_generator().state,
    }


def _set_generators(state: dict[str, Any]) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(state["numpy"])  # noqa: NPY002
    lamina_random.set_global_state(*state["lamina"])
