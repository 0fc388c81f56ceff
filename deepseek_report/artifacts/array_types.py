"""Arrays by what they hold; their shapes stand where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Of classes or of numbers, as the target is.
Array = NDArray[Any]
