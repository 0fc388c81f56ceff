"""The words of a kind of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KindWords:
    """What sentences need to know of a kind of data; `{nouns}` stands for several players.

    plural : what the data are ("texts"). instance : one input and several. place : one number of
        an input and several, where each alone is meant ("pixel", "pixels").
    player : what is taken away at once ("word"); `DataKind.noun` is the same for given data.
    group : several players that are taken away together, where they are many.
    alike : what players have in common that are halved last ("neighbours").
    substitute : what takes the place of a player ("the mask"); becomes : what the player then is.
    removed : the participle for that ("masked").
    baseline : the input in which everything is taken away.
    path : where a path of gradients starts, and what its points are.
    replaced : what replacing players means for the faithfulness of an explanation.
    nearest : how the nearest training cases are found.
    noise : what random errors were made, after "… test inputs were perturbed".
    shortcut : what to do where a place alone gives the label away.
    """

    plural: str
    instance: tuple[str, str]
    place: tuple[str, str]
    player: str
    group: tuple[str, str]
    alike: str
    substitute: str
    becomes: str
    removed: str
    baseline: str
    path: tuple[str, str]
    replaced: str
    nearest: str
    noise: str
    shortcut: str


def plural_of(noun: str) -> str:
    """`words`, `patches`: the regular plural of an English noun."""
    return noun + ("es" if noun.endswith("ch") else "s")
