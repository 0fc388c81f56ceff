"""What of a run leaves the house: bills of materials and model cards, as strangers read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.cli.dispatch import run
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.extensions.exports.bill_of_materials import reference_problems, write_bill
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.extensions.exports.exporting import export_run
from deepseek_report.extensions.exports.hub_card import write_card
from tests.real_runs import small_results

#: A name that means something in YAML, HTML, Markdown and to whoever reads from right to left.
HOSTILE = (
    "---\nlicense: mit\n---\n# <script>alert(1)</script> [x](http://e.example) | `a` $b$ \u202e*c*"
)


@pytest.fixture
def hostile(exported: ExportedRun) -> ExportedRun:
    """The same run with a hostile title, author, library and data."""
    results = exported.results
    config = dict(results.config)
    config["report"] = {**config["report"], "title": HOSTILE, "author": HOSTILE}
    renamed = replace(results, config=config)
    renamed.__dict__["card"] = {**results.card, "description": HOSTILE, "licence": HOSTILE}
    return replace(exported, results=renamed, libraries={HOSTILE: "1\n2", "numpy": "2.4.6"})


def test_the_same_run_gives_the_same_files_and_they_lie_beside_it(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = export_run(small_run.folder, ["bom", "model-card"], tmp_path / "first")
    command = ["export", str(small_run.folder), "--to", "bom,model-card"]
    assert run([*command, "--out", str(tmp_path / "second")]) == 0
    second = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in second] == ["bom.cdx.json", "MODEL_CARD.md"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_an_unknown_format_and_a_place_in_the_run_are_refused(small_run: Any) -> None:
    with pytest.raises(ConfigError, match="allowed: bom, model-card, docx"):
        export_run(small_run.folder, ["spdx"])
    with pytest.raises(ConfigError, match="lies in the run"):
        export_run(small_run.folder, ["bom"], small_run.folder / "exports")


# --- the bill of materials ------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["exported", "hostile"])
def test_a_bill_is_valid_by_the_strict_schema(which: str, request: pytest.FixtureRequest) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="an extra of tests")
    schema = pytest.importorskip("cyclonedx.schema")
    text = write_bill(request.getfixturevalue(which))
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_7)
    assert validator.validate_str(text) is None


def test_every_reference_of_a_bill_resolves_and_a_broken_one_is_named(
    exported: ExportedRun,
) -> None:
    bill = json.loads(write_bill(exported))
    assert reference_problems(bill) == []
    bill["dependencies"][0]["dependsOn"].append("pkg:pypi/nothing")
    bill["components"][0]["modelCard"]["modelParameters"]["datasets"][0]["ref"] = "data/lost"
    bill["components"].append({"type": "library", "name": "twin", "bom-ref": "model"})
    bill["properties"].append({"name": "lost", "value": "#/components/999/name"})
    assert reference_problems(bill) == [
        "model is the name of several parts",
        "ref names data/lost, which is not there",
        "dependsOn names pkg:pypi/nothing, which is not there",
        "lost points to #/components/999/name, where nothing is",
    ]


def test_a_metric_of_a_bill_has_the_value_interval_and_slice_of_its_score(
    exported: ExportedRun,
) -> None:
    bill = json.loads(write_bill(exported))
    metrics = bill["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert len(metrics) == len(exported.scores)
    assert any("slice" in metric for metric in metrics)
    for metric, score in zip(metrics, exported.scores, strict=True):
        assert (metric["type"], float(metric["value"])) == (score.metric, score.value)
        ends = metric.get("confidenceInterval")
        assert (ends is not None) == score.has_interval
        if ends:
            assert (float(ends["lowerBound"]), float(ends["upperBound"])) == (score.low, score.high)


def test_a_bill_answers_every_element_of_the_seven_clusters(exported: ExportedRun) -> None:
    bill = json.loads(write_bill(exported))
    names = [each["name"] for each in bill["properties"]]
    clusters = [name.split(":")[1] for name in names]
    assert {cluster: clusters.count(cluster) for cluster in clusters} == {
        "Metadata": 10,
        "System Level Properties": 9,
        "Models": 13,
        "Dataset Properties": 10,
        "Key Performance Indicators": 2,
        "Infrastructure": 2,
        "Security Properties": 4,
    }
    assert all(each["value"] for each in bill["properties"])


def test_a_bill_names_the_weights_and_the_data_by_the_digests_of_the_run(
    exported: ExportedRun,
) -> None:
    digests = exported.results.provenance["digests"]
    model, data = json.loads(write_bill(exported))["components"][:2]
    assert model["version"] == digests["weights"]
    properties = data["data"][0]["contents"]["properties"]
    assert {"name": "deepseek-report:prepared_data_digest", "value": digests["data"]} in properties


def test_a_bill_that_refers_to_nothing_is_not_written(
    exported: ExportedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.extensions.exports import bill_of_materials

    monkeypatch.setattr(bill_of_materials, "reference_problems", lambda _: ["ref names x"])
    with pytest.raises(ArtifactError, match=r"bom\.cdx\.json: ref names x"):
        write_bill(exported)


# --- the model card -------------------------------------------------------------------------------


def _metadata(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


@pytest.mark.parametrize("which", ["exported", "hostile"])
def test_the_library_of_the_hub_reads_the_evaluation_results(
    which: str, request: pytest.FixtureRequest
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    written = request.getfixturevalue(which)
    card = hub.ModelCard(write_card(written))
    scores = {(s.metric, s.value) for s in written.scores}
    results = card.data.eval_results
    assert results
    for result in results:
        assert (result.metric_type, result.metric_value) in scores
        assert (result.dataset_split, result.task_type) == ("test", "tabular-classification")
    assert card.data.to_dict()["model-index"] == _metadata(write_card(written))["model-index"]


def test_hostile_names_stand_on_a_card_as_they_are(hostile: ExportedRun) -> None:
    markdown = pytest.importorskip("markdown_it")
    card = write_card(hostile)
    assert "license" not in _metadata(card)
    _, _, body = card.partition("\n---\n\n")
    tokens = markdown.MarkdownIt("commonmark").parse(body)
    inline = [child for token in tokens for child in token.children or ()]
    assert not {"html_inline", "link_open", "image"} & {child.type for child in inline}
    assert not any(token.type == "html_block" for token in tokens)
    heading = next(token for token in tokens if token.type == "inline")
    shown = " ".join(HOSTILE.replace("\u202e", "\ufffd").split())
    assert "".join(child.content for child in heading.children) == shown


def test_a_card_says_what_the_sections_of_the_report_say(small_run: Any, tmp_path: Path) -> None:
    from deepseek_report.rendering.markdown import escape
    from deepseek_report.sections.performance import PerformanceSection

    (path,) = export_run(small_run.folder, ["model-card"], tmp_path / "out")
    content = PerformanceSection().content(small_results(small_run))
    assert escape(one_line(content.answer)) in path.read_text("utf-8")
