"""Rules on whether explainers point at what is known to make the label."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.explainer_verdicts import verdict_of
from deepseek_report.findings.records import by_explainer, explainer_label, rows
from deepseek_report.wording import estimates


def localisation(results: Results) -> list[Finding]:
    """Explainers whose attribution lies outside of the known truth, and those that hit it.

    Of a method whose attribution does not depend on the model, and of a model that is not shown to
    beat a constant, nothing is concluded: where the attribution lies then says nothing of use.
    """
    gains = telling_gains(results)
    hit = [score for score in gains if hits(score)]
    findings = [_missed(results, score) for score in gains if not hits(score)]
    return findings + ([_hit(results, hit)] if hit else [])


def telling_gains(results: Results) -> list[Score]:
    """The gains from which something may be concluded, the largest first."""
    gains = [
        score for score in by_explainer(results, "localisation_gain") if _tells(results, score)
    ]
    return sorted(gains, key=lambda score: -score.value)


def _tells(results: Results, gain: Score) -> bool:
    """Whether the gain was defined, and something may be concluded from where it lies."""
    use = verdict_of(results, gain.explainer).use
    return finite(gain.value) is not None and use not in {"nothing", "no_skill"}


def hits(gain: Score) -> bool:
    """Whether more of the attribution lies on the truth than chance would put there."""
    return estimates.ends(gain)[0] > 0


def _missed(results: Results, gain: Score) -> Finding:
    return Finding(
        id=f"localisation-{gain.explainer}",
        severity="medium",
        message="points_elsewhere",
        values=_values(results, gain) | {"away": gain.high is not None and gain.high < 0},
        evidence=(
            ArtifactId.measure("localisation", gain.explainer),
            ArtifactId.explanation(gain.explainer),
        ),
        section="trust",
    )


def _hit(results: Results, gains: list[Score]) -> Finding:
    return Finding(
        id="localisation-passed",
        severity="info",
        message="points_at_truth",
        values={"methods": [_values(results, score) for score in gains]},
        evidence=tuple(ArtifactId.measure("localisation", score.explainer) for score in gains),
        section="trust",
    )


def _values(results: Results, gain: Score) -> dict[str, Any]:
    """The share of the attribution on the truth, what chance gives, and the main player's share."""
    table = rows(results, "localisation", "localisation")
    mine = {row["measure"]: row for row in table if row["explainer"] == gain.explainer}
    mass, pointing = mine.get("relevance_mass"), mine.get("pointing_game")
    return {
        "explainer": explainer_label(results, gain.explainer),
        "gain": estimates.of_score(gain),
        "mass": estimates.of_row(mass, "value") if mass else None,
        "chance": finite(mass["chance"]) if mass else None,
        "pointing": estimates.of_row(pointing, "value") if pointing else None,
        "pointing_chance": finite(pointing["chance"]) if pointing else None,
    }
