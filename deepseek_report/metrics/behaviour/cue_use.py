"""How much the answers of a model hang on a cue: the measure that no penalty has seen."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.data_kinds.cues import InputCue, changes, grid_of, wrong_way
from deepseek_report.tasks import task_of

#: A correction is to leave at most this share of the use; below `LEAST_USE` there is none to speak
#: of: half a point of a probability, or of the standard deviation of a number.
MOST_LEFT, LEAST_USE = 0.2, 0.005
#: How often the cue of each row is drawn anew, and what still counts as no movement.
_DRAWS, _TOLERANCE = 4, 0.01


def use_of(
    classifier: Classifier, rows: Floats, donors: Floats, cue: InputCue, labels: Array, seed: int
) -> Floats:
    """(row,) how far the answer moves when the cue is drawn anew, on average over draws.

    For classes half the sum of the differences of the probabilities, for a number the difference in
    standard deviations of the labels. Of a cue with a direction, 1 where the answer moves the wrong
    way by more than a hundredth between neighbouring quantiles of the column, else 0.

    Parameters
    ----------
    rows, donors : array
        (row, column) rows that are asked about, and those that cues are drawn from.
    labels : array
        (row,) labels of the training part, by which the movement of a number is divided.
    """
    spread = task_of(classifier.schema.target).spread(labels)
    if cue.direction:
        return _broken(classifier, rows, donors, cue, spread)
    rng = np.random.default_rng([seed, 77])
    answers = classifier.probabilities(rows)
    moved = np.zeros(len(rows))
    for _ in range(_DRAWS):
        redrawn = classifier.probabilities(cue.redrawn(rows, donors, rng))
        moved += changes(answers, redrawn, spread) / _DRAWS
    return moved


def _broken(
    classifier: Classifier, rows: Floats, donors: Floats, cue: InputCue, spread: float
) -> Floats:
    (column,) = cue.columns
    levels = grid_of(donors[:, column])
    explained = classifier.schema.target.explained
    answers = np.empty((len(rows), len(levels)))
    for place, level in enumerate(levels):
        moved = rows.copy()
        moved[:, column] = level
        outputs = classifier.probabilities(moved)
        answers[:, place] = outputs[:, explained if outputs.shape[1] > 1 else 0]
    worst = wrong_way(answers, cue.direction) / spread
    return (worst > _TOLERANCE).astype(np.float64)
