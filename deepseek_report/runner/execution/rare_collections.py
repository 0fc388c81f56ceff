"""Lets Python search seldom for what is not used any more, in every process that loads this.

By Python's own numbers a process searches a hundred times while it loads its libraries, and walks
through all of them again each time: a sixth of the time of a command, a fifth of that of drawing.
The process that all others are forked from can be told so only by a module that it loads.
"""

from __future__ import annotations

import gc

#: New objects between two searches, and searches of the young and the older ones for one of all.
BETWEEN_COLLECTIONS = (200_000, 20, 100)

gc.set_threshold(*BETWEEN_COLLECTIONS)
