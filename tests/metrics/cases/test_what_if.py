"""What the model would say of the shown cases if features were otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.what_if import WhatIf, WhatIfAnswers, set_points
from tests.builders import NUMBER, Answers, context, dataset, logistic, numbered, table

COLOURS = tuple(Category(name, name, documented=name != "?") for name in ("red", "blue", "?"))
FEATURES = (
    Feature("income", "Income", "numeric", unit="€", step=10, mutable=True),
    Feature("age", "Age", "numeric", sensitive=True),
    Feature("colour", "Colour", "categorical", categories=COLOURS, mutable=True),
    Feature("rest", "Rest", "numeric", mutable=False),
)
TWO = Target("y", "y", ("no", "yes"), favourable=1)


def product(rows: Any) -> Any:
    """An interaction of income and colour, and a little age; `rest` does nothing."""
    return rows[:, 0] * (1 + rows[:, 2]) + rows[:, 1] / 10


def chances(rows: Any) -> Any:
    return logistic((product(rows) - 100) / 50)


def part(n: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    inputs = np.column_stack(
        [rng.uniform(0, 200, n), rng.uniform(20, 60, n), rng.integers(0, 3, n), rng.normal(size=n)]
    )
    return Split(inputs, (inputs[:, 0] > 100).astype(np.int64), np.arange(n), {})


def measured_answers(target: Target = TWO, **settings: Any) -> tuple[Any, WhatIfAnswers, Split]:
    test = part(20, 1)
    model = Answers(product if target is NUMBER else chances, Schema(FEATURES, target))
    roles = {"wrong_against": 3, "nearest_threshold": 7}
    answers = answers_of(model, (part(300, 0), part(20, 2), test), roles, **settings)
    return model, answers, test


def answers_of(
    model: Answers, parts: tuple[Split, ...], roles: dict[str, int], **settings: Any
) -> WhatIfAnswers:
    cases, data = Cases(np.arange(5, 15), roles), dataset(model.schema, *parts)
    shown = context(data, model, predictions=None, cases=cases)
    return WhatIfAnswers.from_arrays(WhatIf(**settings).measure(shown).arrays)


@pytest.mark.parametrize("target", [TWO, NUMBER], ids=["classes", "number"])
def test_every_stored_answer_is_what_the_model_says(target) -> None:
    model, answers, test = measured_answers(target)
    rows = test.inputs[5 + answers.places]
    explained = target.explained
    for case, feature, point in np.argwhere(np.isfinite(answers.alone[..., 0])):
        row = rows[case].copy()
        row[answers.columns[feature]] = answers.points[feature, point]
        output = model.probabilities(row[None])[0, explained]
        assert answers.alone[case, feature, point, 0] == pytest.approx(output, abs=5e-5)
    for case, pair, a, b in np.argwhere(np.isfinite(answers.together[..., 0])):
        first, second = answers.pairs[case, pair]
        row = rows[case].copy()
        row[answers.columns[[first, second]]] = answers.grid[first, a], answers.grid[second, b]
        output = model.probabilities(row[None])[0, explained]
        assert answers.together[case, pair, a, b, 0] == pytest.approx(output, abs=5e-5)


def test_the_rows_that_the_model_evaluated_are_counted() -> None:
    model, answers, _ = measured_answers()
    assert answers.model_rows == model.calls > 100


def test_features_that_can_change_go_first_and_pairs_are_made_of_them() -> None:
    _, answers, _ = measured_answers()
    assert answers.can_move.tolist() == [True, True, False, False]
    assert set(answers.columns[:2]) == {0, 2}
    strongest = answers.columns[answers.pairs[0, 0]]
    assert set(strongest) == {0, 2}


def test_no_more_is_asked_than_is_set() -> None:
    _, answers, _ = measured_answers(most=2, points=3, strongest=0)
    assert answers.alone.shape[:3] == (2, 2, 3)
    assert not answers.pairs.size


def test_points_lie_on_the_step_within_the_usual_values() -> None:
    column = np.linspace(3, 997, 500)
    points = set_points(FEATURES[0], column, 9)
    assert 7 <= len(points) <= 9
    assert (points % 10 == 0).all()
    assert points.min() >= 0
    assert points.max() <= 1000


def test_categories_that_are_not_documented_are_not_set() -> None:
    column = np.array([0.0, 1, 1, 2, 2, 2])
    assert set_points(FEATURES[2], column, 9).tolist() == [0.0, 1.0]
    assert set_points(FEATURES[2], column, 1).tolist() == [1.0]


def test_a_column_without_any_value_has_no_points() -> None:
    assert not len(set_points(FEATURES[0], np.full(4, np.nan), 9))


def test_answers_survive_being_stored(tmp_path: Any) -> None:
    _, answers, _ = measured_answers()
    Measurement(arrays=answers.arrays()).save(tmp_path)
    again = WhatIfAnswers.from_arrays(Measurement.load(tmp_path).arrays)
    for name, value in vars(answers).items():
        assert np.array_equal(getattr(again, name), value, equal_nan=True), name


def test_the_context_is_the_usual_one() -> None:
    assert WhatIf.reads <= set(MeasureContext.__dataclass_fields__)


def test_of_many_features_that_can_change_those_are_tried_that_tell_most() -> None:
    schema = table(*numbered(300), target=TWO)
    inputs = np.random.default_rng(0).normal(size=(200, 300))

    def split(rows: slice) -> Split:
        chosen = inputs[rows]
        return Split(chosen, (chosen[:, 299] > 0).astype(np.int64), np.arange(len(chosen)), {})

    model = Answers(lambda rows: logistic(rows[:, 299]), schema)
    parts = (split(slice(0, 150)), split(slice(150, 170)), split(slice(170, 200)))
    answers = answers_of(model, parts, {"nearest_threshold": 3})
    assert answers.columns[0] == 299
    assert model.calls < 500
