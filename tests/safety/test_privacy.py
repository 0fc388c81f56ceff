"""What a run folder holds of single persons, at each level of `report.privacy`."""

from __future__ import annotations

import base64
import csv
import gzip
import importlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import Bounds, LinearConstraint, milp

from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.message import message, text_of
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.config.catalogue import target_of
from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import shipped_file, shipped_files
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from deepseek_report.errors import ConfigError
from deepseek_report.metrics.performance.performance_rows import ThresholdStep
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.privacy.measures import _thinned, edges, released
from deepseek_report.privacy.release import released_card
from deepseek_report.privacy.withheld import Relation, RunSource, suppress
from deepseek_report.sections.threshold_slider import _told_apart
from tests.builders import table
from tests.configured import experiment_of, run_of
from tests.worded import say

#: What single rows have: a job of one person, a region of three, an income like no other.
JOB, REGION, INCOME = "Falconer", "Ruritania", "987654321"
METRICS = (
    "accuracy,roc_auc,average_precision,expected_calibration_error,confusion_matrix,"
    "threshold_sweep,group_rates,impact_ratio,slices,label_suspects,importance,deletion,"
    "explanation_by_group,cases"
)
PICTURES = (
    "data_samples,training_curves,roc_curve,reliability,threshold_sweep,global_importance,"
    "beeswarm,case_contributions,group_rates,slices"
)


def people(path: Path) -> None:
    """420 people with an income each of their own."""
    generator = np.random.default_rng(3)
    incomes = generator.permutation(np.arange(20_011, 61_000, 97))[:420]
    rows = [
        {
            "age": int(generator.integers(20, 70)),
            "sex": str(generator.choice(["woman", "man"])),
            "region": str(generator.choice(["north", "south", "east"], p=[0.4, 0.3, 0.3])),
            "income": int(income),
            "job": str(generator.choice(["clerk", "driver", "nurse", "teacher"])),
            "outcome": "granted" if generator.random() < income / 80_000 else "denied",
        }
        for income in incomes
    ]
    rows[17] |= {"job": JOB, "income": int(INCOME)}
    for place in (18, 19, 20):
        rows[place]["region"] = REGION
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@dataclass(frozen=True)
class Runs:
    """The same experiment at every level, from one store."""

    folders: dict[str, Path]
    base: tuple[str, ...]
    named: tuple[int, int]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("privacy")
    people(folder / "people.csv")
    base = (
        *("debug=fast", "jobs=1", "measure_time=false", "model=mlp", "frameworks=[]"),
        *("dataset=csv", f"dataset.path={folder}/people.csv", "dataset.target=outcome"),
        *("dataset.favourable=granted", "dataset.positive=denied", "dataset.rows=null"),
        *("dataset.sensitive=[sex,region]", "explainers=[input_x_gradient,lime,random]"),
        *(f"metrics=[{METRICS}]", f"visualizations=[{PICTURES}]", "report.thresholds=[]"),
        *(f"paths.reports={folder}/r", f"paths.store={folder}/s"),
    )
    full = run(*base)
    ids = np.load(full / "artifacts/data/test.npz")["instance_ids"]
    named = (int(ids[3]), int(ids[5]))
    folders = {
        "full": full,
        "cases": run(*base, "report.privacy=cases", f"report.cases=[{named[0]},{named[1]}]"),
        "aggregate": run(*base, "report.privacy=aggregate"),
    }
    return Runs(folders, base, named)


def run(*overrides: str) -> Path:
    finished = run_of(*overrides)
    assert not finished.failures
    return finished.folder


# --- looking everywhere ---------------------------------------------------------------------------


@cache
def texts(folder: Path) -> tuple[tuple[str, str], ...]:
    """Every file of a folder as text, decoded and unpacked, with digits as they were typed."""
    return tuple(_texts(folder))


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            for how, text in _decoded(path):
                yield f"{name} {how}".strip(), re.sub(r"(?<=\d)[\u202f\u00a0,](?=\d{3})", "", text)


