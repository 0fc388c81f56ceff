"""What is refused, and what the message says, with file and line where it stands in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.rules import pick_device
from tests.configured import experiment_of
from tests.worded import problems, say, study, write_conf


def reasons(experiment: Experiment) -> dict[str, str]:
    """{part that is left out: why}."""
    return {refusal.artifact: say(refusal.reason) for refusal in experiment.refused}


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
    experiment_of("device=cpu")


@pytest.mark.parametrize(
    ("devices", "picked"), [(set(), "cpu"), ({"mps"}, "mps"), ({"mps", "cuda"}, "cuda")]
)
def test_auto_takes_the_best_device_that_is_there(
    monkeypatch: pytest.MonkeyPatch, devices: set[str], picked: str
) -> None:
    monkeypatch.setattr("deepseek_report.config.rules.has_device", devices.__contains__)
    assert pick_device("auto") == picked
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("overrides", "sentences"),
    [
        (["sead=3"], ['did you mean "seed"?']),
        (
            ["model=mlp", "explainers=[attention_rollout]"],
            ["command line, explainers=[attention_rollout]", "attention"],
        ),
        (["dataset=digits", "metrics=[impact_ratio]"], ["these data name none"]),
        (
            ["metrics=[accuracy]", "visualizations=[roc_curve]"],
            ['visualization "roc_curve" needs metric "roc_auc"'],
        ),
        (["decision.rule=declared"], ["no threshold is declared"]),
        (["decision.rule=costs"], ["no costs are declared"]),
        (["decision.rule=base_rate", "decision.threshold=0.4"], ["chooses the threshold itself"]),
        (["decision.costs={false_alarm:0,missed:5}"], ["greater than 0"]),
        (
            ["measure_time=false", "metrics=[latency]", "report.thresholds=[]"],
            ["latency: measures time or memory, and measure_time is false"],
        ),
    ],
)
def test_what_cannot_be_meant_or_had_is_a_problem(
    overrides: list[str], sentences: list[str]
) -> None:
    text = problems(*overrides)
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_a_part_that_came_with_the_defaults_is_left_out_with_the_reason() -> None:
    experiment = experiment_of("model=mlp")
    left_out = reasons(experiment)
    assert "attention" in left_out["explanations/attention_rollout"]
    assert "pictures/attention_maps" in left_out
    assert "attention_rollout" not in experiment.explainers


def test_a_language_model_without_a_checkpoint_needs_data_whose_sequences_can_be_drawn() -> None:
    text = problems("model=language_model", "dataset=tweets")
    assert "these data are of no such task" in text
    assert "allowed: dataset=recall, dataset=brackets, or a checkpoint with any texts" in text
    assert "set model.checkpoint=FOLDER and dataset.tokenizer=FOLDER" in text
    experiment_of("model=language_model", "dataset=brackets")


def test_what_compares_with_a_known_cause_is_left_out_with_one_reason_where_none_is_known() -> None:
    left_out = reasons(experiment_of("dataset=digits"))
    assert "cause of the label is known" in left_out["measures/localisation"]
    assert left_out["pictures/localisation"] == left_out["measures/localisation"]


def test_what_asks_for_two_classes_is_left_out_before_the_run_where_there_are_more() -> None:
    left_out = reasons(experiment_of("dataset=trace"))
    needs = "needs a decision between two classes, and here there are 4"
    sweeps = {key: why for key, why in left_out.items() if "threshold_sweep" in key}
    assert sweeps == {"measures/threshold_sweep": needs, "pictures/threshold_sweep": needs}


def test_what_compares_with_a_known_cause_stays_where_the_data_name_it() -> None:
    for dataset in ("histology", "surface_defects", "wide"):
        assert "localisation" in experiment_of(f"dataset={dataset}").metrics


def test_what_compares_groups_is_left_out_with_one_reason_where_the_data_name_none() -> None:
    left_out = reasons(experiment_of("dataset=digits"))
    groups = [left_out[f"measures/{name}"] for name in ("group_rates", "impact_ratio")]
    parts = [left_out[f"measures/{name}"] for name in ("part_performance", "explanation_by_group")]
    assert set(groups + parts) == {left_out["pictures/group_rates"]}
    assert groups[0].startswith("needs groups of people")


def test_measures_of_groups_of_people_are_not_made_of_parts_of_texts() -> None:
    experiment = experiment_of("dataset=tweets")
    assert {"measures/group_rates", "measures/impact_ratio"} <= reasons(experiment).keys()
    assert {"part_performance", "explanation_by_group"} <= set(experiment.metrics)


def test_a_picture_that_no_section_would_show_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from dataclasses import dataclass\n"
    for name, line in {"Lost": 'section = "explanation"', "Silent": '"""Says nothing."""'}.items():
        source += f"@dataclass(frozen=True)\nclass {name}:\n    {line}\n    needs = frozenset()\n"
    (tmp_path / "homeless_pictures.py").write_text(source)
    files = {
        f"visualizations/{name.lower()}": f"{name.lower()}:\n  _target_: homeless_pictures.{name}\n"
        for name in ("Lost", "Silent")
    }
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DEEPSEEK_REPORT_TRUST", "homeless_pictures")
    text = problems("visualizations=[lost,silent]", config_dir=write_conf(tmp_path, files))
    assert 'the section "explanation", which does not exist' in text
    assert 'did you mean "explanations"?' in text
    assert 'picture "silent" does not say which section shows it' in text


def test_a_declared_rule_takes_its_threshold() -> None:
    rule = experiment_of("decision.rule=declared", "decision.threshold=0.3").settings.decision
    assert rule.threshold == 0.3


@pytest.mark.parametrize(
    ("target", "sentences"),
    [
        ("os.system", ["outside the trusted packages", "--trust os"]),
        ("deepseek_report.store.copy_tree", ["not a dataclass"]),
    ],
)
def test_a_config_can_name_classes_of_trusted_packages_alone(
    target: str, sentences: list[str], tmp_path: Path
) -> None:
    conf = write_conf(tmp_path, {"explainers/odd": f"odd:\n  _target_: {target}\n"})
    text = problems("explainers=[odd]", config_dir=conf)
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_a_problem_in_a_yaml_file_is_told_with_file_and_line(tmp_path: Path) -> None:
    mine = study("name: mine\ntrainer:\n  max_epochs: many")
    text = problems("experiment=mine", config_dir=write_conf(tmp_path, {"experiment/mine": mine}))
    assert "experiment/mine.yaml:4: trainer.max_epochs is 'many'" in text


def test_every_default_is_written_out_in_the_resolved_config() -> None:
    raw = experiment_of().raw
    assert raw["model"]["size"] == "tiny"
    assert raw["trainer"]["warmup"] == 0.1
    assert raw["decision"] == {"rule": None, "threshold": None, "costs": None, "capacity": None}
    assert raw["explainers"]["shap"]["_target_"].startswith("deepseek_report.")


def test_without_measuring_time_no_metric_of_time_or_memory_is_left() -> None:
    experiment = experiment_of("measure_time=false")
    timed = {"measures/latency", "measures/peak_memory", "pictures/layer_profile"}
    assert timed <= reasons(experiment).keys()
    assert not any(metric.volatile for metric in experiment.metrics.values())


_WHOLE = "# @package _global_\n"


def said_of(folder: Path, content: str) -> str:
    """What is said of a config folder with this experiment in it."""
    conf = write_conf(folder, {"experiment/mine": content})
    return problems("experiment=mine", config_dir=conf)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"{_WHOLE}report: {{title: x\nseed: 3\n", "mine.yaml:3:5: not valid YAML"),
        (f"{_WHOLE}report:\n\ttitle: x\n", "mine.yaml:3:1: not valid YAML"),
        (f"{_WHOLE}name: l\nname: m\n", "mine.yaml:3:1: not valid YAML: found duplicate key name"),
        ("", "mine.yaml: the file is empty"),
        ("- a\n", "mine.yaml: the file holds no keys"),
        ("name: mine\n", "mine.yaml:1: a file of the group experiment must say"),
        (f"{_WHOLE}defaults: csv\n", "mine.yaml:2: defaults is 'csv'"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(
    content: str, expected: str, tmp_path: Path
) -> None:
    assert expected in said_of(tmp_path, content)


def test_a_file_that_is_not_written_in_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": ""})
    (tmp_path / "experiment" / "mine.yaml").write_bytes(f"{_WHOLE}name: l\n# ä\n".encode("cp1252"))
    assert "mine.yaml:3: not written in UTF-8" in problems("experiment=mine", config_dir=conf)


def test_a_broken_file_of_any_group_is_named_before_anything_runs(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"metrics/mine": "a: [\n", "experiment/mine": "- a\n"})
    text = problems("experiment=mine", "metrics=[mine]", config_dir=conf)
    assert "metrics/mine.yaml:2:1: not valid YAML" in text
    assert "experiment/mine.yaml: the file holds no keys" in text


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("override /model: mpl", ['"mpl" is not in the group model', 'did you mean "mlp"?']),
        ("override /datset: csv", ["datset"]),
        ("dataset: csv", ["write `override /dataset: csv`"]),
    ],
)
def test_a_wrong_choice_in_a_file_is_told_with_its_line_and_what_to_write(
    line: str, sentences: list[str], tmp_path: Path
) -> None:
    text = said_of(tmp_path, f"{_WHOLE}defaults:\n  - {line}\n")
    assert "mine.yaml:3: " in text
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_list_goes_on_after_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = write_conf(tmp_path, {"model/broken": "a: [\n"})
    assert run(["list", "model", "--config-dir", conf]) == 0
    printed = capsys.readouterr().out
    assert "broken" in printed
    assert "cannot be used" in printed
    assert "mlp" in printed


def test_list_names_a_missing_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--config-dir", "no/such/folder"]) == 2
    assert "not a folder" in capsys.readouterr().err
