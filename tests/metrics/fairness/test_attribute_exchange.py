"""What a protected input of a person is exchanged for: values that there are and that can be."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.metrics.fairness.attribute_exchange import ExchangedAttribute

NAN = np.nan
SEX = Feature("sex", "Sex", "categorical", categories=tuple(Category(c, c) for c in "abc"))
SCHEMA = Schema(
    (
        Feature("age", "Age", "numeric", sensitive=True),
        SEX,
        Feature("years_employed", "Years employed", "numeric"),
    ),
    Target("y", "Y", ("no", "yes"), favourable=0),
    (Attribute("age", "Age", ("young", "old"), "age"), Attribute("sex", "Sex", ("a", "b"), "sex")),
    relations=("years_employed <= age",),
)
AGES = np.array([20.0, 24.0, 25.0, 29.0, 40.0, 50.0, 60.0])


def _train(sexes: list[float]) -> Split:
    inputs = np.column_stack([AGES, sexes, np.ones(len(AGES))])
    groups = {"age": (AGES >= 30).astype(np.int64), "sex": np.zeros(len(AGES), np.int64)}
    return Split(inputs, np.zeros(len(AGES), np.int64), np.arange(len(AGES)), groups)


def _asked(row: list[float], sexes: list[float], schema: Schema = SCHEMA) -> list[list[float]]:
    relations, own = Relations.of(schema), np.array(row)
    return [
        changed[0].tolist()
        for each in ExchangedAttribute.all_of(schema, _train(sexes))
        for changed in each.of(own, relations)
    ]


def test_a_number_is_exchanged_for_the_median_of_each_other_band_first() -> None:
    zeros = [0.0] * 7
    assert _asked([22.0, 0.0, 1.0], zeros) == [[50.0, 0.0, 1.0]]
    assert [changed[0] for changed in _asked([33.0, 0.0, 1.0], zeros)] == [50.0]  # nearer to young
    assert [changed[0] for changed in _asked([50.0, 0.0, 1.0], zeros)] in ([24.0], [25.0])


def test_a_number_is_exchanged_for_all_that_a_band_holds() -> None:
    age, _ = ExchangedAttribute.all_of(SCHEMA, _train([0.0] * 7))
    (old,) = age.of(np.array([22.0, 0.0, 1.0]), Relations.of(SCHEMA))
    assert old[:, 0].tolist() == [50.0, 40.0, 60.0]
    assert (old[:, 1:] == [0.0, 1.0]).all()


def test_the_exchanged_row_keeps_what_is_declared_of_rows() -> None:
    zeros = [0.0] * 7
    assert [changed[0] for changed in _asked([50.0, 0.0, 27.0], zeros)] == [29.0]
    assert _asked([50.0, 0.0, 35.0], zeros) == []


def test_categories_and_missing_values_are_asked_about_where_training_has_them() -> None:
    known = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    assert [changed[1] for changed in _asked([22.0, 0.0, 1.0], known)][1:] == [1.0]
    assert [changed[1] for changed in _asked([22.0, 2.0, 1.0], known)][1:] == [0.0, 1.0]
    assert [changed[1] for changed in _asked([22.0, NAN, 1.0], known)][1:] == [0.0, 1.0]
    values = [changed[1] for changed in _asked([22.0, 0.0, 1.0], [*known[:-1], NAN])][1:]
    assert values[0] == 1.0
    assert np.isnan(values[1])
    assert len(values) == 2


def test_nothing_is_exchanged_that_the_model_is_not_given() -> None:
    hidden = Schema(SCHEMA.features[2:], SCHEMA.target, SCHEMA.attributes)
    assert list(ExchangedAttribute.all_of(hidden, _train([0.0] * 7))) == []