def _decoded(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix == ".npz":
        for name, array in np.load(path).items():
            yield name, " ".join(map(str, array.ravel().tolist()))
    elif path.suffix == ".parquet":
        yield "", pd.read_parquet(path).to_csv()
    else:
        text = path.read_bytes().decode("utf-8", "replace")
        yield "", text
        for packed in re.findall(r"[A-Za-z0-9+/]{80,}={0,2}", text):
            yield from _unpacked(packed)


def _unpacked(packed: str) -> Iterator[tuple[str, str]]:
    try:
        raw = base64.b64decode(packed)
    except ValueError:
        return
    yield "embedded", raw.decode("utf-8", "replace")
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            yield "embedded, unpacked", unpack(raw).decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error):
            continue


def places(folder: Path, canary: str) -> list[str]:
    return [name for name, text in texts(folder) if canary in text]


STRICT = ("cases", "aggregate")


#: Exports of a model that is a list of rules.
RULES = ("rules-text", "rules-sql", "rules-json")


@pytest.mark.parametrize("canary", [JOB, REGION, INCOME])
def test_a_full_folder_holds_what_single_persons_have(runs: Runs, canary: str) -> None:
    """So the search finds what is there: in tables, arrays and the report."""
    names = places(runs.folders["full"], canary)
    assert any(name.startswith("artifacts/data/") for name in names)
    assert "report.html" in names


def test_the_search_sees_into_what_the_page_has_packed(runs: Runs) -> None:
    assert any("unpacked" in name for name, _ in texts(runs.folders["full"]))


@pytest.mark.parametrize("canary", [JOB, REGION, INCOME, "9.877e+08", "9.88e+08", "988000000"])
@pytest.mark.parametrize("level", STRICT)
def test_no_byte_tells_what_single_persons_have(runs: Runs, level: str, canary: str) -> None:
    assert places(runs.folders[level], canary) == []


@pytest.mark.parametrize("level", STRICT)
def test_no_export_tells_what_single_persons_have(runs: Runs, level: str, tmp_path: Path) -> None:
    pytest.importorskip("docxtpl")
    exporting = pytest.importorskip("deepseek_report.extensions.exports.exporting")
    formats = [name for name in exporting.FORMATS if name not in RULES]
    files = exporting.export_run(runs.folders[level], formats, tmp_path)
    assert all(path.is_file() for path in files)
    assert [place for canary in (JOB, REGION, INCOME) for place in places(tmp_path, canary)] == []


@pytest.mark.parametrize("level", STRICT)
def test_rules_in_full_stay_out_of_the_folder_and_are_not_exported(runs: Runs, level: str) -> None:
    own = ("model=rules", "explainers=[]", "metrics=[rules]", "visualizations=[]")
    replaced = {override.partition("=")[0] for override in own}
    kept = [override for override in runs.base if override.partition("=")[0] not in replaced]
    folder = run(*kept, *own, f"report.privacy={level}")
    assert [place for canary in (JOB, REGION, INCOME) for place in places(folder, canary)] == []
    exporting = pytest.importorskip("deepseek_report.extensions.exports.exporting")
    for name in RULES:
        with pytest.raises(ConfigError, match=rf"report\.privacy={level} keeps the rules"):
            exporting.export_run(folder, [name], folder.parent / "rules")


@pytest.mark.parametrize("level", STRICT)
def test_no_income_of_a_person_stands_anywhere_but_as_a_quartile(runs: Runs, level: str) -> None:
    stored = np.load(runs.folders["full"] / "artifacts/data/test.npz")["inputs"]
    frame = pd.read_csv(
        next(override for override in runs.base if "path=" in override).partition("=")[2]
    )
    incomes = {str(income) for income in frame["income"]}
    assert {str(int(income)) for income in stored[:, 3]} <= incomes
    released = {token for _, text in texts(runs.folders[level]) for token in _numbers(text)}
    in_full = {token for _, text in texts(runs.folders["full"]) for token in _numbers(text)}
    assert len(in_full & incomes) > 80  # the whole test part
    assert (
        len(released & incomes) <= 8
    )  # quartiles of all rows and of the training part, the median


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.−-])(\d{5})(?:\.0)?(?![\w.])", text))


