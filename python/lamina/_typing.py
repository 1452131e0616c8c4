"""Names for types that the whole package uses."""

from __future__ import annotations

from typing import Any

import numpy as np

#: A NumPy array of any element type. (numpy.typing.NDArray, without the time to import it.)
Array = np.ndarray[tuple[Any, ...], np.dtype[Any]]
#: A shape; layers leave the batch out of theirs.
Shape = tuple[int, ...]
#: A shape with the batch in front, where None stands for any size.
BatchShape = tuple["int | None", ...]
#: What `get_config` returns: plain data, ready for JSON.
Config = dict[str, Any]
