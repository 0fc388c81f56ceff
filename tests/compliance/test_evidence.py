"""What counts as evidence: rules 2 to 5 of _status_rules.yaml, one fact a test."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance import evidence as evidence_module
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence import Evidence, counting, evidence_index
from deepseek_report.compliance.run_facts import dig
from deepseek_report.compliance.sources import load_sources
from deepseek_report.errors import ConfigError
from deepseek_report.findings import explainer_verdicts
from deepseek_report.findings.explainer_verdicts import CONDEMNED, ExplainerVerdict
from deepseek_report.wording.words import wording

from .conftest import CARD, Run, code, english, evidence_of_kind, group_by, measure, score


def look(run: Run, kind: str, floor: int = 30) -> Evidence:
    return evidence_of_kind(run.results(), kind, floor)


def test_a_whole_artifact_counts_with_its_hash_and_number(run: Run) -> None:
    evidence = look(run, "metrics.performance")
    assert evidence.state == "present"
    assert not evidence.problems
    manifest = run.seal()["manifest"]
    assert {f.path: f.sha256 for f in evidence.files}.items() <= manifest.items()
    assert [(s.metric, s.n) for s in evidence.scores] == [("roc_auc", 100)]


def test_a_changed_file_is_altered_and_does_not_count(run: Run) -> None:
    sealed = run.seal()
    scores = run.path("measures/roc_auc") / "scores.json"
    scores.write_text(scores.read_text() + " ")
    index = evidence_index(run.results(sealed), 30)["metrics.performance"]
    assert index.state == "altered"
    assert "measures/roc_auc/scores.json was changed" in english(index.problems)[0]


def test_a_file_outside_the_manifest_does_not_count(run: Run) -> None:
    index = evidence_index(run.results(run.seal() | {"manifest": {}}), 30)
    assert index["data.card"].state == "altered"
    assert not {"data.card", "metrics.performance", "explain.local"} & counting(index)


def test_a_lost_file_is_absent(run: Run) -> None:
    (run.path("measures/group_rates") / "groups.parquet").unlink()
    evidence = look(run, "metrics.performance.by_group")
    assert evidence.state == "absent"
    assert "Decisions and errors by group has no groups.parquet" in english(evidence.problems)


def test_an_artifact_that_failed_says_why(run: Run) -> None:
    shutil.rmtree(run.path("measures/baselines"))
    run.failures = {"measures/baselines": "out of memory."}
    assert english(look(run, "metrics.baseline").problems) == (
        "“Comparison with simpler models” is missing (out of memory)",
    )


@pytest.mark.parametrize("name", ["data", "weights"])
def test_evidence_for_other_data_or_weights_is_stale(run: Run, name: str) -> None:
    run.subjects = {
        artifact: {**run.seal()["digests"], name: "0" * 64} for artifact in run.results().paths
    }
    index = evidence_index(run.results(), 30)
    assert index["metrics.performance"].state == "stale"
    assert "digests differ" in english(index["metrics.performance"].problems)[0]
    assert index["data.card"].counts == (name == "weights")


def test_evidence_with_the_subject_of_this_run_counts(run: Run) -> None:
    run.subjects = {name: run.seal()["digests"] for name in run.results().paths}
    assert look(run, "metrics.performance").counts


def test_weights_that_are_not_those_of_the_digests_make_what_hangs_on_them_stale(run: Run) -> None:
    run.digests["weights"] = "9" * 64
    index = evidence_index(run.results(), 30)
    assert index["explain.local"].state == "stale"
    assert index["data.card"].counts


def test_a_run_without_digests_has_no_subject_to_compare(run: Run) -> None:
    run.digests["data"] = ""
    assert "records no digest of its data" in english(look(run, "data.card").problems)[0]


def test_a_number_without_an_interval_does_not_count(run: Run) -> None:
    measure(run.path("measures/roc_auc"), score("roc_auc", low=None, high=None))
    evidence = look(run, "metrics.performance")
    assert evidence.state == "failed"
    assert "ROC AUC has no interval" in english(evidence.problems)


@pytest.mark.parametrize(("floor", "counts"), [(100, True), (101, False)])
def test_a_number_below_the_floor_does_not_count(run: Run, floor: int, counts: bool) -> None:
    evidence = look(run, "metrics.performance", floor)
    assert evidence.counts == counts
    assert any("below the floor of 101" in text for text in english(evidence.problems)) != counts


def test_one_alternative_is_enough(run: Run) -> None:
    measure(run.path("measures/accuracy"), score("accuracy", low=None, high=None))
    assert look(run, "metrics.performance").counts


def test_a_bad_number_is_still_evidence(run: Run) -> None:
    measure(run.path("measures/roc_auc"), score("roc_auc", 0.5))
    index = evidence_index(run.results(), 30)
    assert index["metrics.performance"].counts
    assert index["metrics.selection_rates"].scores[0].value == 0.55
    assert index["metrics.selection_rates"].counts


def test_small_cells_are_remarked_and_do_not_sink_the_table(run: Run) -> None:
    evidence = look(run, "metrics.performance.by_group")
    assert evidence.counts
    assert english(evidence.remarks) == (
        "1 of 2 numbers: share of favourable decisions (sex, others) rests on n = 4, "
        "below the floor of 30",
    )


def test_a_gain_whose_interval_reaches_zero_is_no_proof_of_faithfulness(run: Run) -> None:
    measure(
        run.path("measures/deletion/shap"),
        score("deletion_gain", 0.03, explainer="shap"),
        curve=[{"a": 1}],
    )
    evidence = look(run, "explain.faithfulness")
    assert evidence.state == "failed"
    assert (
        "lower end of the interval of Deletion, gain over random (SHAP)"
        in english(evidence.problems)[0]
    )


def test_the_control_explainer_is_no_evidence(run: Run) -> None:
    for kind in ("explain.faithfulness", "explain.local", "explain.global"):
        assert all("random" not in item.artifact for item in look(run, kind).items)


def test_an_explainer_with_a_bad_verdict_does_not_count(run: Run) -> None:
    gain = score("randomisation_gain", -0.2, explainer="shap")
    measure(run.path("measures/parameter_randomisation/shap"), gain)
    index = evidence_index(run.results(), 30)
    for kind in ("local", "global", "faithfulness"):
        assert index[f"explain.{kind}"].state == "failed"
    assert english(index["explain.local"].problems) == (
        "SHAP gives no reasons that may be told (nothing: it does not depend on what the model "
        "has learnt)",
    )


def test_that_an_explainer_was_not_judged_is_remarked(run: Run) -> None:
    for path in run.path("measures/faithfulness_effect").iterdir():
        path.unlink()
    evidence = look(run, "explain.local")
    assert evidence.counts
    assert "SHAP was not judged" in english(evidence.remarks)[0]


@pytest.mark.parametrize("use", sorted(CONDEMNED | {"no_skill", "open", "few", "untested"}))
def test_every_verdict_on_an_explainer_is_said_in_whole_words(
    run: Run, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    def judged(results: Results, name: str) -> ExplainerVerdict:
        verdict = explainer_verdicts.verdict_of(results, name)
        failed = {"beats_random": None if use == "open" else False, "own_case": False}
        return replace(verdict, use=use, missing=("deletion_gain",), **failed)

    monkeypatch.setattr(evidence_module, "verdict_of", judged)
    evidence = look(run, "explain.local")
    (sentence, *_) = english(evidence.problems or evidence.remarks)
    assert sentence.startswith("SHAP ")
    assert "{" not in sentence


def test_a_data_card_without_a_licence_does_not_count(run: Run) -> None:
    save_json(run.path("data") / "card.json", {**CARD, "licence": ""})
    expected = ("card.json says nothing about licence",)
    assert english(look(run, "data.card").problems) == expected


def test_what_no_run_can_show_is_absent_with_its_reason(run: Run) -> None:
    index = evidence_index(run.results(), 30)
    never = {name for name, kind in load_sources().kinds.items() if kind.absent}
    assert {"robustness.adversarial", "monitoring.results", "model.card"} <= never
    assert all(index[kind].state == "absent" and index[kind].problems for kind in sorted(never))
    assert all(index[kind].person for kind in never)


def test_the_config_counts_with_the_hash_of_its_file_and_only_while_it_is_there(run: Run) -> None:
    config = run.folder / "config.yaml"
    (file,) = look(run, "config.resolved").files
    assert (file.path, file.sha256) == ("config.yaml", sha256_file(config))
    config.unlink()
    expected = ("the run folder has no config.yaml",)
    assert english(look(run, "config.resolved").problems) == expected


def test_who_the_groups_are_compared_with_is_said_to_be_declared_only_where_it_was(
    run: Run,
) -> None:
    facts = english(look(run, "metrics.selection_rates").facts)
    assert facts == ("compared with sex: women (declared)",)
    run.config["metrics"] = {"impact_ratio": {"reference": {}}}
    evidence = look(run, "metrics.selection_rates")
    assert english(evidence.facts) == (
        "compared with sex: women (the one with the highest rate, not declared)",
    )
    assert "declared" not in wording().say(evidence.limits)


def test_how_many_cases_have_pages_is_said(run: Run) -> None:
    for kind in ("explain.local", "explain.reason_codes", "explain.counterfactual"):
        facts = english(look(run, kind).facts)
        assert "pages of their own: 13 cases of the 100 of the test part" in facts


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ([code(0, rank) for rank in range(1, 5)], ""),
        ([code(0, rank) for rank in range(1, 6)], "5 reason codes, more than 4"),
        ([code(0, 1), code(0, 2, shortfall=-0.1)], "speak for the person"),
        ([code(0, 1, feature="AGE")], "protected attributes: AGE"),
        ([code(0, 0, role="protected")], "no decision has a reason code"),
    ],
)
def test_adverse_reasons_are_evidence_only_by_the_codes_that_were_made(
    run: Run, codes: list[dict[str, object]], problem: str
) -> None:
    path = run.path("measures/cases")
    group_by(run, "sex")
    schema = load_json(run.path("data") / "schema.json")
    age = schema["features"][0] | {"name": "AGE", "sensitive": True}
    save_json(run.path("data") / "schema.json", schema | {"features": [age]})
    measure(path, score("reason_codes_kept", 0.9, explainer="shap"), reason_codes=codes)
    evidence = look(run, "explain.adverse_reasons")
    assert evidence.counts == (not problem)
    assert problem in " ".join(english(evidence.problems))


def test_codes_that_another_seed_would_not_give_are_no_evidence(run: Run) -> None:
    measure(
        run.path("measures/cases"),
        score("reason_codes_kept", 0.4, low=0.3, high=0.5, explainer="shap"),
        reason_codes=[code(0, 1)],
    )
    assert not look(run, "explain.adverse_reasons").counts


@pytest.mark.parametrize(("withheld", "counts"), [(0.05, True), (0.2, False)])
def test_reasons_are_complete_only_where_no_withheld_feature_weighs_more_than_a_stated_one(
    run: Run, withheld: float, counts: bool
) -> None:
    codes = [code(0, 1), code(0, 0, role="protected", feature="AGE", shortfall=withheld)]
    measure(
        run.path("measures/cases"),
        score("reason_codes_kept", 0.9, explainer="shap"),
        reason_codes=codes,
    )
    assert look(run, "explain.reasons_complete").counts == counts
    assert look(run, "explain.adverse_reasons").counts


@pytest.mark.parametrize(("n", "counts"), [(7, False), (8, True)])
def test_a_number_with_a_floor_of_its_own_is_held_to_that_one(
    run: Run, n: int, counts: bool
) -> None:
    measure(
        run.path("measures/max_sensitivity/shap"), score("max_sensitivity", n=n, explainer="shap")
    )
    evidence = look(run, "explain.stability", floor=1000)
    assert evidence.counts == counts
    assert any("below the floor of 8" in text for text in english(evidence.problems)) != counts


def test_a_floor_of_its_own_has_a_reason() -> None:
    kinds = load_sources().kinds.values()
    checks = [check for kind in kinds for need in (*kind.all, *kind.any) for check in need.checks]
    own = [check for check in checks if getattr(check, "least", None) and check.check == "floor"]
    assert own
    assert all(check.because for check in own)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_losing_an_artifact_never_adds_evidence_or_raises_a_row(
    run: Run, data: st.DataObject
) -> None:
    results = run.results()
    full = evaluate_results(results)
    lost = data.draw(st.sets(st.sampled_from(sorted(results.paths))))
    kept = {name: path for name, path in results.paths.items() if name not in lost}
    poorer = replace(results, paths=kept)
    less = evaluate_results(poorer)
    # A sanity test that was passed and is lost takes nothing away, and cannot add anything.
    assert counting(less.evidence) <= counting(full.evidence)
    order = ["not_evidenced", "partly", "complete"]
    for before, after in zip(full.frameworks, less.frameworks, strict=True):
        for judgement, other in zip(before.judgements, after.judgements, strict=True):
            if judgement.status in order:
                assert order.index(other.status) <= order.index(judgement.status)


def test_every_kind_has_its_words_and_an_outcome(run: Run) -> None:
    index = evidence_index(run.results(), 30)
    assert list(index) == list(load_sources().kinds)
    for evidence in index.values():
        assert all(english((evidence.label, evidence.meaning, evidence.limits or evidence.label)))
    assert all(bool(evidence.problems) != evidence.counts for evidence in index.values())


def test_every_measure_that_the_map_names_is_promised_by_the_contracts() -> None:
    docs = Path(__file__).parents[2] / "docs"
    pages = ("contracts.md", "settings/tables.md")
    contracts = "\n".join((docs / page).read_text(encoding="utf-8") for page in pages)
    kinds = load_sources().kinds.values()
    named = {need.artifact for kind in kinds for need in (*kind.all, *kind.any)}
    metrics = {name.split("/")[1] for name in named if name.startswith("measures/")}
    assert metrics
    assert not [name for name in metrics if not re.search(rf"\| [^|]*\b{name}\b", contracts)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kinds: {data.card: {}}", "data.card: name artifacts or records"),
        ("kinds: {data.card: {absnt: true}}", "absnt"),
        ("kinds: {config.resolved: {record: [a]}}", "say in `files` where"),
        ("kinds: {data.card: {absent: true}}", "data.card: no run makes it: name in"),
        ("kinds: {data.card: {all: [], facts: [luck]}}", "no such fact: luck"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_sources(path)


def test_a_dotted_key_reaches_into_nested_records() -> None:
    assert dig({"a": {"b": 1}}, "a.b") == 1
    assert dig({"a": 1}, "a.b") is None
