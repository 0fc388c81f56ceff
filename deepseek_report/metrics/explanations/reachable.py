"""The order of players that a search finds when it may ask the model at every step."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import MOST_CELLS
from deepseek_report.metrics.explanations.curves import Mode, Perturbation


def greedy_order(replacing: Perturbation, mode: Mode, looks: int | None = None) -> Ints:
    """Players in the order in which taking them away, or putting them back, moves the outcome most.

    Between two points of the curve as many players are taken as the curve takes there: those that
    move the outcome most alone, given all that were taken when that was last asked. The area under
    its curve is a bound that can be reached, since it is that of an order; the best of all orders
    may lie a little beyond.

    replacing : of the instances; it is asked about at most looks × players rows for each of them.
    mode : "deletion" or "insertion".
    looks : at how many points, spread evenly, what each player moves is asked anew; None: at all.

    Returns (instance, player) positions of players; those that are not there come last.
    """
    present = kind_of(replacing.schema).present(replacing.inputs)
    taken, step = np.zeros_like(present), np.full(present.shape, np.inf)
    moved = np.full(present.shape, np.inf)
    points = replacing.counts.shape[1] - 1
    anew = np.arange(0, points, max(1, -(-points // (looks or points))))
    for point in range(points):
        wanted = replacing.counts[:, point + 1] - replacing.counts[:, point]
        left = present & ~taken & (wanted > 0)[:, None]
        if point in anew:
            moved = _moved(replacing, mode, taken, present & ~taken)
        outcomes = np.where(left, moved, np.inf)
        place = np.argsort(np.argsort(outcomes, axis=1, kind="stable"), axis=1)
        chosen = place < wanted[:, None]
        step[chosen] = (point * present.shape[1] + place)[chosen]
        taken |= chosen
    return np.argsort(step, axis=1, kind="stable")


def _moved(replacing: Perturbation, mode: Mode, taken: Bools, tried: Bools) -> Floats:
    """(instance, player) the outcome with one more player taken, the better the less; infinite
    where it is not tried.
    """
    outcomes = np.full(taken.shape, np.inf)
    sign = 1.0 if mode == "deletion" else -1.0
    of, player = np.nonzero(tried)
    size = max(1, MOST_CELLS // taken.shape[1])
    for start in range(0, len(of), size):
        rows, one_more = of[start : start + size], player[start : start + size]
        changed = taken[rows]
        changed[np.arange(len(rows)), one_more] = True
        kept = ~changed if mode == "deletion" else changed
        outcomes[rows, one_more] = sign * replacing.outcomes(kept, rows)
    return outcomes
