"""What is refused, and what the message says."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.config.compose import compose
from deepseek_report.config.rules import pick_device
from deepseek_report.config.validate import validate
from tests.worded import problems, say


def test_unknown_keys_wrong_types_and_ranges_come_in_one_list() -> None:
    text = problems("seed=-1", "trainer.max_epoch=4", "explainers.shap.rouds=3", "device=tpu")
    assert text.startswith("4 problems in the configuration")
    assert "command line, trainer.max_epoch=4" in text
    assert 'did you mean "max_epochs"?' in text
    assert 'did you mean "rounds"?' in text
    assert "greater than or equal to 0" in text
    assert "'auto', 'cpu', 'cuda' or 'mps'" in text


def test_a_device_that_is_not_there_is_a_problem_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deepseek_report.config.rules.has_device", lambda kind: kind == "cpu")
    text = problems("device=cuda")
    assert "command line, device=cuda: torch finds no cuda device on this machine" in text
    assert "allowed: auto, cpu" in text
    validate(compose(["device=cpu"]))


@pytest.mark.parametrize(
    ("devices", "picked"), [(set(), "cpu"), ({"mps"}, "mps"), ({"mps", "cuda"}, "cuda")]
)
def test_auto_takes_the_best_device_that_is_there(
    monkeypatch: pytest.MonkeyPatch, devices: set[str], picked: str
) -> None:
    monkeypatch.setattr("deepseek_report.config.rules.has_device", devices.__contains__)
    assert pick_device("auto") == picked
    assert pick_device("cpu") == "cpu"


def test_an_unknown_top_level_key_is_named_with_its_neighbour() -> None:
    assert 'did you mean "seed"?' in problems("sead=3")


def test_a_part_that_the_model_cannot_have_is_a_problem_where_it_was_asked_for() -> None:
    text = problems("model=mlp", "explainers=[attention_rollout]")
    assert "command line, explainers=[attention_rollout]" in text
    assert "attention" in text


def test_a_part_that_came_with_the_defaults_is_left_out_with_the_reason() -> None:
    experiment = validate(compose(["model=mlp"]))
    reasons = {refusal.artifact: say(refusal.reason) for refusal in experiment.refused}
    assert "attention" in reasons["explanations/attention_rollout"]
    assert "pictures/attention_maps" in reasons
    assert "attention_rollout" not in experiment.explainers


def test_a_language_model_without_a_checkpoint_needs_data_whose_sequences_can_be_drawn() -> None:
    text = problems("model=language_model", "dataset=tweets")
    assert "these data are of no such task" in text
    assert "allowed: dataset=recall, dataset=brackets, or a checkpoint with any texts" in text
    assert "set model.checkpoint=FOLDER and dataset.tokenizer=FOLDER" in text
    validate(compose(["model=language_model", "dataset=brackets"]))


def test_what_compares_with_a_known_cause_is_left_out_with_one_reason_where_none_is_known() -> None:
    reasons = {
        refusal.artifact: say(refusal.reason)
        for refusal in validate(compose(["dataset=digits"])).refused
    }
    assert "cause of the label is known" in reasons["measures/localisation"]
    assert reasons["pictures/localisation"] == reasons["measures/localisation"]


def test_what_asks_for_two_classes_is_left_out_before_the_run_where_there_are_more() -> None:
    refused = validate(compose(["dataset=trace"])).refused
    reasons = {
        refusal.artifact: say(refusal.reason)
        for refusal in refused
        if "threshold_sweep" in refusal.artifact
    }
    assert sorted(reasons) == ["measures/threshold_sweep", "pictures/threshold_sweep"]
    assert set(reasons.values()) == {"needs a decision between two classes, and here there are 4"}


def test_what_compares_with_a_known_cause_stays_where_the_data_name_it() -> None:
    for dataset in ("histology", "surface_defects", "wide"):
        assert "localisation" in validate(compose([f"dataset={dataset}"])).metrics


def test_what_compares_groups_is_left_out_with_one_reason_where_the_data_name_none() -> None:
    reasons = {
        refusal.artifact: say(refusal.reason)
        for refusal in validate(compose(["dataset=digits"])).refused
    }
    groups = [reasons[f"measures/{name}"] for name in ("group_rates", "impact_ratio")]
    parts = [reasons[f"measures/{name}"] for name in ("part_performance", "explanation_by_group")]
    assert set(groups + parts) == {reasons["pictures/group_rates"]}
    assert groups[0].startswith("needs groups of people")


def test_measures_of_groups_of_people_are_not_made_of_parts_of_texts() -> None:
    experiment = validate(compose(["dataset=tweets"]))
    left_out = {refusal.artifact for refusal in experiment.refused}
    assert {"measures/group_rates", "measures/impact_ratio"} <= left_out
    assert {"part_performance", "explanation_by_group"} <= set(experiment.metrics)


def test_a_measure_of_groups_asked_for_where_there_are_none_is_a_problem() -> None:
    assert "these data name none" in problems("dataset=digits", "metrics=[impact_ratio]")


def test_a_section_asked_for_without_its_metric_is_a_problem() -> None:
    text = problems("metrics=[accuracy]", "visualizations=[roc_curve]")
    assert 'visualization "roc_curve" needs metric "roc_auc"' in text


def test_a_picture_that_no_section_would_show_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from dataclasses import dataclass\n"
    for name, line in {"Lost": 'section = "explanation"', "Silent": '"""Says nothing."""'}.items():
        source += f"@dataclass(frozen=True)\nclass {name}:\n    {line}\n    needs = frozenset()\n"
    (tmp_path / "homeless_pictures.py").write_text(source)
    (tmp_path / "visualizations").mkdir()
    for name in ("Lost", "Silent"):
        (tmp_path / "visualizations" / f"{name.lower()}.yaml").write_text(
            f"{name.lower()}:\n  _target_: homeless_pictures.{name}\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DEEPSEEK_REPORT_TRUST", "homeless_pictures")
    text = problems("visualizations=[lost,silent]", config_dir=str(tmp_path))
    assert 'the section "explanation", which does not exist' in text
    assert 'did you mean "explanations"?' in text
    assert 'picture "silent" does not say which section shows it' in text


def test_a_threshold_on_a_number_that_nothing_measures_is_a_problem() -> None:
    text = problems("report.thresholds=[{metric: roc_auk, at_least: 0.7, set_by: me}]")
    assert 'did you mean "roc_auc"?' in text


def test_a_threshold_needs_exactly_one_bound() -> None:
    text = problems("report.thresholds=[{metric: roc_auc, set_by: me}]")
    assert "exactly one of" in text


def test_a_declared_rule_needs_its_threshold_and_a_chosen_one_has_none() -> None:
    assert "no threshold is declared" in problems("decision.rule=declared")
    assert "no costs are declared" in problems("decision.rule=costs")
    assert "chooses the threshold itself" in problems(
        "decision.rule=base_rate", "decision.threshold=0.4"
    )
    assert "greater than 0" in problems("decision.costs={false_alarm:0,missed:5}")
    rule = validate(compose(["decision.rule=declared", "decision.threshold=0.3"])).settings.decision
    assert rule.threshold == 0.3


def test_a_config_cannot_name_code_outside_the_trusted_packages(tmp_path: Path) -> None:
    (tmp_path / "explainers").mkdir()
    (tmp_path / "explainers" / "evil.yaml").write_text("evil:\n  _target_: os.system\n")
    text = problems("explainers=[evil]", config_dir=str(tmp_path))
    assert "outside the trusted packages" in text
    assert "--trust os" in text


def test_a_config_cannot_name_a_function_of_this_package(tmp_path: Path) -> None:
    (tmp_path / "explainers").mkdir()
    target = "deepseek_report.store.copy_tree"
    (tmp_path / "explainers" / "odd.yaml").write_text(f"odd:\n  _target_: {target}\n")
    assert "not a dataclass" in problems("explainers=[odd]", config_dir=str(tmp_path))


def test_a_problem_in_a_yaml_file_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nname: mine\ntrainer:\n  max_epochs: many\n"
    )
    text = problems("experiment=mine", config_dir=str(tmp_path))
    assert "experiment/mine.yaml:4: trainer.max_epochs is 'many'" in text


def test_every_default_is_written_out_in_the_resolved_config() -> None:
    raw = validate(compose()).raw
    assert raw["model"]["size"] == "tiny"
    assert raw["trainer"]["warmup"] == 0.1
    assert raw["decision"] == {"rule": None, "threshold": None, "costs": None, "capacity": None}
    assert raw["explainers"]["shap"]["_target_"].startswith("deepseek_report.")


def test_without_measuring_time_no_metric_of_time_or_memory_is_left() -> None:
    experiment = validate(compose(["measure_time=false"]))
    left_out = {refusal.artifact for refusal in experiment.refused}
    assert {"measures/latency", "measures/peak_memory", "pictures/layer_profile"} <= left_out
    assert not any(metric.volatile for metric in experiment.metrics.values())


def test_a_metric_of_time_asked_for_without_measuring_time_is_a_problem() -> None:
    text = problems("measure_time=false", "metrics=[latency]", "report.thresholds=[]")
    assert "latency: measures time or memory, and measure_time is false" in text
