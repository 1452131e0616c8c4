"""Most of these files are of Keras, so nothing is collected where h5py is missing."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("h5py") is None:
    collect_ignore_glob = ["test_*.py"]
