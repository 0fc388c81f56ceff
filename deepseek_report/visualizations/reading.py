"""What several pictures read from the results, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.visualizations.labels import known
from deepseek_report.visualizations.style import CONTROL
from deepseek_report.wording.of_results import words_of

#: What the findings take as the limits: see `findings/explainers.py`.
_DEPENDS_ON_WEIGHTS, _GAP_ALLOWED = 0.5, 0.05

#: Gain in AUC from doubling the data that is worth collecting them for.
GAIN_WORTHWHILE = 0.005

if TYPE_CHECKING:
    import pandas as pd

    from deepseek_report.artifacts.predictions import PredictionSummary
    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.score import Score


def required(results: Results, metric: str, name: str) -> pd.DataFrame:
    """A table that a picture cannot do without.

    Raises
    ------
    ArtifactError : the metric was not measured, or has no such table.
    NotApplicableError : the table has no rows, so there is nothing to draw.
    """
    table = results.table(metric, name)
    if table is None:
        reason = words_of(results).say(results.why_missing(f"measures/{metric}"))
        raise ArtifactError(
            f"measures/{metric}: the table `{name}` is not there ({reason}); "
            f"add `{metric}` to the metrics, or leave this picture out"
        )
    if table.empty:
        notes = " ".join(results.notes(metric)) or "the metric found nothing to list"
        raise NotApplicableError(f"measures/{metric}: the table `{name}` has no rows: {notes}")
    return table.reset_index(drop=True)


def signed_explainers(results: Results) -> list[str]:
    """Those that say which way a feature pushes, without the control, in the order of the config.

    Raises
    ------
    NotApplicableError : no explainer of this run gives signed attributions.
    """
    names = [n for n, one in results.explanations.items() if n != CONTROL and one.signed]
    if not names:
        raise NotApplicableError(
            "no explainer of this run gives signed attributions; "
            "add one that does, such as `shap` or `integrated_gradients`"
        )
    return names


def leading(results: Results) -> str:
    """The signed explainer that passes most tests; among equals the largest gain over random.

    The tests are deletion against the control, and the randomisation of the model's weights: the
    rule of the findings, so that text and pictures speak of the same method.
    """
    return max(signed_explainers(results), key=lambda name: _merit(results, name))


def leading_for_cases(results: Results) -> str:
    """The explainer whose reasons are told case by case, the same as in the section "Cases".

    Those in the unit that people read, a probability or the predicted number, that beat a random
    order; among these, one that adds up goes first; without any, the leading one is taken.
    """
    fit = [
        name
        for name in signed_explainers(results)
        if results.explanations[name].output_space in {"probability", "value"}
        and _lowest(results.score("deletion_gain", explainer=name), 0.0) > 0
    ]
    if not fit:
        return leading(results)
    return max(fit, key=lambda name: (_adds_up(results, name), _merit(results, name)[1]))


def _merit(results: Results, name: str) -> tuple[int, float]:
    """How many tests an explainer passes, and its gain over random."""
    gain = results.score("deletion_gain", explainer=name)
    shuffled = results.score("randomisation_correlation", explainer=name)
    passed = (_lowest(gain, 0.0) > 0) + (_lowest(shuffled, 0.0) < _DEPENDS_ON_WEIGHTS)
    return passed, gain.value if gain is not None and known(gain.value) else 0.0


def _adds_up(results: Results, name: str) -> bool:
    gap = results.score("completeness_gap", explainer=name)
    return gap is not None and known(gap.value) and gap.value <= _GAP_ALLOWED


def _lowest(score: Score | None, missing: float) -> float:
    """The low end of a score's interval, its value where it has none, `missing` without a score."""
    if score is None or not known(score.value):
        return missing
    return score.low if score.low is not None and known(score.low) else score.value


def named_or(results: Results, explainer: str, choose: Callable[[Results], str]) -> str:
    """The explainer asked for, or the one that `choose` takes where none is named.

    Raises
    ------
    NotApplicableError : it is not among the explainers of this run.
    """
    if not explainer:
        return choose(results)
    if explainer in results.names("explanations"):
        return explainer
    there = ", ".join(results.names("explanations")) or "none"
    raise NotApplicableError(
        f"explainer `{explainer}` is not in this run (there: {there}); "
        "name one of these, or leave the field empty to take the one that does best in the tests"
    )


def operating_point(predicted: PredictionSummary) -> dict[str, float]:
    """Rates of the decisions as they are taken, the explained class being the one to find.

    Returns
    -------
    fpr : share of the other cases that are flagged; tpr : share of the class that is found;
    precision : share of the flagged that are right. NaN where there is nothing to count.
    """
    rates = predicted.about_explained
    return {"fpr": rates.flagged, "tpr": rates.found, "precision": rates.right}


def more_rows_help(gain: Score) -> bool | None:
    """Whether the last doubling of the rows paid; None where its interval leaves that open."""
    low = gain.value if gain.low is None else gain.low
    high = gain.value if gain.high is None else gain.high
    if low > 0 and gain.value >= GAIN_WORTHWHILE:
        return True
    return None if high > GAIN_WORTHWHILE else False
