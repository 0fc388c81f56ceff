"""Lists of rules: what they say, how people edit them, and that they come back as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.row_conditions import read_condition
from deepseek_report.data_kinds.rule_lists import (
    RuleEdit,
    RuleList,
    RuleListSize,
    RuleTargets,
    ValueSet,
    WeightedRule,
    conditions_as_sets,
)
from deepseek_report.errors import ConfigError

COLOURS = tuple(Category(code, name) for code, name in (("r", "red"), ("R", "Rose"), ("b", "blue")))
MONTHS = tuple(Category(str(k), f"{k} months") for k in range(4))
SCHEMA = Schema(
    (
        Feature("amount", "Amount", "numeric", unit="€"),
        Feature("late", "Months late", "ordinal", categories=MONTHS),
        Feature("colour", "Colour", "categorical", categories=COLOURS),
        Feature("age", "Age", "numeric"),
    ),
    Target("y", "Y", ("no", "yes"), 0, 1),
)
SIZE = RuleListSize(8, 3)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    rng = np.random.default_rng(0)
    n = 600
    columns = [rng.uniform(0, 10, n), rng.integers(0, 4, n), rng.integers(0, 3, n)]
    inputs = np.column_stack([*columns, rng.normal(40, 9, n)]).astype(float)
    inputs[::11, 0] = np.nan
    inputs[::13, 2] = np.nan
    return inputs


@pytest.fixture(scope="module")
def targets(inputs) -> RuleTargets:
    """Likely where amount is over 6 and the colour is blue."""
    likely = (inputs[:, 0] > 6) & (inputs[:, 2] == 2)
    happened = np.random.default_rng(1).random(len(inputs)) < np.where(likely, 0.9, 0.2)
    return RuleTargets(happened[:, None].astype(float), "logit", ("yes",))


@pytest.fixture(scope="module")
def rules(inputs, targets) -> RuleList:
    return RuleList.fit(SCHEMA, inputs, targets, SIZE, 0)


def test_the_planted_rule_leads_the_list_in_words(rules) -> None:
    first = rules.rules[0]
    assert first.weights[0] > 1
    words = first.in_words(SCHEMA)
    assert words.startswith("Amount is over €\u00a06")
    assert words.endswith("and Colour is “blue”")
    assert [rule.number for rule in rules.rules] == list(range(1, len(rules.rules) + 1))
    assert all(len(rule.sets) <= 3 for rule in rules.rules)


def test_the_same_rows_give_the_same_list_and_it_comes_back_from_plain_data(
    rules, inputs, targets
) -> None:
    assert RuleList.fit(SCHEMA, inputs, targets, SIZE, 0) == rules
    assert RuleList.from_json(json.loads(json.dumps(rules.to_json())), SCHEMA) == rules


def test_outputs_are_the_base_and_the_points_of_the_rules_that_hold(rules, inputs) -> None:
    expected = [
        rules.base[0] + sum(rule.weights[0] for rule in rules.rules if rule.holds(row[None])[0])
        for row in inputs[:50]
    ]
    np.testing.assert_allclose(rules.outputs(inputs[:50])[:, 0], expected)


def test_terms_of_features_add_up_to_the_output(rules, inputs) -> None:
    values, base = rules.terms(inputs, np.array([-1.0]))
    np.testing.assert_allclose(values.sum(1) + base, -rules.outputs(inputs)[:, 0])


def test_the_conditions_of_a_rule_share_its_points_as_all_orders_say(inputs) -> None:
    sets = conditions_as_sets("amount > 3 and late < '2 months' and age > 45", SCHEMA, "")
    rule = WeightedRule(1, sets).with_shares(inputs)
    met = np.stack([part.holds(inputs) for part in sets], axis=1)
    expected = np.zeros(met.shape)
    for order in permutations(range(3)):
        known = np.tile(np.array(rule.shares), (len(inputs), 1))
        for place in order:
            before = known.prod(axis=1)
            known[:, place] = met[:, place]
            expected[:, place] += (known.prod(axis=1) - before) / 6
    np.testing.assert_allclose(rule.shapley(inputs), expected, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "amount <= 5", "amount > 2 and amount < 5", "not amount > 3", "amount == 3",
        "amount >= 2.5 and colour == blue", "late > '1 months' and not colour == Rose",
        "colour in [b, Rose]", "not colour in [b]", "amount is missing", "amount is not missing",
        "amount <= 5 or amount is missing", "late == '2 months' or late is missing",
        "(amount > 1 and late < '3 months') and amount < 9", "not (amount < 2 or amount > 7)",
    ],
)  # fmt: skip
def test_declared_conditions_hold_where_their_text_does(inputs, text: str) -> None:
    sets = conditions_as_sets(text, SCHEMA, "model.edits[0]")
    tried = np.vstack([inputs, [[value, 2, 1, 40] for value in (2, 2.5, 3, 5, 7, 9)]])
    rows = Split(tried, np.zeros(len(tried), np.int64), np.arange(len(tried)), {})
    expected = read_condition(text).holds(SCHEMA, rows)
    holds = np.all([part.holds(tried) for part in sets], axis=0)
    np.testing.assert_array_equal(holds, expected)
    assert all(part.in_words(SCHEMA.features[part.feature]) for part in sets)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("amount < 2 or late == '1 months'", "write two rules instead of `or`"),
        ("amount != 3", "one stretch of values"),
        ("amount < age", "compared with another column|several features"),
        ("amount > 5 and amount < 2", "no value meets them"),
        ("amountt > 5", "did you mean `amount`"),
        ("amount >", "should stand where"),
        ("amount < inf", "not finite"),
    ],
)
def test_conditions_that_are_no_rule_are_refused_with_what_to_do(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        conditions_as_sets(text, SCHEMA, "model.edits[2]")


def test_edits_keep_the_numbers_of_all_other_rules_and_the_points_that_are_declared(
    rules, inputs, targets
) -> None:
    edits = [
        RuleEdit(rule=2, remove=True),
        RuleEdit(rule=3, weight=-0.4),
        RuleEdit(add="late > '2 months' and amount < 5", weight=0.5),
        RuleEdit(add="age < 30"),
    ]
    edited = RuleList.fit(SCHEMA, inputs, targets, SIZE, 0, edits)
    n = len(rules.rules)
    assert [rule.number for rule in edited.rules] == [1, *range(3, n + 3)]
    by_number = {rule.number: rule for rule in edited.rules}
    assert by_number[3].weights == (-0.4,)
    assert by_number[n + 1].weights == (0.5,)
    assert by_number[n + 2].weights[0] != 0
    assert {rule.number for rule in edited.rules if rule.edited} == {3, n + 1, n + 2}
    assert by_number[4].sets == rules.rules[3].sets


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([RuleEdit(rule=99, remove=True)], r"no rule 99[^\n]*\n    1: Amount is "),
        ([RuleEdit(rule=1, remove=True), RuleEdit(rule=1, weight=1.0)], "edited twice"),
        ([RuleEdit(rule=1, weight={"perhaps": 1.0})], "no points for “perhaps”, only for “yes”"),
    ],
)
def test_an_edit_of_what_there_is_not_says_what_there_is(inputs, rules, edits, reason) -> None:
    with pytest.raises(ConfigError, match=reason):
        rules.edited(edits, inputs)


def test_with_several_classes_points_are_declared_by_class(inputs) -> None:
    values = np.eye(3)[inputs[:, 1].astype(int) % 3]
    targets = RuleTargets(values, "softmax", ("a", "b", "c"))
    size = RuleListSize(3, 1)
    with pytest.raises(ConfigError, match="name them one by one"):
        RuleList.fit(SCHEMA, inputs, targets, size, 0, [RuleEdit(rule=1, weight=1.0)])
    edit = RuleEdit(rule=1, weight={"b": 1.5})
    edited = RuleList.fit(SCHEMA, inputs, targets, size, 0, [edit])
    assert edited.rules[0].weights[1] == 1.5
    assert edited.rules[0].weights[0] != 0


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (RuleEdit(), "either a `rule`"),
        (RuleEdit(rule=1, add="a < 2"), "either a `rule`"),
        (RuleEdit(rule=1), "either `remove: true` or a `weight`"),
        (RuleEdit(rule=1, remove=True, weight=1.0), "either `remove: true` or a `weight`"),
        (RuleEdit(add="a < 2", remove=True), "`add` and `remove`"),
        (RuleEdit(add="a <"), "should stand where"),
        (RuleEdit(rule=1, weight=float("nan")), "no finite number"),
    ],
)
def test_an_edit_that_contradicts_itself_is_a_problem(edit: RuleEdit, reason: str) -> None:
    assert reason in (edit.problem() or "")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (ValueSet(0, low=20_000.0, high=50_000.0), "Amount is over €\u00a020\u202f000, up to €"),
        (ValueSet(0, 2.0, 5.0, low_in=True, high_in=False), "Amount is from €\u00a02, below €"),
        (ValueSet(0, high=3.0, missing=True), "Amount is up to €\u00a03, or missing"),
        (ValueSet(0, low=9.0, high=1.0, missing=True), "Amount is missing"),
        (ValueSet(1, levels=(2, 3)), "Months late is over “1 months”"),
        (ValueSet(2, levels=(0, 2)), "Colour is not “Rose”"),
        (ValueSet(2, levels=(1,)), "Colour is “Rose”"),
        (ValueSet(2, levels=(0, 1, 2)), "Colour is known"),
    ],
)  # fmt: skip
def test_conditions_are_worded_as_people_read_them(part: ValueSet, words: str) -> None:
    assert part.in_words(SCHEMA.features[part.feature]).startswith(words)


def test_a_missing_value_goes_where_training_rows_without_it_went(inputs) -> None:
    missing = np.isnan(inputs[:, 0])
    targets = RuleTargets(missing[:, None].astype(float), "logit", ("yes",))
    rules = RuleList.fit(SCHEMA, inputs, targets, RuleListSize(2, 1), 0)
    assert (rules.outputs(inputs)[:, 0] > 0).tolist() == missing.tolist()
    never = replace(SCHEMA.features[0], name="never", label="Never missing")
    schema = Schema((never, *SCHEMA.features[1:]), SCHEMA.target)
    filled = np.where(missing[:, None] & (np.arange(4) == 0), 5.0, inputs)
    other = RuleTargets((filled[:, :1] > 6).astype(float), "logit", ("yes",))
    rules = RuleList.fit(schema, filled, other, RuleListSize(2, 1), 0)
    assert not rules.fires(np.array([[np.nan, 1, 1, 40]]))[:, 0].any()


def test_a_table_that_tells_nothing_and_a_list_without_rules_are_a_constant(
    rules, inputs, targets
) -> None:
    flat = np.tile(np.array([5.0, 1.0, 1.0, 40.0]), (len(inputs), 1))
    constant = RuleList.fit(SCHEMA, flat, targets, SIZE, 0)
    edits = [RuleEdit(rule=rule.number, remove=True) for rule in rules.rules]
    emptied = RuleList.fit(SCHEMA, inputs, targets, SIZE, 0, edits)
    rate = targets.values.mean()
    for each in (constant, emptied):
        assert each.rules == ()
        np.testing.assert_allclose(each.outputs(inputs[:3]), np.log(rate / (1 - rate)), atol=1e-4)
