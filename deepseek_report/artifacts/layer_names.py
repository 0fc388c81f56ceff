"""Names of layers as people read them, from the names that a module's code gives."""

from __future__ import annotations

import re

_STACKS = {"layers": "layer", "blocks": "block"}
#: Names at the start of a path that say only that a network is inside of a module.
_WRAPPERS = frozenset({"net", "model"})
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def layer_name(path: str) -> str:
    """`net.model.layers.0.experts_norm` as `layer 1, experts norm`; numbers count from 1."""
    words: list[str] = []
    parts = path.split(".")
    while len(parts) > 1 and parts[0] in _WRAPPERS and not parts[1].isdigit():
        parts = parts[1:]
    for part in parts:
        if part.isdigit() and words:
            words[-1] = f"{_STACKS.get(words[-1], words[-1])} {int(part) + 1}"
        else:
            words.append(part.replace("_", " "))
    return ", ".join(words)


def layer_kind(name: str) -> str:
    """The class of a layer in words: `SparseExperts` as `sparse experts`, `GELU` as it is."""
    return " ".join(
        word if word.isupper() else word.lower() for word in _CAPITALS.sub(" ", name).split()
    )
