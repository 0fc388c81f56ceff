"""Lines of a stream as they come, and its inputs, outputs and reasons watched together."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.errors import DataError
from deepseek_report.extensions.live.drift_watch import DriftRow, DriftVerdict, DriftWatch, reasons
from deepseek_report.extensions.live.incoming_rows import LONGEST_LINE
from deepseek_report.extensions.live.open_stream import Idle, lines_of_file, lines_of_stream
from deepseek_report.extensions.live.scored_batches import ScoredBatch, fresh_lines
from deepseek_report.wording.words import wording

SCHEMA = Schema(
    (Feature("a", "income", "numeric"), Feature("b", "debt", "numeric")),
    Target("y", "y", ("no", "yes")),
)


def cases(n: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=(n, 2))
    values[:, 1] = correlation * values[:, 0] + np.sqrt(1 - correlation**2) * values[:, 1]
    return values


def answered(x: np.ndarray) -> Predictions:
    """By a model whose output hangs on the size of the product alone: turned, it is the same."""
    p = 1 / (1 + np.exp(-np.abs(x[:, 0] * x[:, 1])))
    decided, places = (p >= 0.5).astype(np.int64), np.arange(len(x))
    both = np.column_stack([1 - p, p])
    return Predictions(np.log(both), both, decided, places, decided, 0.5, "declared")


def added(x: np.ndarray) -> np.ndarray:
    """Attributions of a model with the term x₁x₂: half of it to each."""
    return np.tile((x[:, 0] * x[:, 1] / 2)[:, None], (1, 2))


def watched(after: float, batches: int = 30, explained: int = 10) -> list[DriftRow]:
    """The rows after a stream whose correlation is 0.8 at first, and another in its second half."""
    rng = np.random.default_rng(4)
    known = cases(400, 0.8, rng)
    watch = DriftWatch.of(SCHEMA, cases(800, 0.8, rng), known, [answered(known)], 1, added(known))
    rows: list[DriftRow] = []
    for number in range(1, batches + 1):
        batch = cases(50, after if number > batches // 2 else 0.8, rng)
        rows = watch.take(SCHEMA, batch, answered(batch), number, added(batch[:explained]))
    return rows


def test_reasons_that_turn_are_found_while_each_input_and_the_output_stay_as_they_were() -> None:
    rows = watched(-0.8)
    assert [row.role for row in rows] == ["output", "input", "input", "reason", "reason"]
    assert [row.verdict.drifted for row in rows] == [False, False, False, True, True]
    assert all(15 < row.verdict.since <= 20 for row in rows[3:] if row.verdict.since)


def test_reasons_that_stay_are_not_said_to_have_changed() -> None:
    assert not any(row.verdict.drifted for row in watched(0.8))


def test_without_explained_cases_no_reason_is_watched_and_a_batch_may_have_none() -> None:
    rng = np.random.default_rng(0)
    known = cases(100, 0.8, rng)
    parts = SCHEMA, known, known, [answered(known)], 1
    watch = DriftWatch.of(*parts)
    assert len(watch.take(SCHEMA, known, answered(known), 1)) == 3
    watch = DriftWatch.of(*parts, added(known))
    rows = watch.take(SCHEMA, known, answered(known), 1, np.zeros((0, 2)))
    assert [row.verdict.p_adjusted for row in rows if row.role == "reason"] == [1.0, 1.0]
    few = DriftWatch.of(*parts, np.zeros((0, 2)))
    assert few.take(SCHEMA, known, answered(known), 1, added(known))[-1].role == "reason"


def test_last_digits_of_attributions_are_no_drift() -> None:
    """Two values, computed in batches of another size: the same but for rounding."""
    rng = np.random.default_rng(3)
    known = cases(200, 0.8, rng)
    values = np.where(known > 0, 0.3, -0.2)
    watch = DriftWatch.of(SCHEMA, known, known, [answered(known)], 1, values)
    rows: list[DriftRow] = []
    for number in range(1, 21):
        batch = cases(50, 0.8, rng)
        own = np.where(batch > 0, 0.3, -0.2) + 1e-9
        rows = watch.take(SCHEMA, batch, answered(batch), number, own)
    assert not any(row.verdict.drifted for row in rows if row.role == "reason")


@pytest.mark.parametrize("input_drifts", [False, True])
def test_a_line_says_where_the_values_themselves_are_not_shown_to_drift(input_drifts: bool) -> None:
    rows = watched(-0.8)
    since = max(row.verdict.since or 0 for row in rows)
    moved = [
        replace(row, verdict=DriftVerdict(0.01, 1))
        if input_drifts and row.role == "input"
        else replace(row, verdict=DriftVerdict(0.01, since if row.role == "reason" else None))
        for row in rows
    ]
    lines = fresh_lines(ScoredBatch(SCHEMA, since, [], [], drift=moved), wording())
    assert len(lines) == 2
    assert "attribution to" in lines[0]
    assert "income" in lines[0]
    assert ("no drift is shown in its values" in lines[0]) != input_drifts


def test_a_reason_has_the_key_of_its_feature_and_a_name_of_its_own() -> None:
    quantity = reasons(np.array([[0.12344, 1.0]]), SCHEMA, 0.01)[0]
    assert quantity.key == "a"
    assert wording().say(quantity.label).startswith("attribution to")
    assert quantity.values == pytest.approx([0.12])


def test_a_line_is_taken_when_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,")
    lines = lines_of_file(path, follow=True)
    assert [next(lines), next(lines)] == [b"a,b\n", Idle()]
    with path.open("ab") as stream:
        stream.write(b"2\n3,4")
    assert [next(lines), next(lines)] == [b"1,2\n", Idle()]


@pytest.mark.parametrize("anew", ["shortened", "replaced"])
def test_a_file_that_is_begun_anew_is_read_from_its_start(tmp_path: Path, anew: str) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,2\n")
    lines = lines_of_file(path, follow=True)
    assert [next(lines) for _ in range(3)] == [b"a,b\n", b"1,2\n", Idle()]
    if anew == "replaced":
        (tmp_path / "other").write_bytes(b"c,d\n1,2\n")
        (tmp_path / "other").replace(path)
    else:
        path.write_bytes(b"c,d\n")
    assert [next(lines), next(lines)] == [Idle(restarted=True), b"c,d\n"]


def test_without_following_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,2")
    assert list(lines_of_file(path, follow=False)) == [b"a,b\n", b"1,2"]


def test_a_line_without_end_is_one_line_however_long() -> None:
    long = b"x" * (3 * LONGEST_LINE)
    first, last = lines_of_stream(io.BytesIO(long + b"\nnext\n"))
    assert len(first) == LONGEST_LINE + 1
    assert last == b"next\n"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        next(lines_of_file(tmp_path / "none.csv", follow=True))
