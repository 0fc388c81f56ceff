"""The rules that leave the house decide as the model does, whatever the columns are called."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.cli.dispatch import run as command
from deepseek_report.data_kinds.rule_lists import RuleList, ValueSet, WeightedRule
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.exports import rule_exports
from deepseek_report.extensions.exports.exported_run import ExportedRun

#: Names that would end a name, a text, a line, a comment or a statement of SQL.
AMOUNT = 'a"; DROP TABLE cases; --\n*/ 金额'
COLOUR = "o'Brien's\r\ncolour; `x` \u2028 y"
CLASSES = ("it's\nno", "yes'; DROP TABLE cases; --", "第三")
CODES = ("r'; --", '"g"', "蓝")
LATE = tuple(Category(code, code) for code in ("-1", "0", "7"))
SCHEMA = Schema(
    (
        Feature(AMOUNT, AMOUNT, "numeric", unit="€\n--"),
        Feature(COLOUR, COLOUR, "categorical", categories=tuple(Category(c, c) for c in CODES)),
        Feature("score", "Late", "ordinal", categories=LATE),
    ),
    Target("y", "Y", CLASSES[:2], 0, 1),
)  # fmt: skip
RULES = (
    WeightedRule(1, (ValueSet(0, low=0.1, high=1e7, high_in=False),), (0.1,)),
    WeightedRule(2, (ValueSet(1, levels=(0, 2)), ValueSet(0, high=0.3, missing=True)), (-0.7,)),
    WeightedRule(5, (ValueSet(2, levels=(1, 2), missing=True),), (1 / 3,)),
    WeightedRule(7, (ValueSet(1, levels=(1,)),), (0.2,)),
    WeightedRule(8, (ValueSet(0, low=math.inf, high=-math.inf, missing=True),), (1e-9,)),
    WeightedRule(9, (ValueSet(2, levels=(0, 1, 2)), ValueSet(0, low=-2.5, low_in=True)), (-1e-3,)),
)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    n = 400
    amount = rng.choice([-2.5, 0.1, np.nextafter(0.1, 1), 0.3, 1e7, 5.0, np.nan], n)
    return np.column_stack(
        [amount, rng.choice([0, 1, 2, np.nan], n), rng.choice([0, 1, 2, np.nan], n)]
    )


def holding(exported: ExportedRun, rules: RuleList, threshold: float | None = None) -> ExportedRun:
    """The run, if its model had been this list."""
    results = replace(exported.results)
    vars(results)["schema"] = rules.schema
    vars(results)["architecture"] = {"rule_list": rules.to_json()}
    vars(results)["predicted"] = SimpleNamespace(threshold=threshold)
    return replace(exported, results=results)


def decided_by_sql(sql: str, schema: Schema, rows: np.ndarray) -> list[tuple[Any, ...]]:
    """What sqlite answers to each row; a table that was dropped is an error."""

    def cell(feature: Feature, value: float) -> Any:
        if np.isnan(value):
            return None
        code = str(value) if feature.is_numeric else feature.categories[int(value)].code
        return (
            float(code) if feature.is_numeric else int(code) if code.lstrip("-").isdigit() else code
        )

    quoted = ['"' + feature.name.replace('"', '""') + '"' for feature in schema.features]
    with sqlite3.connect(":memory:") as base:
        base.execute(f"CREATE TABLE cases ({', '.join(quoted)})")
        holes = ", ".join("?" * len(quoted))
        plain = [[cell(f, v) for f, v in zip(schema.features, row, strict=True)] for row in rows]
        base.executemany(f"INSERT INTO cases VALUES ({holes})", plain)  # noqa: S608
        answers = [tuple(row[len(quoted) :]) for row in base.execute(sql)]
        assert base.execute("SELECT count(*) FROM cases").fetchone() == (len(rows),)
    base.close()
    return answers


def test_sql_decides_all_rows_alike_also_at_the_threshold_itself(exported, rows) -> None:
    rules = RuleList(RULES, (-0.05,), (CLASSES[1],), "logit", SCHEMA)
    sums = rules.outputs(rows)[:, 0]
    for score in sorted(set(sums.tolist())):
        threshold = float(1 / (1 + np.exp(-score)))
        run = holding(exported, rules, threshold)
        answers = decided_by_sql(rule_exports.rules_as_sql(run), SCHEMA, rows)
        expected = np.where(1 / (1 + np.exp(-sums)) >= threshold, CLASSES[1], CLASSES[0])
        assert [answer[1] for answer in answers] == expected.tolist()
        assert [answer[0] for answer in answers] == sums.tolist()  # to the last digit


@pytest.mark.parametrize("link", ["softmax", "value"])
def test_sql_gives_the_class_of_the_largest_sum_or_the_number_itself(exported, rows, link) -> None:
    task = "regression" if link == "value" else "classification"
    target = Target("y", "Y", CLASSES if link == "softmax" else ("Y",), explained=0, task=task)
    schema = replace(SCHEMA, target=target)
    names = target.classes
    rng = np.random.default_rng(1)
    weighted = tuple(replace(r, weights=tuple(rng.normal(size=len(names)).tolist())) for r in RULES)
    rules = RuleList(weighted, tuple(rng.normal(size=len(names)).tolist()), names, link, schema)
    answers = decided_by_sql(rule_exports.rules_as_sql(holding(exported, rules)), schema, rows)
    sums = rules.outputs(rows)
    assert [answer[: len(names)] for answer in answers] == list(map(tuple, sums.tolist()))
    last = [answer[-1] for answer in answers]
    if link == "value":
        assert last == sums[:, 0].tolist()
    else:
        assert last == [CLASSES[at] for at in sums.argmax(axis=1)]


def test_every_rule_is_one_line_of_text_with_its_number_and_its_points(exported) -> None:
    rules = RuleList(RULES, (-0.05,), (CLASSES[1],), "logit", SCHEMA)
    lines = rule_exports.rules_as_text(holding(exported, rules, 0.4)).splitlines()
    ruled = [line for line in lines if line[:1].isdigit()]
    assert [line.split(".")[0] for line in ruled] == ["1", "2", "5", "7", "8", "9"]
    assert all(
        line.endswith(f": {rule.weights[0]!r}") for line, rule in zip(ruled, RULES, strict=True)
    )
    assert "> 0.1 and < 10000000.0" in ruled[0]


def test_json_holds_the_whole_list(exported) -> None:
    rules = RuleList(RULES, (-0.05,), (CLASSES[1],), "logit", SCHEMA)
    plain = json.loads(rule_exports.rules_as_json(holding(exported, rules, 0.4)))
    assert RuleList.from_json(plain, SCHEMA) == rules
    assert plain["decided_from"] == pytest.approx(math.log(0.4 / 0.6))
    assert plain["features"][1]["values"] == {code: code for code in CODES}


def test_a_name_that_no_sql_can_hold_is_refused(exported) -> None:
    features = (replace(SCHEMA.features[0], name="a\0b"), *SCHEMA.features[1:])
    rules = RuleList(RULES, (0.0,), ("y",), "logit", replace(SCHEMA, features=features))
    with pytest.raises(ConfigError, match="NUL"):
        rule_exports.rules_as_sql(holding(exported, rules, 0.5))


def test_a_run_of_another_model_has_no_rules_to_export(small_run, capsys, tmp_path) -> None:
    assert (
        command(["export", str(small_run.folder), "--to", "rules-sql", "--out", str(tmp_path)]) == 2
    )
    assert "export a run of model=rules" in capsys.readouterr().err
