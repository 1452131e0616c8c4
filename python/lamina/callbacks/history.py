"""What `fit` returns."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the logs of each epoch.

    Attributes:
        history: For each key ("loss", "accuracy", "val_loss", ...) a list with one number for
            each epoch.
        epoch: The epochs' numbers.
    """

    prints = False
    state_names = ("history", "epoch", "_places")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self._places: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self.history = {}
        self.epoch = []
        self._places = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the epoch's logs."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
            self._places.setdefault(key, []).append(epoch + 1)

    def plot(self, keys: Any = None, axes: Any = None, logarithmic: bool = False) -> Any:
        """Draws curves over the epochs, those of validation dashed; needs matplotlib.

        Args:
            keys: Which of `history`, without the prefix of validation; None draws all, each
                in a picture of its own.
            axes: Matplotlib axes to draw everything in; None makes a figure.
            logarithmic: Whether the values' axis is logarithmic.

        Returns:
            The figure.

        Raises:
            ImportError: Without matplotlib.
            ValueError: If nothing was trained, or for a key that is not there.
        """
        names = [key for key in self.history if not key.startswith("val_")]
        wanted = names if keys is None else [keys] if isinstance(keys, str) else list(keys)
        for key in wanted:
            if key not in self.history:
                raise ValueError(
                    f"History.plot: there are {sorted(self.history)}. Received: {key!r}"
                )
        if not wanted:
            raise ValueError("History.plot: there is nothing to draw. Received: an empty history")
        if axes is None:
            from matplotlib import figure as figures

            # A figure of its own leaves pyplot's state alone, and is drawn by notebooks.
            figure: Any = figures.Figure(figsize=(4.8 * len(wanted), 3.6), layout="constrained")
            places = figure.subplots(1, len(wanted), squeeze=False)[0]
        else:
            figure, places = axes.figure, [axes] * len(wanted)
        for key, place in zip(wanted, places, strict=True):
            line = place.plot(self._places[key], self.history[key], marker=".", label=key)[0]
            other = f"val_{key}"
            if other in self.history:
                values = self.history[other]
                place.plot(self._places[other], values, "--", color=line.get_color(), label=other)
            place.set_xlabel("epoch")
            if logarithmic:
                place.set_yscale("log")
            place.legend()
        return figure