@pytest.mark.parametrize("level", STRICT)
def test_no_row_of_the_data_and_no_row_number_is_in_the_folder(runs: Runs, level: str) -> None:
    folder = runs.folders[level]
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert not names & {"test.npz", "train.npz", "predictions.npz", "cases.npz"}
    assert not {name for name in names if name.endswith((".safetensors", ".skops", ".pt"))}
    assert not (folder / "tensorboard").exists()
    for path in folder.rglob("*.npz"):
        arrays = np.load(path)
        assert path.parent.parent.name == "explanations"
        assert arrays["values"].shape[1] == arrays["inputs"].shape[1] == 0
        assert np.isnan(arrays["predictions"]).all()
    for path in folder.rglob("*.parquet"):
        table = pd.read_parquet(path)
        assert not {"prototype_id", "row_id"} & set(table.columns)
        if "instance_id" in table:
            assert level == "cases"
            assert table["instance_id"].tolist() == [1, 2]


@pytest.mark.parametrize("level", STRICT)
def test_every_published_group_has_enough_rows_and_gives_no_other_away(
    runs: Runs, level: str
) -> None:
    card = json.loads((runs.folders[level] / "artifacts/data/card.json").read_text("utf-8"))
    for rows in card["groups"].values():
        assert all(row["n"] >= 5 for row in rows if row["n"])
        missing = card["rows"] - sum(row["n"] for row in rows)
        assert missing == 0 or missing >= 5
    regions = [row["level"] for row in card["groups"]["region"] if row["n"]]
    assert len(regions) <= 2, "one of the large regions goes with the small one"
    rates = pd.read_parquet(runs.folders[level] / "artifacts/measures/group_rates/groups.parquet")
    assert set(rates.loc[rates["attribute"] == "region", "level"]) <= set(regions)


@pytest.mark.parametrize("level", STRICT)
def test_smallest_and_largest_values_are_quantiles_and_the_report_says_so(
    runs: Runs, level: str
) -> None:
    card = json.loads((runs.folders[level] / "artifacts/data/card.json").read_text("utf-8"))
    income = next(row for row in card["numeric"] if row["feature"] == "income")
    assert 20_011 < income["min"] < income["q25"] < income["q75"] < income["max"] < 61_000
    document = (runs.folders[level] / "report.qmd").read_text("utf-8")
    assert "Low quantile" in document
    assert "| Min |" not in document


def test_numbers_do_not_change_with_privacy(runs: Runs) -> None:
    keys = ["metric", "explainer", "attribute", "level", "slice", "predictor"]
    scores = {
        level: pd.read_parquet(runs.folders[level] / "scores.parquet").set_index(keys)
        for level in ("full", "aggregate")
    }
    released, whole = scores["aggregate"], scores["full"]
    assert len(released) > 20
    pd.testing.assert_frame_equal(released, whole.loc[released.index])


# --- what is said ---------------------------------------------------------------------------------


def test_the_first_page_says_how_many_personal_rows_the_folder_holds(runs: Runs) -> None:
    n = len(np.load(runs.folders["full"] / "artifacts/data/test.npz")["labels"])
    first = first_page(runs.folders["full"])
    assert "This folder holds personal rows" in first
    assert f"{n} rows of the test part" in first


@pytest.mark.parametrize("level", STRICT)
def test_the_first_page_says_that_no_rows_are_there(runs: Runs, level: str) -> None:
    first = first_page(runs.folders[level])
    assert f"report.privacy is {level}" in first
    assert "holds personal rows" not in first


def first_page(folder: Path) -> str:
    return (folder / "report.qmd").read_text("utf-8").partition("## What was")[0]


@pytest.mark.parametrize("level", ["full", *STRICT])
def test_run_json_says_the_level(runs: Runs, level: str) -> None:
    record = json.loads((runs.folders[level] / "run.json").read_text("utf-8"))
    assert record["privacy"] == {"level": level, "floor": 5}


