"""Logs of epochs as a CSV file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, TextIO

from lamina.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes a line with the logs after each epoch.

    Args:
        filename: The file.
        separator: What stands between two values.
        append: Whether to go on with a file that is there rather than replace it.
    """

    prints = False

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: TextIO | None = None
        self._resume_at: int | None = None
        self._start = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh; the file is opened when there is something to write."""
        self._close()
        self.keys = None
        self._resume_at = None
        path = Path(self.filename)
        self._start = path.stat().st_size if self.append and path.exists() else 0

    def get_state(self) -> dict[str, Any]:
        """The columns and how long the file is."""
        if self._file is not None:
            size = self._file.tell()
        else:  # nothing written yet, which may be since a backup was taken up
            size = self._start if self._resume_at is None else self._resume_at
        return {"keys": self.keys, "size": size}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on with the file, without lines of epochs that are to be trained again."""
        self.keys = state["keys"]
        self._resume_at = state["size"]

    def _open(self) -> TextIO:
        path = Path(self.filename)
        size = self._start if self._resume_at is None else self._resume_at
        regular = path.is_file()  # rather than a pipe or a terminal
        file = path.open("r+" if regular else "w", newline="")
        if regular:
            file.truncate(size)
            file.seek(0, os.SEEK_END)
        if size == 0:
            csv.writer(file, delimiter=self.sep).writerow(["epoch", *(self.keys or [])])
        return file

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes a line."""
        logs = logs or {}
        if self.keys is None:
            keys = sorted(logs)
            # Epochs to come may be validated, if this one was not.
            validated = any(key.startswith("val_") for key in keys)
            self.keys = keys if validated else keys + [f"val_{key}" for key in keys]
        if self._file is None:
            self._file = self._open()
        row = [_cell(logs.get(key, "NA")) for key in self.keys]
        csv.writer(self._file, delimiter=self.sep).writerow([epoch, *row])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the file."""
        if self._file is None and self._resume_at is None and not self.append:
            Path(self.filename).write_text("")
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cell(value: Any) -> Any:
    """A value as it stands in a line; several numbers as a list."""
    several = getattr(value, "ndim", 0) or isinstance(value, (list, tuple))
    return f"[{', '.join(map(str, value))}]" if several else value
