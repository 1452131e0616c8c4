"""Data that come in batches: from arrays, files, generators and objects with indices."""

from lamina.data.dataset import Dataset
from lamina.data.py_dataset import PyDataset as PyDataset

__all__ = ["Dataset"]  # PyDataset is at home in lamina.utils


def __dir__() -> list[str]:
    return sorted(__all__)