@pytest.mark.parametrize("level", STRICT)
def test_parts_that_show_rows_are_named_with_the_reason(runs: Runs, level: str) -> None:
    record = json.loads((runs.folders[level] / "run.json").read_text("utf-8"))
    reasons = {problem["stage"]: say(text_of(problem["reason"])) for problem in record["problems"]}
    for name in ("beeswarm", "case_contributions"):
        assert reasons[f"pictures/{name}"].startswith(f"left out: report.privacy is {level}")
        assert not list((runs.folders[level] / "figures").glob(f"{name}*"))
    assert "Left out for the privacy" in (runs.folders[level] / "report.qmd").read_text("utf-8")


def test_no_section_breaks_where_rows_are_not_there(runs: Runs) -> None:
    for level in STRICT:
        document = (runs.folders[level] / "report.qmd").read_text("utf-8")
        assert "could not be written" not in document


def test_a_named_case_is_shown_in_bands_and_under_a_number_of_its_own(runs: Runs) -> None:
    folder = runs.folders["cases"]
    document = (folder / "report.qmd").read_text("utf-8").partition("{#sec-cases}")[2]
    pages = document.partition("{#sec-trust}")[0]
    assert "Case 1" in pages
    assert "Case 2" in pages
    assert "of the source" not in pages
    inputs = pd.read_parquet(folder / "artifacts/measures/cases/inputs.parquet")
    for text in inputs.loc[inputs["feature"].isin(["age", "income"]), "display"]:
        assert re.match(r"(over|up to) ", text)


def test_the_page_of_a_named_case_stores_no_more_than_its_bands(runs: Runs) -> None:
    folder = runs.folders["cases"]
    stored = json.loads((folder / "tables" / "cases.json").read_text("utf-8"))
    assert [case["id"] for case in stored["cases"]] == [1, 2]
    assert len(stored["pages"]) == 2
    assert stored["groups"] == []
    assert stored["what_if"] is None
    for case, page in zip(stored["cases"], stored["pages"], strict=True):
        assert case["groups"] == []
        assert "glance" not in case
        assert case["waterfall"] is None
        assert page["like"] is page["way"] is page["what_if"] is None
        banded = [shown for label, shown, _ in page["inputs"] if label.lower() in {"age", "income"}]
        assert banded
        assert all(re.match(r"(over|up to) ", shown) for shown in banded)


def test_no_record_names_the_rows_of_the_cases(runs: Runs) -> None:
    folder = runs.folders["cases"]
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["config"]["report"]["cases"] == ["withheld", "withheld"]
    assert "report.cases=[withheld,withheld]" in record["command"]["overrides"]
    both = f"{runs.named[0]},{runs.named[1]}"
    assert places(folder, both) == []
    assert f"- {runs.named[0]}\n" not in (folder / "config.yaml").read_text("utf-8")


def test_the_shown_cases_are_those_that_were_named(runs: Runs) -> None:
    store = np.load(runs.folders["full"] / "artifacts/predictions/test/predictions.npz")
    cases = pd.read_parquet(runs.folders["cases"] / "artifacts/measures/cases/cases.parquet")
    at = [int(np.flatnonzero(store["instance_ids"] == row_id)[0]) for row_id in runs.named]
    assert cases["probability"].tolist() == pytest.approx(store["probabilities"][at, 1].tolist())


# --- what is refused ------------------------------------------------------------------------------


def test_a_case_outside_of_the_test_part_is_a_message(runs: Runs) -> None:
    known = np.load(runs.folders["full"] / "artifacts/data/test.npz")["instance_ids"]
    other = next(row_id for row_id in range(420) if row_id not in known)
    with pytest.raises(ConfigProblems, match=rf"row {other}, and it is in the \w+ part"):
        run_of(*runs.base, "report.privacy=cases", f"report.cases=[{other}]")


def test_cases_are_not_named_where_none_is_shown(runs: Runs) -> None:
    with pytest.raises(ConfigProblems, match=r"report\.cases"):
        experiment_of(*runs.base, "report.privacy=aggregate", "report.cases=[1]")


