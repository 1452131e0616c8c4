"""Names for types that the whole package uses."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

#: A NumPy array of any element type.
Array = npt.NDArray[Any]
#: A shape; layers leave the batch out of theirs.
Shape = tuple[int, ...]
#: A shape with the batch in front, where None stands for any size.
BatchShape = tuple["int | None", ...]
#: What `get_config` returns: plain data, ready for JSON.
Config = dict[str, Any]
