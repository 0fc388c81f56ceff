"""A table of one's own: what is inferred, what is refused and in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.errors import DataError
from tests.datasets import loading
from tests.datasets.loading import issues_of, notes_of, written
from tests.worded import say

Write = Callable[..., str]


def people(n: int = 120, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": random.normal(30000, 9000, n).round(2),
            "children": random.integers(0, 5, n),
            "job": random.choice(["clerk", "nurse", "smith"], n),
            "member": random.choice([True, False], n),
            "age": random.integers(18, 80, n),
            "outcome": np.where(np.arange(n) % 3 == 0, "denied", "granted"),
        }
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(frame: pd.DataFrame | None = None, name: str = "people.csv", **how: Any) -> str:
        return written(people() if frame is None else frame, tmp_path / name, **how)

    return save


def load(path: str, target: str = "outcome", **fields: Any) -> Dataset:
    return TableFile(path=path, target=target, **fields).load(5, Silent())


def refusal(path: str, target: str = "outcome", **fields: Any) -> str:
    return loading.refusal(TableFile(path=path, target=target, **fields))


# --- what is inferred -----------------------------------------------------------------------------


def test_kinds_are_inferred(write: Write) -> None:
    dataset = load(write())
    kinds = {feature.name: feature.kind for feature in dataset.schema.features}
    assert kinds == {
        "income": "numeric",
        "children": "ordinal",
        "job": "categorical",
        "member": "categorical",
        "age": "numeric",
    }
    assert dataset.schema.feature("member").display(1) == "yes"
    assert dataset.schema.target.classes == ("denied", "granted")


@pytest.mark.parametrize(
    ("name", "options"),
    [("people.parquet", {}), ("people.tsv", {"sep": "\t"}), ("bom.csv", {"encoding": "utf-8-sig"})],
)
def test_every_format_gives_the_same_data(write: Write, name: str, options: Any) -> None:
    plain, other = load(write()), load(write(name=name, **options))
    assert other.schema == plain.schema
    assert np.array_equal(other.test.inputs, plain.test.inputs)
    assert np.array_equal(other.train.labels, plain.train.labels)


def test_missing_cells_become_nan_and_are_reported(write: Write) -> None:
    frame = people()
    frame.loc[:11, "income"] = np.nan
    frame.loc[:2, "job"] = "?"
    dataset = load(write(frame), missing_values=("?",))
    assert dataset.card["missing"] == {"income": 12, "job": 3}
    assert issues_of(dataset)["missing_values"].values["worst"] == "income"


def test_the_text_none_is_a_category(write: Write) -> None:
    frame = people()
    frame["job"] = np.where(np.arange(120) % 2, "None", "nurse")
    categories = load(write(frame)).schema.feature("job").categories
    assert [category.label for category in categories] == ["None", "nurse"]


def test_dates_and_row_numbers_are_left_out_with_a_note(write: Write) -> None:
    frame = people().assign(
        since=pd.date_range("2020-01-01", periods=120).astype(str), customer_id=range(120)
    )
    dataset = load(write(frame))
    assert not {"since", "customer_id"} & set(dataset.schema.names)
    notes = notes_of(dataset)
    assert "“since” holds dates" in notes
    assert "“customer_id” is left out: it only numbers the rows; to keep it: " in notes
    sentence = say(issues_of(dataset)["left_out_dates"].text)
    assert sentence == "1 column of dates is left out: “since”."
    dates = people().assign(since=pd.date_range("2020-01-01", periods=120))
    assert "since" not in load(write(dates, "d.parquet")).schema.names


def test_an_ordered_column_of_parquet_keeps_its_order(write: Write) -> None:
    order = ["low", "middle", "high"]
    grade = pd.Categorical(np.resize(order, 120), categories=order, ordered=True)
    feature = load(write(people().assign(grade=grade), "o.parquet")).schema.feature("grade")
    assert feature.kind == "ordinal"
    assert [category.label for category in feature.categories] == order


def test_mute_classes_get_the_name_of_the_target(write: Write) -> None:
    frame = people()
    frame["left_early"] = (frame.pop("outcome") == "denied").astype(int)
    dataset = load(write(frame), "left_early", favourable=0)
    assert dataset.schema.target.classes == ("left early: 0", "left early: 1")


def test_the_class_that_is_not_favourable_is_explained(write: Write) -> None:
    target = load(write(), favourable="granted").schema.target
    assert (target.favourable_class, target.explained_class) == ("granted", "denied")
    assert target.explained == 1


def test_an_assumed_favourable_class_is_told(write: Write) -> None:
    assert "does not say which class is favourable" in notes_of(load(write()))
    assert "favourable" not in notes_of(load(write(), favourable="granted"))


def test_three_classes_keep_their_order_and_the_explained_one_is_told_where_it_is_assumed(
    write: Write,
) -> None:
    path = write(people().assign(outcome=np.resize(["low", "high", "middle"], 120)))
    assert "“low” was taken: declare dataset.positive" in notes_of(load(path))
    assert "positive" not in notes_of(load(path, positive="low"))
    assert "positive" not in notes_of(load(path, favourable="high"))  # that one is explained
    target = load(path, positive="low", favourable="high").schema.target
    assert target.classes == ("high", "low", "middle")
    assert (target.explained_class, target.favourable_class) == ("low", "high")


def test_a_bare_no_of_yaml_means_the_class_no(write: Write) -> None:
    frame = people()
    frame["outcome"] = np.where(frame["outcome"] == "denied", "yes", "no")
    assert load(write(frame), favourable=False).schema.target.favourable_class == "outcome: no"


def test_hostile_names_and_values_pass_through_unharmed(write: Write) -> None:
    values = ["<script>alert(1)</script>", "| a |", "{{< include x >}}", 'a,b\n"c"']
    frame = people().assign(**{"<b>{{ x }}</b>": np.resize(values, 120)})
    feature = load(write(frame)).schema.feature("<b>{{ x }}</b>")
    assert {category.label for category in feature.categories} == set(values)


# --- what is declared -----------------------------------------------------------------------------


def test_declared_columns_win_over_inference(write: Write) -> None:
    columns = TypeAdapter(dict[str, ColumnDeclaration]).validate_python(
        {
            "children": {"kind": "numeric", "label": "Number of children"},
            "job": {"categories": {"nurse": "Nurse", "clerk": "Clerk"}},
        }
    )
    schema = load(write(), columns=columns).schema
    assert schema.feature("children").label == "Number of children"
    assert schema.feature("children").is_numeric
    job = [(category.label, category.documented) for category in schema.feature("job").categories]
    assert job == [("Nurse", True), ("Clerk", True), ("code smith", False)]


def test_sensitive_columns_make_groups(write: Write) -> None:
    columns = {"age": ColumnDeclaration(bands=(30, 65), unit="years")}
    dataset = load(write(), sensitive=("age", "member"), columns=columns)
    age, member = sorted(dataset.schema.attributes, key=lambda attribute: attribute.name)
    assert age.levels == ("under 30", "30–64", "65 or more")
    assert member.levels == ("no", "yes")
    ages = dataset.test.inputs[:, dataset.schema.position("age")]
    assert np.array_equal(dataset.test.groups["age_band"], np.digitize(ages, [30, 65]))
    assert not dataset.schema.feature("age").mutable


def test_quartiles_are_the_bands_if_none_are_declared(write: Write) -> None:
    dataset = load(write(), sensitive=("income",))
    codes = dataset.every_part.groups["income_band"]
    assert np.bincount(codes).tolist() == pytest.approx([30, 30, 30, 30], abs=1)


def test_levels_merge_and_name_groups(write: Write) -> None:
    levels = {"clerk": "office", "nurse": "outside", "smith": "outside"}
    dataset = load(write(), columns={"job": ColumnDeclaration(sensitive=True, levels=levels)})
    assert dataset.schema.attribute("job").levels == ("office", "outside")


def test_decisions_as_labels_are_a_limit(write: Write) -> None:
    dataset = load(write(), labels_are_decisions=True)
    assert dataset.schema.target.labels_are_decisions
    assert any("decisions" in say(text) for text in dataset.card["limits"])


def test_what_the_config_does_not_say_is_an_issue(write: Write) -> None:
    issue = issues_of(load(write()))["population_limits"]
    assert issue.values["undeclared"] == ["source", "period", "population", "decision"]


# --- what is refused ------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_its_neighbours(write: Write) -> None:
    path = write()
    text = refusal(path.replace("people", "peopel"))
    assert "there is no such file" in text
    assert "near it: people.csv" in text


def test_missing_columns_are_named_all_at_once_with_the_nearest(write: Write) -> None:
    text = refusal(write(), target="outcom", sensitive=("agee",), drop=("zzz",))
    assert "did you mean `outcome`?" in text
    assert "did you mean `age`?" in text
    assert "the columns are `income`, " in text


def test_problems_are_known_without_loading(write: Write) -> None:
    assert TableFile(path=write(), target="outcome").problems() == []
    assert len(TableFile().problems()) == 2
    assert "`outcom`" in TableFile(path=write(), target="outcom").problems()[0]
    both = TableFile(path=write(), target="outcome", drop=("age",), sensitive=("age",))
    assert "has two roles" in both.problems()[0]


def test_the_digest_follows_the_content(write: Write) -> None:
    before = TableFile(path=write()).source_digest
    first = TableFile(path=write(), target="outcome").source_digest()
    second = TableFile(path=write(people(seed=1)), target="outcome").source_digest()
    assert first != second
    with pytest.raises(DataError, match="`target` is not set"):
        before()


@pytest.mark.parametrize(
    ("content", "declared", "words"),
    [
        *((content, {}, "raw.csv") for content in ("", "a,outcome\n", "\n\n")),
        ("a,outcome\n1,x\n1,x,y\n", {}, "line 3 has 3 cells, the header has 2"),
        ("a,outcome\n1\n", {}, "line 2 has 1 cells"),
        ('a,outcome\n1,"x\n2,y\n', {}, "cannot be read"),
        ("a,a,outcome\n1,2,x\n", {}, "more than once: `a`"),
        ("a,b\n", {"encoding": "utf-99"}, "not the name of an encoding"),
        ("job,outcome\na,b\n".encode("utf-16"), {"encoding": "utf-8"}, "utf-16"),
        (
            "job,outcome\nBäcker,a\n".encode("cp1252"),
            {"encoding": "utf-8"},
            "not written in utf-8, first at byte 14",
        ),
        (
            "job,outcome\nBäcker,a\n".encode("cp1252"),
            {"encoding": "utf-8"},
            "dataset.encoding=cp1252",
        ),
    ],
)
def test_bytes_that_are_no_table_are_refused_with_their_place(
    tmp_path: Path, content: bytes | str, declared: dict[str, str], words: str
) -> None:
    path = tmp_path / "raw.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert words in refusal(str(path), **declared)


def _with_cell(place: int | list[int], column: str, cell: object, frame: Any = None) -> Any:
    frame = people().astype({column: object}) if frame is None else frame
    frame.loc[place, column] = cell
    return frame


@pytest.mark.parametrize(
    ("frame", "declared", "words"),
    [
        (people(2), {}, "too few for a training"),
        (people().assign(outcome="granted"), {}, "all rows have the same class, 'granted'"),
        (_with_cell([3, 9], "outcome", None), {}, "missing in 2 rows: rows 4, 10"),
        (_with_cell(6, "income", "a lot"), {}, "first in row 7"),
        (
            _with_cell(6, "income", "a lot"),
            {"columns": {"income": ColumnDeclaration(kind="numeric")}},
            "1 cell is not a number, first in row 7 ('a lot')",
        ),
        (people(), {"columns": {"job": ColumnDeclaration(kind="ordinal")}}, "lowest first"),
        (people(), {"favourable": "grant"}, "'denied', 'granted'"),
        (people().assign(nothing=np.nan), {}, "column `nothing`: every cell is empty"),
        (
            _with_cell(4, "income", np.inf, people().assign(nothing=np.nan)),
            {},
            "column `income`: 1 infinite value, first in row 5",
        ),
    ],
)
def test_cells_and_columns_that_cannot_be_used_are_refused_with_their_place(
    write: Write, frame: pd.DataFrame, declared: dict[str, Any], words: str
) -> None:
    assert words in refusal(write(frame), **declared)


def test_too_many_categories_are_refused_with_the_limit(write: Write) -> None:
    frame = pd.DataFrame({"word": [f"w{i}" for i in range(12000)], "x": np.arange(12000) % 700})
    frame["outcome"] = np.arange(12000) % 2
    text = refusal(write(frame))
    assert "12\u202f000 different values" in text
    assert "at most 100 categories" in text


def test_files_that_are_no_tables_are_refused(write: Write, tmp_path: Path) -> None:
    frame = people().assign(tags=[[1, 2]] * 120)
    assert "column `tags`: it holds" in refusal(write(frame, "l.parquet"))
    for name, words in (
        ("x.parquet", "not a readable Parquet file"),
        ("x.ods", ".csv, .tsv, .txt, .parquet"),
    ):
        (tmp_path / name).write_text("a,b\n1,2\n")
        assert words in refusal(str(tmp_path / name))
    assert "this is a folder" in refusal(str(tmp_path))