def test_a_withheld_case_is_no_case(runs: Runs) -> None:
    with pytest.raises(ConfigProblems, match="withheld"):
        experiment_of(*runs.base, "report.privacy=cases", "report.cases=[withheld]")


PLUG_INS = '''
from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.metrics.performance.classification_scores import Accuracy
from deepseek_report.visualizations.performance.ranking_pictures import RocCurvePicture


@dataclass(frozen=True)
class Silent(Accuracy):
    """Inherits what its parent declares, and says nothing itself."""


@dataclass(frozen=True)
class Open(Accuracy):
    reveals: ClassVar[str] = "aggregate"


@dataclass(frozen=True)
class Drawn(RocCurvePicture):
    """A picture that says nothing either."""
'''


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "plugins_of_mine.py").write_text(PLUG_INS)
    monkeypatch.syspath_prepend(tmp_path)
    return "plugins_of_mine"


@pytest.mark.parametrize("level", STRICT)
def test_a_plug_in_that_does_not_declare_what_it_reveals_is_left_out(
    runs: Runs, plug_ins: str, level: str
) -> None:
    own = [
        f"+metrics.silent._target_={plug_ins}.Silent",
        f"+metrics.open._target_={plug_ins}.Open",
        f"+visualizations.drawn._target_={plug_ins}.Drawn",
    ]
    composed = compose([*runs.base, *own, f"report.privacy={level}"])
    experiment = validate(composed, trust=[plug_ins])
    reasons = {refusal.artifact: refusal.reason for refusal in experiment.refused}
    for artifact in ("measures/silent", "pictures/drawn"):
        assert "does not declare what it reveals" in say(reasons[artifact])
    assert "open" in experiment.metrics
    assert "silent" not in experiment.metrics
    assert "drawn" not in experiment.visualizations


def shipped_parts() -> list[str]:
    groups = ("metrics", "visualizations", "explainers")
    return [f"{group}/{file.stem}" for group in groups for file in shipped_files(group)]


@pytest.mark.parametrize("part", shipped_parts())
def test_every_part_of_the_package_declares_what_it_reveals(part: str) -> None:
    module, _, name = target_of(shipped_file(*part.split("/"))).rpartition(".")
    assert vars(getattr(importlib.import_module(module), name))["reveals"] in {
        *("aggregate", "cases", "rows")
    }


def test_at_level_full_nobody_has_to_declare_anything(runs: Runs, plug_ins: str) -> None:
    composed = compose([*runs.base, f"+metrics.silent._target_={plug_ins}.Silent"])
    assert "silent" in validate(composed, trust=[plug_ins]).metrics


# --- rows of entities -----------------------------------------------------------------------------


def source_of_people(folder: Path, declared: bool) -> RunSource:
    """40 people with four rows each; nine live in the south, three of them are in each part."""
    owners = np.repeat(np.arange(40), 4)
    rows = Split(
        np.random.default_rng(0).normal(size=(160, 1)),
        np.tile([0, 1], 80),
        np.arange(160),
        {"region": (owners < 9).astype(np.int64)},
        entities=owners if declared else None,
    )
    region = Attribute("region", "Region", ("north", "south"))
    parts = [rows.take(np.flatnonzero(owners % 3 == k)) for k in range(3)]
    path = folder / str(declared)
    Dataset(table("x", attributes=(region,)), *parts, {}).save(path)
    return RunSource.of({"data": path}, Privacy("aggregate", 5))


def test_counts_under_the_floor_are_those_of_people_where_a_row_is_not_a_person(
    tmp_path: Path,
) -> None:
    rows, people = (source_of_people(tmp_path, declared) for declared in (False, True))
    assert (rows.floor, people.floor) == (5, 17), "four people have 16 rows"
    assert people.is_small(16)
    assert not rows.is_small(16)
    assert ("region", "south") in people.withheld.levels
    assert ("region", "south") not in rows.withheld.levels
    assert max(np.diff(edges(people, 0))) > min(np.diff(edges(rows, 0)))
    left_out = say(message("notes.privacy.left_out", floor=5, rows=people.floor))
    assert "fewer than 5 entities are left out here (any 17 rows are of so many)" in left_out
    assert "entities" not in say(message("notes.privacy.left_out", floor=5, rows=5))


