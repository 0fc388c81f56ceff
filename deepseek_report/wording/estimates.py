"""Estimates as findings and sections pass them on, and labels inside of sentences."""

from __future__ import annotations

from collections.abc import Mapping

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.score import Score


def of_score(score: Score) -> Estimate:
    """The estimate that a score holds."""
    return Estimate.of_score(score)


def of_row(row: Mapping[str, object], value: str, prefix: str | None = None) -> Estimate:
    """The estimate in a table's row: `value`, and `<prefix>_low` or `low`, likewise `high`."""
    low, high = ("low", "high") if prefix is None else (f"{prefix}_low", f"{prefix}_high")
    return Estimate.of(row.get(value), row.get(low), row.get(high), row.get("n"))


#: Names of people with which labels begin.
_PEOPLE = frozenset({"Brier"})


def in_sentence(label: str) -> str:
    """An English label inside a sentence, which is how names are stored: `Age band -> age band`.

    `SHAP`, `SmoothGrad`, `ROC AUC`, `R²`, `F1` and `Brier score` stay. Labels of the report's
    language: `Wording.inline`.
    """
    second, first_word = label[1:2], label.partition(" ")[0]
    stays = bool(second.strip() and not second.isalpha())
    stays |= any(letter.isupper() for letter in first_word[1:]) or first_word in _PEOPLE
    return label if stays else label[:1].lower() + label[1:]


def ends(score: Score) -> tuple[float, float]:
    """The interval of a score, or its value twice where it has none."""
    low, high = finite(score.low), finite(score.high)
    return (score.value if low is None else low), (score.value if high is None else high)


def positive(loss: Estimate, *, turn: bool) -> Estimate:
    """A loss told as a positive number, with its interval turned."""
    return loss.negated() if turn and loss.ends is not None else loss
