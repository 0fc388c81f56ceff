from __future__ import annotations

import pytest

from deepseek_report.wording import estimates


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Age band", "age band"),
        ("SHAP", "SHAP"),
        ("ROC AUC", "ROC AUC"),
        ("Brier score", "Brier score"),
        ("", ""),
        ("X", "x"),
    ],
)
def test_a_label_in_a_sentence_keeps_its_abbreviations(label, text):
    assert estimates.in_sentence(label) == text