def tables_of_values() -> list[tuple[str, str, TableType]]:
    """(metric, table, its type) of all shipped tables that tell values of features."""
    made = []
    for file in shipped_files("metrics"):
        module, _, name = target_of(file).rpartition(".")
        types = getattr(importlib.import_module(module), name).tables
        made += [(file.stem, table, kind) for table, kind in types.items() if kind.release]
    return [(metric, table, kind) for metric, table, kind in made if kind.release.values]


@pytest.mark.parametrize(("metric", "table", "kind"), tables_of_values())
def test_every_table_of_values_is_released_with_inner_values_of_three_digits(
    tmp_path: Path, metric: str, table: str, kind: TableType
) -> None:
    source, how = source_of_people(tmp_path, False), kind.release
    assert how is not None, (metric, table)
    few = source.floor - 1
    counts = [100, few, 100] if how.counts else [100, 100, 100]
    values = [0.123456, 0.234567, 99.0]
    rows: list[dict[str, object]] = [
        dict.fromkeys(kind.keys, 0.5)
        | {"feature": "x", "display": str(value)}
        | dict.fromkeys(how.values, value)
        | dict.fromkeys(how.counts, n)
        for value, n in zip(values, counts, strict=True)
    ]
    kept = released(pd.DataFrame(rows)[kind.keys], how, source)
    inner = [0.123] if how.counts else [0.123, 0.235]
    assert list(kept.columns) == kind.keys
    for column in how.values:
        assert kept[column].tolist() == inner
    if "display" in kept:
        assert not [text for text in kept["display"] if "12345" in text or "23456" in text]


def test_a_card_names_entities_only_where_each_part_has_enough(tmp_path: Path) -> None:
    source = source_of_people(tmp_path, True)
    facts = {"entity": "client", "rows": 160, "tested": 52, "rows_of": 40, "tested_of": 13}
    assert released_card({"observations": facts}, source)["observations"] == facts
    few = {**facts, "tested_of": 4}
    assert released_card({"observations": few}, source)["observations"] is None


@pytest.mark.parametrize("n", [12, 60, 400])
def test_between_the_rows_of_a_curve_lie_none_of_a_class_or_as_many_as_the_floor(n: int) -> None:
    random = np.random.default_rng(n)
    labels = (random.random(n) < 0.3).astype(np.int64)
    scores = np.sort(random.random(n))
    hits, alarms = (np.cumsum(kind[::-1])[::-1] for kind in (labels == 1, labels == 0))
    table = pd.DataFrame(
        {
            "threshold": scores,
            "true_positive_rate": hits / hits[0],
            "false_positive_rate": alarms / alarms[0],
        }
    )
    floor, sizes = 5, np.array([hits[0], alarms[0]])
    source = SimpleNamespace(floor=floor, size={"explained": hits[0], "others": alarms[0]}.get)
    how = ThresholdSweep.tables["sweep"].release
    assert how is not None
    kept = _thinned(table, how, source)  # type: ignore[arg-type]
    counts = kept[["true_positive_rate", "false_positive_rate"]].to_numpy() * sizes
    steps = np.abs(np.diff(np.vstack([sizes, counts, [0, 0]]), axis=0)).round()
    assert ((steps == 0) | (steps >= floor)).all()
    assert len(kept) > n // 40


def test_the_slider_of_such_a_folder_tells_no_few_cases_beside_the_threshold_in_use() -> None:
    def step(hits: int, alarms: int, *, in_use: bool = False) -> ThresholdStep:
        return ThresholdStep(0.5, in_use, hits, alarms, 40 - hits, 60 - alarms)

    used = step(20, 10, in_use=True)
    far, near, alike = step(30, 16), step(22, 10), step(20, 15)
    assert _told_apart([far, near, alike, used], 5) == [far, alike, used]
    assert _told_apart([far, step(20, 3, in_use=True)], 5) == []


FLOOR = 5


