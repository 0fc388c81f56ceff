"""The words of a kind of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KindWords:
    """What sentences need to know of a kind of data; `{nouns}` stands for several players.

    plural : what the data are ("texts"). instance : one input and several. place : one number of
        an input and several, where each alone is meant ("pixel", "pixels").
    player : what is taken away at once ("word"); `DataKind.noun` is the same for given data.
    becomes : what a player is that is taken away ("masked"). removed : the participle for that.
    baseline : the input in which everything is taken away.
    replaced : what replacing players means for the faithfulness of an explanation.
    nearest : how the nearest training cases are found.
    noise : what random errors were made, after "… test inputs were perturbed".
    """

    plural: str
    instance: tuple[str, str]
    place: tuple[str, str]
    player: str
    becomes: str
    removed: str
    baseline: str
    replaced: str
    nearest: str
    noise: str


def plural_of(noun: str) -> str:
    """`words`, `patches`: the regular plural of an English noun."""
    return noun + ("es" if noun.endswith("ch") else "s")
