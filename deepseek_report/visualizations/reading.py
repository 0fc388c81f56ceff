"""What several pictures read from the results, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.visualizations.labels import known
from deepseek_report.visualizations.style import CONTROL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from deepseek_report.artifacts.predictions import Predictions
    from deepseek_report.artifacts.results import Results


def required(results: Results, metric: str, name: str) -> pd.DataFrame:
    """A table that a picture cannot do without.

    Raises
    ------
    ArtifactError : the metric was not measured, or has no such table.
    NotApplicableError : the table has no rows, so there is nothing to draw.
    """
    table = results.table(metric, name)
    if table is None:
        reason = results.why_missing(f"measures/{metric}")
        raise ArtifactError(
            f"measures/{metric}: the table `{name}` is not there ({reason}); "
            f"add `{metric}` to the metrics, or leave this picture out"
        )
    if table.empty:
        notes = " ".join(results.notes(metric)) or "the metric found nothing to list"
        raise NotApplicableError(f"measures/{metric}: the table `{name}` has no rows: {notes}")
    return table.reset_index(drop=True)


def judged(results: Results) -> list[str]:
    """The explainers without the control, in the order of the config."""
    return [name for name in results.names("explanations") if name != CONTROL]


def most_faithful(results: Results) -> str:
    """The signed explainer that beats the control by most (deletion); else the first one.

    Raises
    ------
    NotApplicableError : no explainer of this run gives signed attributions.
    """
    signed = [name for name in judged(results) if results.explanations[name].signed]
    if not signed:
        raise NotApplicableError(
            "no explainer of this run gives signed attributions; "
            "add one that does, such as `shap` or `integrated_gradients`"
        )
    return max(signed, key=lambda name: _gain(results, name))


def _gain(results: Results, explainer: str) -> float:
    """How much better than the control it is at deletion; unknown counts as worst."""
    score = results.score("deletion_gain", explainer=explainer)
    return score.value if score is not None and known(score.value) else float("-inf")


def chosen(results: Results, explainer: str) -> str:
    """The explainer asked for, or the most faithful one where none is named.

    Raises
    ------
    NotApplicableError : it is not among the explainers of this run.
    """
    if not explainer:
        return most_faithful(results)
    if explainer in results.names("explanations"):
        return explainer
    there = ", ".join(results.names("explanations")) or "none"
    raise NotApplicableError(
        f"explainer `{explainer}` is not in this run (there: {there}); "
        "name one of these, or leave the field empty for the most faithful one"
    )


def operating_point(predictions: Predictions) -> dict[str, float]:
    """Rates of the decisions as they are taken, the explained class being the one to find.

    Returns
    -------
    fpr : share of the other cases that are flagged; tpr : share of the class that is found;
    precision : share of the flagged that are right. NaN where there is nothing to count.
    """
    flagged, truth = predictions.decisions == predictions.explained, predictions.truths
    return {
        "fpr": _share(flagged[~truth]),
        "tpr": _share(flagged[truth]),
        "precision": _share(truth[flagged]),
    }


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
