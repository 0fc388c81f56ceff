"""Combinations and ranges in which a class is frequent, where they are planted and where not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.failures import risk_windows
from deepseek_report.metrics.failures.risk_patterns import RiskPatterns
from deepseek_report.statistics.excess import scan_statistic
from tests import builders
from tests.builders import COLOURS, numeric, predictions
from tests.worded import refused, say

FEATURES = (
    *numeric("number_0", "number_1", "number_2", "number_3"),
    *(Feature(f"kind_{k}", f"kind {k}", "categorical", categories=COLOURS) for k in range(4)),
    Feature("sex", "sex", "categorical", categories=COLOURS, sensitive=True),
)
SCHEMA = Schema(FEATURES, Target("y", "y", ("fine", "faulty"), favourable=None, explained=1))


def inputs_of(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([rng.normal(size=(n, 4)), rng.integers(0, 3, (n, 5))]).astype(float)


def context_of(chances, seed: int = 0, n: int = 3000) -> MeasureContext:
    """Labels are drawn with chances that are a function of the inputs; the model states these."""
    rng = np.random.default_rng(seed)

    def split(n: int) -> Split:
        inputs = inputs_of(n, rng)
        labels = (rng.random(n) < chances(inputs)).astype(np.int64)
        return Split(inputs, labels, np.arange(n))

    train, test = split(n), split(n)
    p, data = predictions(chances(test.inputs), test), builders.dataset(SCHEMA, train, train, test)
    return builders.context(data, predictions=p, validation_predictions=p, cases=None, seed=seed)


def patterns(context: MeasureContext, **settings: int) -> pd.DataFrame:
    measured = RiskPatterns(**settings).measure(context)
    measured.typed(RiskPatterns.tables)
    return measured.tables["patterns"]


def planted(inputs: np.ndarray) -> np.ndarray:
    """70 % where four conditions are met, one more than a pattern may have; 12 % elsewhere."""
    met = (inputs[:, 0] > 0) & (inputs[:, 4] == 1) & (inputs[:, 5] == 2)
    return np.where(met & (inputs[:, 1] < 0.6745), 0.7, 0.12)


def test_where_nothing_tells_the_class_a_pattern_is_listed_in_at_most_one_of_twenty_worlds() -> (
    None
):
    def even(inputs: np.ndarray) -> np.ndarray:
        return np.full(len(inputs), 0.2)

    listed = [len(patterns(context_of(even, seed, n=1200))) > 0 for seed in range(60)]
    assert np.mean(listed) <= 0.1  # at most one of twenty worlds is expected to


def test_a_planted_combination_of_three_values_is_found_with_its_rates() -> None:
    def of_kinds(inputs: np.ndarray) -> np.ndarray:
        met = (inputs[:, 4] == 1) & (inputs[:, 5] == 2) & (inputs[:, 6] == 0)
        return np.where(met, 0.7, 0.12)

    for seed in range(4):
        table = patterns(context_of(of_kinds, seed))
        first = table.iloc[0]
        assert set(first["features"].split(", ")) == {"kind_0", "kind_1", "kind_2"}
        assert first["stated"] == pytest.approx(0.7)
        assert first["rate_low"] <= 0.7 <= first["rate_high"]
        assert first["share"] == pytest.approx(1 / 27, abs=0.02)
        assert len(table) == 1


def test_a_value_that_alone_raises_the_rate_is_told_without_further_conditions() -> None:
    def alone(inputs: np.ndarray) -> np.ndarray:
        return np.where(inputs[:, 4] == 1, 0.5, 0.1)

    counts = [len(patterns(context_of(alone, s)).iloc[0]["features"].split(", ")) for s in range(6)]
    assert np.mean(counts) <= 1.5


def test_the_intervals_hold_the_true_rate_although_the_best_was_searched_for() -> None:
    held = []
    for seed in range(25):
        context = context_of(planted, seed, n=2000)
        for _, row in patterns(context).iterrows():
            held.append(row["rate_low"] <= row["stated"] <= row["rate_high"])  # stated is true
    assert np.mean(held) >= 0.9


def test_protected_attributes_are_never_part_of_a_pattern() -> None:
    def by_sex(inputs: np.ndarray) -> np.ndarray:
        return np.where(inputs[:, 8] == 1, 0.6, 0.1)

    assert not patterns(context_of(by_sex))["features"].str.contains("sex").any()


def test_the_words_count_what_was_searched_and_confirmed_and_few_rows_are_refused() -> None:
    context = context_of(planted)
    measured = RiskPatterns().measure(context)
    assert f"{len(measured.tables['patterns'])} w" in say(measured.notes[0])
    with refused("no feature splits"):
        patterns(context_of(planted, n=60))


def test_of_many_classes_the_explained_one_is_looked_for() -> None:
    context = context_of(planted)
    target = replace(SCHEMA.target, classes=("fine", "faulty", "worn"))
    p = context.predictions
    third = replace(p, probabilities=np.column_stack([p.probabilities, np.zeros(len(p))]))
    dataset = replace(context.dataset, schema=replace(SCHEMA, target=target))
    table = patterns(replace(context, predictions=third, dataset=dataset))
    assert len(table)


# --- Ranges of parameters in which a class is frequent --------------------------------------------


TARGET = Target("fault", "fault", ("sound", "faulty"), explained=1)
MACHINES = Feature(
    "machine", "machine", "categorical", categories=tuple(Category(k, k) for k in "abc")
)
PARAMETERS = (
    *(Feature(f"p{j}", f"parameter {j}", "numeric", unit="bar") for j in range(6)),
    MACHINES,
    Feature("operator", "operator", "numeric", sensitive=True),
)


def data_of(values: np.ndarray, labels: np.ndarray) -> Any:
    parts = np.split(np.arange(len(values)), [len(values) // 2, 3 * len(values) // 4])
    splits = (Split(values[rows], labels[rows], rows) for rows in parts)
    return Dataset(Schema(PARAMETERS, TARGET), *splits, {})


def made(seed: int, n: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Values, and whether a row lies in the planted window: two ranges of some 6 % of the rows."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.normal(size=(n, 6)), rng.integers(0, 3, n), rng.normal(size=n)])
    return values, (np.abs(values[:, 2]) < 0.25) & (values[:, 4] > 0.6745)


def measured(values: np.ndarray, labels: np.ndarray, **settings: Any) -> Any:
    context: Any = SimpleNamespace(dataset=data_of(values, labels), seed=3)
    return (
        risk_windows.RiskWindows(**settings).measure(context).typed(risk_windows.RiskWindows.tables)
    )


def test_a_planted_window_is_listed_with_its_borders_and_what_is_counted_there() -> None:
    values, inside = made(1)
    labels = (np.random.default_rng(5).random(1500) < np.where(inside, 0.6, 0.02)).astype(int)
    measurement = measured(values, labels)
    first = measurement.tables["windows"].iloc[0]
    assert first["features"].split(", ") in (["p2", "p4"], ["p4", "p2"])
    assert "parameter 4 is above 0." in first["slice"]
    assert first["rate_low"] <= 0.6 <= first["rate_high"]
    assert first["overall"] == labels.mean()
    assert first["rows"] == 1500
    assert "1 was confirmed" in say(measurement.notes[0])


def test_cells_count_the_rows_of_the_other_half_and_keep_silent_of_few() -> None:
    values, inside = made(1)
    labels = (np.random.default_rng(5).random(1500) < np.where(inside, 0.6, 0.02)).astype(int)
    every = measured(values, labels, cell_size=2).tables["cells"]
    cells = measured(values, labels, cell_size=60).tables["cells"]
    assert every["n"].sum() in (748, 749, 750)  # of 750; cells of one row are empty
    assert cells["n"].sum() < 750
    assert (cells["n"][cells["n"] > 0] >= 60).all()
    assert cells["rate"][cells["n"] == 0].isna().all()
    assert every[every["inside"]]["rate"].min() > every[~every["inside"]]["rate"].max() / 2


def test_shuffled_labels_give_nothing_to_list() -> None:
    for seed in range(3):
        values, inside = made(seed, 800)
        labels = np.random.default_rng(seed).permutation(np.where(inside, 1, 0))
        measurement = measured(values, labels)
        assert measurement.tables["windows"].empty
        assert measurement.tables["cells"].empty


def test_a_category_is_told_by_its_name_and_what_is_protected_is_left_out() -> None:
    values, _ = made(2)
    rng = np.random.default_rng(0)
    by_machine = rng.random(1500) < np.where(values[:, 6] == 1, 0.5, 0.05)
    tables = measured(values, by_machine.astype(int)).tables
    assert tables["windows"].iloc[0]["slice"] == "machine is “b”"
    assert tables["cells"].empty
    by_operator = rng.random(1500) < np.where(values[:, 7] > 1, 0.5, 0.05)
    assert measured(values, by_operator.astype(int)).tables["windows"].empty


def test_one_range_is_mapped_beside_the_parameter_that_tells_most_of_its_rows() -> None:
    values, _ = made(4)
    chances = np.where(values[:, 1] > 1, 0.5, 0.05)
    labels = (np.random.default_rng(1).random(1500) < chances).astype(int)
    cells = measured(values, labels).tables["cells"]
    assert cells["across"].unique().tolist() == ["parameter 1"]
    assert cells["down"].iloc[0] != "parameter 1"
    assert cells.groupby("column")["inside"].nunique().max() == 1  # all along the other side


def test_the_range_that_is_found_is_the_best_of_all_ranges_of_one_parameter() -> None:
    rng = np.random.default_rng(8)
    values = np.sort(rng.normal(size=120))
    truths = rng.random(120) < np.where(np.abs(values - 0.3) < 0.3, 0.8, 0.1)
    quantities = kind_of(Schema(PARAMETERS[:1], TARGET)).parameters(values[:, None])
    search = risk_windows.WindowSearch(risk_windows.ParameterTable(quantities, truths), 8, 1)
    ((window,),) = list(search.parts(np.arange(120), 1))
    inside = window.holds(values)
    own = float(scan_statistic((inside & truths).sum(), inside.sum(), truths.sum(), 120))
    ends = 0.5 * np.log(120)
    slow = [
        float(scan_statistic(truths[i:j].sum(), j - i, truths.sum(), 120))
        - ends * ((i > 0) + (j < 120))
        for i, j in combinations(range(121), 2)
        if j - i >= 8
    ]
    assert own - ends * window.ends == pytest.approx(max(slow))


def test_series_and_images_have_parameters_and_texts_have_none() -> None:
    rows = np.random.default_rng(2).normal(size=(40, 12))

    def schema(modality: Any, shape: tuple[int, ...], channels: tuple[str, ...] = ()) -> Schema:
        features = tuple(Feature(f"c{j}", f"c{j}", "numeric") for j in range(12))
        players = tuple((j,) for j in range(12))
        names = tuple(f"part {j}" for j in range(12))
        return Schema(
            features, TARGET, layout=Layout(modality, shape, players, names, channels=channels)
        )

    image = schema("image", (4, 3, 1))
    bright, contrast, dark, *_ = kind_of(image).parameters(rows)
    assert (bright.label, dark.label) == ("brightness", "darkest pixel")
    assert np.allclose(bright.values, rows.mean(axis=1))
    assert np.allclose(contrast.values, rows.std(axis=1))
    series = schema("series", (6, 2), ("valve", "pump"))
    labels = [quantity.label for quantity in kind_of(series).parameters(rows)]
    assert labels[0] == "mean of valve"
    assert "largest step of pump" in labels
    text = schema("text", (12,))
    data: Any = SimpleNamespace(schema=text)
    with refused("no parameters of which ranges could be told"):
        risk_windows.parameters_of(data, Split(rows, np.zeros(40), np.arange(40)))


def test_a_border_has_as_few_digits_as_fit_between_two_values() -> None:
    for low, high in [(0.1, 0.4), (1e-9, 2e-9), (-5.2, -5.1), (99.999, 1234.5), (1.0, 1.0000001)]:
        assert low < risk_windows.shortest_between(low, high) < high
    assert risk_windows.shortest_between(99.999, 1234.5) == 1000


def test_missing_values_lie_in_no_range_and_the_other_class_can_be_looked_for() -> None:
    values, inside = made(6)
    values[::9, 4] = np.nan
    labels = (np.random.default_rng(5).random(1500) < np.where(inside, 0.1, 0.98)).astype(int)
    data = data_of(values, labels)
    target = replace(TARGET, explained=0)
    schema = replace(data.schema, target=target)
    context: Any = SimpleNamespace(dataset=replace(data, schema=schema), seed=3)
    first = risk_windows.RiskWindows().measure(context).tables["windows"].iloc[0]
    assert set(first["features"].split(", ")) == {"p2", "p4"}
    assert not risk_windows.Window(0, -np.inf, 1.0).holds(np.array([np.nan])).any()
