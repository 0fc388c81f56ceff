"""What swapping a sensitive input turns, and the parts of a gap, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.fairness.direct_use import DirectUse, split_gap
from deepseek_report.metrics.fairness.fairness_rows import GAP_PARTS
from tests import builders
from tests.builders import Answers, dataset, predictions

SEX, STAND_IN, SKILL = range(3)
Rule = Callable[[np.ndarray], np.ndarray]


def world(
    rule: Rule, *, is_read: bool = True, skill_gap: float = 0.0, labels_follow: bool = False
) -> MeasureContext:
    """2 000 people of two sexes; nine in ten have the stand-in of their sex."""
    rng = np.random.default_rng(3)
    n = 2000
    sex = rng.integers(0, 2, n)
    stand_in = np.where(rng.random(n) < 0.9, sex, 1 - sex)
    skill = rng.normal(size=n) - skill_gap * sex
    inputs = np.column_stack([sex, stand_in, skill]).astype(float)
    favoured = rule(inputs)
    labels = np.where(favoured if labels_follow else rng.random(n) < 0.5, 0, 1)
    sexes = (Category("0", "men"), Category("1", "women"))
    schema = Schema(
        (
            Feature("sex", "Sex", "categorical", categories=sexes, sensitive=True),
            Feature("job", "Job", "categorical", categories=sexes),
            Feature("skill", "Skill", "numeric"),
        ),
        Target("paid", "Paid", ("paid", "not paid"), favourable=0, explained=1),
        (Attribute("sex", "Sex", ("men", "women"), source="sex" if is_read else None),),
    )
    part = Split(inputs, labels, np.arange(n), {"sex": sex})
    classifier = Answers(lambda rows: np.where(rule(rows), 0.1, 0.9))  # the favourable is the first
    p = predictions(classifier.probabilities(inputs), part)
    data, nobody = dataset(schema, part), Cases(np.arange(1), {})
    return builders.context(
        data, classifier, predictions=p, validation_predictions=p, cases=nobody,
        background=inputs[:5],
    )  # fmt: skip


def measured(context: MeasureContext) -> tuple[dict, dict]:
    tables = DirectUse(n_resamples=200).measure(context).tables
    return tuple(tables[name].iloc[0].to_dict() for name in ("swaps", "split"))


def main_part(split: dict) -> str:
    """The part that makes nearly all of the gap; the others may be noise."""
    shares = {part: abs(split[part]) / abs(split["gap"]) for part in GAP_PARTS[1:]}
    largest = max(shares, key=lambda part: shares[part])
    assert shares[largest] > 0.85, shares
    assert all(share < 0.15 for part, share in shares.items() if part != largest), shares
    return largest


def test_a_model_that_decides_by_sex_alone_uses_it_directly() -> None:
    swaps, split = measured(world(lambda x: x[:, SEX] == 0))
    assert swaps["turned"] == 1.0
    assert main_part(split) == "direct"
    assert split["level"] == "women"


def test_a_model_that_decides_by_a_stand_in_uses_that() -> None:
    swaps, split = measured(world(lambda x: x[:, STAND_IN] == 0))
    assert swaps["turned"] == 0.0
    assert swaps["stand_ins"] == "Job"
    assert main_part(split) == "stand_ins"


def test_a_gap_that_the_labels_have_too_comes_from_them() -> None:
    _, split = measured(world(lambda x: x[:, SKILL] > 0, skill_gap=1.0, labels_follow=True))
    assert main_part(split) == "labels"


def test_half_of_a_gap_may_be_direct() -> None:
    swaps, split = measured(world(lambda x: x[:, SKILL] > 0.6 * (x[:, SEX] == 1), skill_gap=0.6))
    assert 0.15 < swaps["turned"] < 0.3
    assert split["direct_low"] < swaps["turned"] < split["direct_high"]
    assert 0.3 < split["direct"] / split["gap"] < 0.7


def test_the_parts_add_up_to_the_gap() -> None:
    context = world(lambda x: x[:, SKILL] + (x[:, STAND_IN] == 0) > 0.6 * x[:, SEX], skill_gap=0.4)
    _, split = measured(context)
    assert sum(split[part] for part in GAP_PARTS[1:]) == pytest.approx(split["gap"], abs=1e-12)
    p = context.predictions
    rates = [np.mean(p.decisions[p.groups["sex"] == sex] == 0) for sex in (0, 1)]
    assert split["gap"] == pytest.approx(rates[0] - rates[1])


def test_the_gap_is_that_of_everybody_however_few_are_asked_about() -> None:
    context = world(lambda x: x[:, SKILL] + (x[:, STAND_IN] == 0) > 0.6 * x[:, SEX], skill_gap=0.4)
    whole, few = (
        DirectUse(n_resamples=200, max_rows=rows).measure(context).tables["split"].iloc[0]
        for rows in (2000, 400)
    )
    for name in ("gap", "gap_low", "gap_high", "n"):
        assert few[name] == whole[name]
    assert (whole["n_asked"], few["n_asked"]) == (2000, 400)
    assert sum(few[part] for part in GAP_PARTS[1:]) == pytest.approx(few["gap"], abs=1e-12)
    assert few["direct_low"] < whole["direct"] < few["direct_high"]
    assert few["direct_high"] - few["direct_low"] > whole["direct_high"] - whole["direct_low"]


def test_what_the_model_is_not_given_it_does_not_use_directly() -> None:
    context = world(lambda x: x[:, STAND_IN] == 0, is_read=False)
    swaps, split = measured(context)
    assert not swaps["given"]
    assert (swaps["turned"], split["direct"]) == (0.0, 0.0)
    score = DirectUse(n_resamples=200).measure(context).scores[0]
    assert (score.metric, score.value, score.low) == ("decisions_turned", 0.0, None)


def test_too_few_people_with_a_label_give_no_split() -> None:
    first, labels = np.repeat([True, False], 30), np.ones(60, bool)
    assert split_gap(first, labels, np.zeros((60, 3)), 100, 0, least=5) is None


def test_parts_do_not_depend_on_the_order_of_the_people() -> None:
    rng = np.random.default_rng(5)
    first, labels = rng.random(200) < 0.4, rng.random(200) < 0.6
    decisions = (rng.random((200, 3)) < 0.5).astype(float)
    order = rng.permutation(200)
    splits = [
        split_gap(first[rows], labels[rows], decisions[rows], 100, 0, 5)
        for rows in (np.arange(200), order)
    ]
    values = [[getattr(split, part).value for part in GAP_PARTS] for split in splits]
    assert all(straight == pytest.approx(shuffled) for straight, shuffled in pairwise(values))


def split_slowly(first: np.ndarray, labels: np.ndarray, decisions: np.ndarray) -> list[float]:
    """The parts of the gap by their definition, person by person."""
    means, shares = np.zeros((2, 2, 3)), np.zeros((2, 2))
    for group, label in np.ndindex(2, 2):
        mine = [
            d
            for f, y, d in zip(first, labels, decisions, strict=True)
            if (f, y) == (not group, not label)
        ]
        sample = [d for d in mine if not np.isnan(d[2])]
        shares[group, label] = len(mine) / np.sum(first == (not group))
        as_they_are = np.mean([d[0] for d in mine])
        evened = as_they_are + np.mean([d[1] - d[0] for d in sample])
        means[group, label] = as_they_are, evened, evened + np.mean([d[2] - d[1] for d in sample])
    gaps = [sum(shares[0] * means[0, :, k]) - sum(shares[1] * means[1, :, k]) for k in range(3)]
    within = [sum((shares[0] + shares[1]) / 2 * (means[0] - means[1])[:, k]) for k in range(3)]
    return [gaps[0], gaps[0] - gaps[1], gaps[1] - within[1], within[1] - within[2], within[2]]


def partly_asked(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People of two groups, of whom a third were asked about."""
    first, labels = rng.random(n) < 0.4, rng.random(n) < 0.6
    as_they_are = rng.random(n) < 0.3 + 0.2 * first + 0.2 * labels
    evened = np.where(rng.random(n) < 0.2, ~as_they_are, as_they_are)
    exchanged = np.where(rng.random(n) < 0.2, ~evened, evened)
    decisions = np.column_stack([as_they_are, evened, exchanged]).astype(float)
    decisions[rng.permutation(n)[: 2 * n // 3], 1:] = np.nan
    return first, labels, decisions


def test_parts_of_a_gap_are_those_of_their_definition() -> None:
    people = partly_asked(np.random.default_rng(7), 300)
    split = split_gap(*people, 100, 0, 5)
    values = [getattr(split, part).value for part in GAP_PARTS]
    assert values == pytest.approx(split_slowly(*people))


def test_intervals_of_parts_are_as_wide_as_those_of_people_drawn_by_hand() -> None:
    first, labels, decisions = partly_asked(np.random.default_rng(8), 900)
    split = split_gap(first, labels, decisions, 2000, 0, 5)
    rng = np.random.default_rng(9)
    strata = 2 * first + np.isnan(decisions[:, 2])
    drawn = []
    for _ in range(200):
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(strata == s), (strata == s).sum()) for s in range(4)]
        )
        drawn.append(split_slowly(first[rows], labels[rows], decisions[rows]))
    for part, spread in zip(GAP_PARTS, np.std(drawn, axis=0), strict=True):
        low, high = getattr(split, part).ends
        assert (high - low) / 3.92 == pytest.approx(spread, rel=0.2), part
