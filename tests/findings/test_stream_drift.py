"""Verdicts on drift: corrected for everything that is watched, and kept once they are found."""

from __future__ import annotations

from deepseek_report.findings.thresholds import drift_verdicts


def test_a_p_value_is_corrected_for_all_watched_quantities() -> None:
    alone, *_ = drift_verdicts([0.02], 4)
    among, *_ = drift_verdicts([0.02, 0.9, 0.9], 4)
    assert (alone.since, among.since) == (4, None)
    assert among.p_adjusted == 0.06


def test_what_was_found_once_stays_found_and_keeps_its_batch() -> None:
    first = drift_verdicts([0.001, 0.5], 3)
    later = drift_verdicts([0.001, 0.001], 7, first)
    assert [verdict.since for verdict in later] == [3, 7]
