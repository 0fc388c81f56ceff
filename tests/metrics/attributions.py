"""Attributions that a test sets, as the explanations of the first test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from tests.builders import explanation


def attributed(
    context: Any,
    method: str,
    values: np.ndarray,
    positions: np.ndarray | None = None,
    space: Any = "probability",
) -> Explanation:
    """By one method; values : (instance, feature), by default of the first instances."""
    positions = np.arange(len(values)) if positions is None else positions
    rows, names = context.dataset.test.inputs[positions], tuple(context.dataset.schema.names)
    places = {"positions": positions, "feature_names": names}
    return explanation(values, rows, method=method, output_space=space, **places)


def explained_by(context: Any, **values: np.ndarray) -> Any:
    """The context with such explanations by several methods, of which the first is the judged.

    They are compared with the typical row.
    """
    explanations = {name: attributed(context, name, own) for name, own in values.items()}
    first = next(iter(explanations.values()), None)
    return replace(context, explanations=explanations, explanation=first, question="baseline")
