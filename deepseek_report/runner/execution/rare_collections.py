"""Lets Python search seldom for what is not used any more, in every process that loads this.

By Python's own numbers a process searches a hundred times while it loads its libraries, and walks
through all of them again each time: a sixth of the time of a command, a fifth of that of drawing.
The process that all others are forked from can be told so only by a module that it loads. At its
end Python looks through everything once more, whatever it was told: for another fifth of a second,
before the system takes the memory back in any case.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects between two searches, and searches of the young and the older ones for one of all.
BETWEEN_COLLECTIONS = (200_000, 20, 100)

gc.set_threshold(*BETWEEN_COLLECTIONS)
atexit.register(gc.freeze)


@contextmanager
def without_collections() -> Iterator[None]:
    """Within it Python does not search: for work of seconds after which most is still in use."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
