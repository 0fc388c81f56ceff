"""What is expected of a model, and what an expert is asked: against planted behaviour."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from worlds import behaviour as worlds

from deepseek_report.artifacts.conclusions import Expectation, InputChange
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.data_kinds.input_changes import changed_inputs
from deepseek_report.data_kinds.row_conditions import ConditionError
from deepseek_report.metrics.behaviour.behaviour import Behaviour
from deepseek_report.metrics.behaviour.expected import misfits
from tests import builders
from tests.builders import Answers, laid_out


def test_a_turn_in_a_rare_range_is_asked_about_and_a_monotone_model_is_not() -> None:
    turned = [worlds.TableTrial(partial(worlds.turned, by=1.5))(seed) for seed in range(4)]
    kept = [worlds.TableTrial(worlds.truth)(seed) for seed in range(4)]
    assert all(("turn", "late") in seen.asked for seen in turned)
    assert not any(seen.asked for seen in kept)


def test_a_step_between_neighbouring_values_is_asked_about() -> None:
    seen = worlds.TableTrial(partial(worlds.stepped, by=1.5))(1)
    assert seen.asked == {("jump", "income")}


def test_a_declared_direction_is_broken_by_a_turn_alone_and_then_not_asked_about() -> None:
    broken = worlds.TableTrial(partial(worlds.turned, by=1.0), declared=True)(2)
    assert broken.broken
    assert not any(feature == "late" for _, feature in broken.asked)
    assert not worlds.TableTrial(worlds.truth, declared=True)(2).broken


def test_intervals_of_repeated_rows_are_those_of_the_entities() -> None:
    rng = np.random.default_rng(4)
    train = worlds.labelled(worlds.drawn(400, rng), worlds.truth, rng)
    test = worlds.labelled(worlds.drawn(60, rng), worlds.truth, rng)
    all_refused = Expectation("minimum", decision="no")

    def tables(copies: int) -> Any:
        parts = [
            replace(part.take(np.repeat(np.arange(len(part)), copies)), entities=owners)
            for part in (train, test)
            for owners in [np.repeat(np.arange(len(part)), copies)]
        ]
        dataset = Dataset(worlds.SCHEMA, parts[0], parts[1], parts[1], {})
        model = worlds.Stated(partial(worlds.turned, by=1.5))
        return worlds.measured(model, dataset, 0, (all_refused,), rows=600)

    own, copied = tables(1), tables(5)
    ends = ["low", "high"]
    np.testing.assert_allclose(copied["curves"][ends], own["curves"][ends], rtol=1e-9)
    for table in (own["expectations"], copied["expectations"]):
        assert 0 < table["broken"].iloc[0] < 1
    widths = [table["expectations"][ends].diff(axis=1)["high"] for table in (own, copied)]
    np.testing.assert_allclose(widths[1], widths[0], rtol=0.1)
    assert len(own["questions"]) == len(copied["questions"]) > 0
    for name in ("moved_points_low", "moved_points_high"):
        np.testing.assert_allclose(copied["questions"][name], own["questions"][name], rtol=1e-9)
    widths = [
        table["questions"]["observed_share_high"] - table["questions"]["observed_share_low"]
        for table in (own, copied)
    ]
    assert (widths[1] > 0.95 * widths[0]).all()


def test_another_word_must_not_count() -> None:
    assert worlds.WordTrial(0.6)(0).broken
    assert not worlds.WordTrial(0.0)(0).broken


CODED = Target("y", "y", ("no", "yes"), favourable=0, codes=("0", "1"))
TABLE = builders.table("owed", "paid", target=CODED, relations=("paid <= owed",))


#: Probability of “yes” that is the amount owed over 100, whatever is paid.
BY_OWED = Answers(lambda rows: np.clip(rows[:, 0] / 100, 0, 1), TABLE)


def measured(*expectations: Expectation) -> Any:
    rows = np.array([[float(k), min(float(k), 50.0)] for k in range(100)])
    rows[:4, 1] = 60.0  # four rows pay more than they owe
    part = Split(rows, (rows[:, 0] > 50).astype(np.int64), np.arange(100), {})
    data = builders.dataset(TABLE, part)
    return Behaviour().measure(builders.context(data, BY_OWED, expectations=expectations))


def test_each_expectation_is_counted_as_by_hand() -> None:
    result = measured(
        Expectation("minimum", where="owed < 60", decision="no"),
        Expectation("direction", columns=("owed",), outcome="yes", effect="lowers"),
        Expectation("direction", columns=("paid",), outcome="yes"),
        Expectation("invariance", columns=("paid",)),
        Expectation("invariance", columns=("owed",), change=InputChange(add=10.0)),
    )
    table = result.tables["expectations"]
    shares = table["broken"].tolist()
    assert shares[0] == pytest.approx(10 / 60)  # those who owe 50 to 59 of 60 people
    assert shares[1] == 1.0
    assert shares[2:4] == [0.0, 0.0]
    assert shares[4] == pytest.approx(10 / 100)  # those from 40 to 49 cross the threshold
    assert shares[5] == pytest.approx(4 / 100)  # the relation that the data declare
    assert table["n"].tolist() == [60, 100, 100, 100, 100, 300]
    assert table["held"].tolist() == [False, False, True, True, False, False]
    assert [score.value for score in result.scores] == [3.0]
    worst = result.tables["worst"]
    assert worst[worst["place"] == 0]["instance_id"].iloc[0] == 59
    assert not (worst["place"] == 5).any()


def test_the_worst_cases_name_the_class_of_their_probabilities() -> None:
    expectations = (
        Expectation("minimum", where="owed < 60", decision="no"),
        Expectation("direction", columns=("owed",), outcome="yes", effect="lowers"),
        Expectation("invariance", columns=("owed",), change=InputChange(add=10.0)),
    )
    worst = measured(*expectations).tables["worst"]
    first = worst.groupby("place").first()
    assert first["class"].tolist() == ["no", "yes", "yes"]
    np.testing.assert_allclose(first["before_share"], [0.5, 0.0, 0.41])
    np.testing.assert_allclose(first["after_share"], [0.41, 0.99, 0.51])


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        (Expectation("direction"), "needs `columns`"),
        (Expectation("direction", columns=("owd",)), "no column `owd`"),
        (Expectation("direction", columns=("owed",), outcome="maybe"), "no class `maybe`"),
        (Expectation("minimum", where="owed < 5"), "needs `decision`"),
        (Expectation("minimum", where="owes < 5", decision="no"), "no column `owes`"),
        (Expectation("relation", relation="paid <= due"), "is none"),
        (Expectation("invariance", change=InputChange(rotate=90)), "add, times"),
    ],
)
def test_what_does_not_fit_the_data_is_told(expectation: Expectation, says: str) -> None:
    rows = Split(np.zeros((1, 2)), np.zeros(1, np.int64), np.zeros(1, np.int64), {})
    assert any(says in problem for problem in misfits(expectation, TABLE, rows))


def test_codes_and_yaml_truths_name_classes() -> None:
    rows = Split(np.zeros((1, 2)), np.zeros(1, np.int64), np.zeros(1, np.int64), {})
    for name in ("yes", "1", 1, True):
        expectation = Expectation("direction", columns=("owed",), outcome=name)
        assert misfits(expectation, TABLE, rows) == []


def test_pictures_are_turned_and_moved_as_by_hand() -> None:
    schema = laid_out("image", 2, 2, 1)
    row = np.array([[1.0, 2.0, 3.0, 4.0]])  # 1 2 over 3 4
    none = np.zeros(0, np.int64)
    wanted = {
        InputChange(rotate=90): [2, 4, 1, 3],
        InputChange(rotate=180): [4, 3, 2, 1],
        InputChange(flip="horizontal"): [2, 1, 4, 3],
        InputChange(flip="vertical"): [3, 4, 1, 2],
        InputChange(shift=1): [1, 1, 3, 3],
    }
    for change, cells in wanted.items():
        assert changed_inputs(schema, row, change, none)[0].tolist() == cells
    with pytest.raises(ConditionError, match="square"):
        changed_inputs(laid_out("image", 1, 2, 1), row[:, :2], InputChange(rotate=90), none)


def test_a_series_is_shifted_and_ends_where_it_ended() -> None:
    schema = laid_out("series", 4, 1)
    row = np.array([[1.0, 2.0, 3.0, np.nan]])
    moved = changed_inputs(schema, row, InputChange(shift=1), np.zeros(0, np.int64))[0]
    np.testing.assert_array_equal(moved, [1, 1, 2, np.nan])
