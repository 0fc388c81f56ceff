"""What `corrections` makes of a configuration, and what it says of entries that say too little."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.artifacts.ids import BEFORE
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.extensions.corrections.corrections_block import CorrectingRevision
from deepseek_report.extensions.corrections.declared_corrections import Correction, CorrectionItem
from deepseek_report.runner.planning.plan import make_plan
from tests.configured import experiment_of

PARTS = ("explainers=[]", "visualizations=[]", "frameworks=[]", "report.thresholds=[]")


def of(*overrides: str, sections: str = "") -> Experiment:
    return experiment_of(*PARTS, "metrics=[accuracy]", f"sections=[{sections}]", *overrides)


def items_of(experiment: Experiment) -> tuple[CorrectionItem, ...]:
    revision = experiment.revision
    assert isinstance(revision, CorrectingRevision)
    return revision.items


@pytest.fixture(scope="module")
def plain() -> Experiment:
    return of()


@pytest.fixture(scope="module")
def corrected() -> Experiment:
    return of("corrections=[{must_not_matter: [AGE, SEX], by: Risk, on: 2026-11-28}]")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (Correction(), "about nothing"),
        (Correction(("zip",), must_rise_with="age"), "must_rise_with and must_not_matter"),
        (Correction(True), "without a region"),
        (Correction(rule=3), "rule 3"),
        (Correction(rule=3, remove=True, weight=1.0), "rule 3"),
        (Correction(add="age > 3"), ""),
        (Correction(("zip",), by=" "), "`by` is empty"),
        (Correction(("zip",), by="Risk"), ""),
        (Correction(True, region="marks.yaml"), ""),
    ],
)
def test_an_entry_is_about_one_thing_and_says_enough_of_it(entry: Correction, fault: str) -> None:
    assert fault in entry.fault
    assert bool(fault) == bool(entry.fault)


def test_nothing_of_a_configuration_without_corrections_is_other_than_before(
    plain: Experiment,
) -> None:
    assert "corrections" not in plain.raw
    assert set(plain.metrics) == {"accuracy"}
    assert plain.revision is None
    assert not [stage for stage in make_plan(plain) if stage.kept_as]


def test_corrections_bring_their_measure_and_their_section_behind_the_summary() -> None:
    experiment = of("corrections=[{must_not_matter: [AGE]}]", sections="data,summary")
    assert "corrections" in experiment.metrics
    assert list(experiment.raw["sections"]) == ["summary", "corrections", "data"]
    assert experiment.raw["corrections"] == [{"must_not_matter": ["AGE"]}]


def test_the_model_before_is_the_stages_of_the_plan_without_corrections(
    plain: Experiment, corrected: Experiment
) -> None:
    without = {stage.id: stage.key for stage in make_plan(plain)}
    stages = {stage.id: stage for stage in make_plan(corrected)}
    for name, renamed in BEFORE.items():
        assert (stages[renamed].place, stages[renamed].key) == (name, without[name])
        assert stages[name].key != without[name]
    assert set(BEFORE.values()) <= set(stages["measures/corrections"].inputs)


def test_the_same_corrections_have_the_same_keys_and_a_reason_is_part_of_them(
    corrected: Experiment,
) -> None:
    again = of("corrections=[{must_not_matter: [AGE, SEX], by: Risk, on: 2026-11-28}]")
    keys, others = ({stage.id: stage.key for stage in make_plan(e)} for e in (corrected, again))
    assert keys == others
    other = of("corrections=[{must_not_matter: [AGE, SEX], by: Audit, on: 2026-11-28}]")
    assert {stage.id: stage.key for stage in make_plan(other)}["data"] != keys["data"]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("[{must_not_matter: [AGE], by: ''}]", "`by` is empty"),
        ("[{must_not_mater: [AGE]}]", "must_not_matter"),
        ("[{must_not_matter: [AGE], how: magic}]", "'drop', 'penalty', 'swap' or 'constraint'"),
        ("[{must_not_matter: [AGE], on: soon}]", "corrections.0.on"),
        ("[{marks: there_is_no_such.yaml}]", "there is no such file"),
        ("[{rule: 3, remove: true}]", "has no rules"),
        ("[{}]", "about nothing"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(written: str, sentence: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        of(f"corrections={written}")
    assert sentence in str(refused.value)


def test_a_file_of_marks_becomes_items_signed_by_who_made_it(tmp_path: Path) -> None:
    file = tmp_path / "marks.yaml"
    file.write_text(
        "deepseek_report_marks: 1\nrun: abc\nby: Risk\non: 2026-11-29\n"
        'marks:\n  - {feature: AGE, why: law}\n  - {row: "0123456789abcdef", label: default}\n'
    )
    (item, label) = items_of(of(f"corrections=[{{marks: {file}}}]"))
    assert (item.kind, item.names, item.by, item.on) == ("feature", ("AGE",), "Risk", "2026-11-29")
    assert (item.why, item.run, item.mark) == ("law", "abc", 1)
    assert label.kind == "label"
    only = items_of(of(f"corrections=[{{relabel: {file}}}]"))
    assert [each.kind for each in only] == ["label"]


def test_trees_are_kept_to_a_direction_by_the_model_itself() -> None:
    experiment = of("model=sklearn", "corrections=[{must_rise_with: PAY_0}]")
    assert experiment.model.directions == {"PAY_0": "rises"}
    assert experiment.before is not None
    assert not experiment.before.model.directions
