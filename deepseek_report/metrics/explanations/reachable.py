"""The order of players that a search finds when it may ask the model at every step."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.explanations.curves import Mode, Perturbation


def greedy_order(replacing: Perturbation, mode: Mode) -> Ints:
    """Players in the order in which taking them away, or putting them back, moves the outcome most.

    Between two points of the curve as many players are taken as the curve takes there: those that
    move the outcome most alone, given all that were taken before. The area under its curve is a
    bound that can be reached, since it is that of an order; the best of all orders may lie a little
    beyond.

    Parameters
    ----------
    replacing : Perturbation
        Of the instances; it is asked about at most points × players rows for each of them.
    mode : str
        "deletion" or "insertion".

    Returns
    -------
    (instance, player) positions of players; those that are not there come last.
    """
    present = kind_of(replacing.schema).present(replacing.inputs)
    taken, step = np.zeros_like(present), np.full(present.shape, np.inf)
    for point in range(replacing.counts.shape[1] - 1):
        wanted = replacing.counts[:, point + 1] - replacing.counts[:, point]
        of, player = np.nonzero(present & ~taken & (wanted > 0)[:, None])
        if not len(of):
            continue
        changed = taken[of]
        changed[np.arange(len(of)), player] = True
        outcomes = np.full(present.shape, np.inf)
        sign = 1.0 if mode == "deletion" else -1.0
        kept = ~changed if mode == "deletion" else changed
        outcomes[of, player] = sign * replacing.outcomes(kept, of)
        place = np.argsort(np.argsort(outcomes, axis=1, kind="stable"), axis=1)
        chosen = place < wanted[:, None]
        step[chosen] = (point * present.shape[1] + place)[chosen]
        taken |= chosen
    return np.argsort(step, axis=1, kind="stable")
