"""What groups are called in the words of a config."""

from __future__ import annotations

import pytest

from deepseek_report.wording.words import CaseWords, wording

LABELS = {"applicant": "Applicant's status", "partner": "Partner's status"}
CONFIG = {
    "groups": {
        "applicant": {"employed": "employed applicants"},
        "partner": {"employed": "applicants with an employed partner"},
        "applicant × partner": {"employed × retired": "applicants who work beside a pensioner"},
        "under 25": "the young",
    }
}


def claim(worst: str, best: str, attribute: str) -> str:
    words = wording("en").for_cases({"group_names": CaseWords.of(CONFIG).group_names(LABELS)})
    parts = {"worst": worst, "best": best, "attribute": attribute}
    return words.text("findings.part_gap.claim", **parts, wrongly=None)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("Applicant's status", "employed applicants"),
        ("applicant", "employed applicants"),
        ("Partner's status", "applicants with an employed partner"),
    ],
)
def test_the_same_level_of_two_attributes_is_called_by_the_words_of_each(
    attribute: str, expected: str
) -> None:
    assert claim("employed", "retired", attribute) == (
        f"The model does worse for {expected} than for “retired”."
    )


def test_a_crossing_has_words_under_the_names_of_both() -> None:
    text = claim("employed × retired", "retired × retired", "Applicant's status × partner's status")
    assert "worse for applicants who work beside a pensioner than" in text


@pytest.mark.parametrize("attribute", ["Age band", "Partner's status"])
def test_a_level_without_an_attribute_is_called_so_of_any(attribute: str) -> None:
    assert "worse for the young than" in claim("under 25", "retired", attribute)


def test_levels_without_words_name_their_attribute_once() -> None:
    assert claim("retired", "ill", "Partner's status") == (
        "The model does worse for cases with partner's status “retired” than for “ill”."
    )