def one_total(n: int) -> list[Relation]:
    return [Relation(tuple(range(n)))]


def crossed(rows: int, columns: int) -> tuple[list[Relation], int]:
    """Cells of a table, then its row sums and its column sums; all their totals are public."""
    inner = np.arange(rows * columns).reshape(rows, columns)
    sums = rows * columns + np.arange(rows + columns)
    relations = [Relation(tuple(line.tolist()), int(sums[i])) for i, line in enumerate(inner)]
    relations += [
        Relation(tuple(line.tolist()), int(sums[rows + j])) for j, line in enumerate(inner.T)
    ]
    relations.append(Relation(tuple(sums[:rows].tolist())))
    relations.append(Relation(tuple(sums[rows:].tolist())))
    return relations, rows * columns + rows + columns


def with_sums(table: np.ndarray) -> np.ndarray:
    return np.concatenate([table.ravel(), table.sum(axis=1), table.sum(axis=0)])


def possible(
    counts: np.ndarray, hidden: np.ndarray, relations: list[Relation], cell: int
) -> tuple[int, int]:
    """The least and the most that a cell can be: whole numbers that fit all that is published."""
    rows, totals = [], []
    for relation in relations:
        row = np.zeros(len(counts))
        row[list(relation.parts)] = 1
        if relation.whole is not None:
            row[relation.whole] = -1
        rows.append(row)
        totals.append(row @ counts)
    known = Bounds(np.where(hidden, 0, counts), np.where(hidden, counts.sum(), counts))
    ends = []
    for sign in (1, -1):
        aim = np.zeros(len(counts))
        aim[cell] = sign
        optimum = milp(
            aim,
            constraints=LinearConstraint(np.array(rows), totals, totals),
            bounds=known,
            integrality=np.ones(len(counts)),
        )
        assert optimum.success
        ends.append(round(sign * optimum.fun))
    return ends[0], ends[1]


def check(counts: np.ndarray, relations: list[Relation]) -> None:
    hidden = suppress(counts, relations, FLOOR)
    small = (counts > 0) & (counts < FLOOR)
    assert hidden[small].all()
    for cell in np.flatnonzero(small):
        low, high = possible(counts, hidden, relations, int(cell))
        assert low < high
        assert high >= FLOOR, "a reader would know that it is under the floor"


@given(arrays(np.int64, st.integers(2, 7), elements=st.integers(0, 12)))
def test_a_small_count_does_not_follow_from_the_others_and_their_total(counts: np.ndarray) -> None:
    if counts.sum() >= FLOOR:
        check(counts, one_total(len(counts)))


@given(
    arrays(np.int64, st.tuples(st.integers(2, 4), st.integers(2, 4)), elements=st.integers(0, 9))
)
def test_a_small_cell_does_not_follow_from_a_crossing_and_its_margins(table: np.ndarray) -> None:
    if table.sum() >= FLOOR:
        check(with_sums(table), crossed(*table.shape)[0])


def test_every_small_table_of_three_cells_is_safe() -> None:
    for cells in product(range(8), repeat=3):
        if sum(cells) >= FLOOR:
            check(np.array(cells), one_total(3))


def test_subtraction_gives_a_small_cell_back_where_only_that_one_is_left_out() -> None:
    """The oracle itself sees the attack that secondary suppression is there for."""
    counts, alone = np.array([3, 40, 57]), np.array([True, False, False])
    assert possible(counts, alone, one_total(3), 0) == (3, 3)
    assert suppress(counts, one_total(3), FLOOR).tolist() == [True, True, False]


def test_a_table_without_small_cells_stays_whole() -> None:
    table = np.array([[5, 6], [0, 90]])
    assert not suppress(with_sums(table), crossed(2, 2)[0], FLOOR).any()


def test_counts_that_are_published_together_are_left_out_together() -> None:
    """A group of 40 of which 2 are refused: the size goes with the count."""
    counts = np.array([[40, 38, 2], [50, 25, 25], [60, 30, 30]])
    assert suppress(counts, one_total(3), FLOOR).tolist() == [True, True, False]
