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
    def save(frame: pd.DataFrame | None = None, name: str = "people.csv", **kwargs: Any) -> str:
        path = tmp_path / name
        frame = people() if frame is None else frame
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False, **kwargs)
        return str(path)

    return save


@pytest.fixture
def raw(tmp_path: Path) -> Callable[[bytes | str], str]:
    def save(content: bytes | str) -> str:
        path = tmp_path / "raw.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return save


def load(path: str, target: str = "outcome", **fields: Any) -> Dataset:
    return TableFile(path=path, target=target, **fields).load(5, Silent())


def refusal(path: str, **fields: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(path, **fields)
    text = str(caught.value)
    assert "Allowed: " in text
    assert "What to do: " in text
    return text


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
    [
        ("people.parquet", {}),
        ("people.tsv", {"sep": "\t"}),
        ("semicolon.csv", {"sep": ";"}),
        ("bom.csv", {"encoding": "utf-8-sig"}),
    ],
)
def test_every_format_gives_the_same_data(write: Write, name: str, options: Any) -> None:
    plain, other = load(write()), load(write(name=name, **options))
    assert other.schema == plain.schema
    assert np.array_equal(other.test.inputs, plain.test.inputs)
    assert np.array_equal(other.train.labels, plain.train.labels)


def test_a_decimal_comma_is_read(write: Write) -> None:
    path = write(sep=";", decimal=",")
    dataset = load(path, decimal=",")
    assert dataset.schema.feature("income").kind == "numeric"
    assert np.array_equal(dataset.train.inputs, load(write(name="b.csv")).train.inputs)


def test_another_encoding_is_read_when_declared(write: Write) -> None:
    frame = people()
    frame["job"] = np.where(np.arange(120) % 2, "Bäcker", "Müller")
    dataset = load(write(frame, encoding="cp1252"), encoding="cp1252")
    assert [category.label for category in dataset.schema.feature("job").categories] == [
        "Bäcker",
        "Müller",
    ]


def test_missing_cells_become_nan_and_are_reported(write: Write) -> None:
    frame = people()
    frame.loc[:11, "income"] = np.nan
    frame.loc[:2, "job"] = "?"
    dataset = load(write(frame), missing_values=("?",))
    assert dataset.card["missing"] == {"income": 12, "job": 3}
    issue = next(candidate for candidate in dataset.issues if candidate.check == "missing_values")
    assert issue.values["worst"] == "income"


def test_the_text_none_is_a_category(write: Write) -> None:
    frame = people()
    frame["job"] = np.where(np.arange(120) % 2, "None", "nurse")
    dataset = load(write(frame))
    assert [category.label for category in dataset.schema.feature("job").categories] == [
        "None",
        "nurse",
    ]


def test_dates_and_row_numbers_are_left_out_with_a_note(write: Write) -> None:
    frame = people().assign(
        since=pd.date_range("2020-01-01", periods=120).astype(str), customer_id=range(120)
    )
    dataset = load(write(frame))
    assert not {"since", "customer_id"} & set(dataset.schema.names)
    notes = " ".join(map(say, dataset.card["preparation"]))
    assert "“since” holds dates" in notes
    assert "“customer_id” is left out: it only numbers the rows; to keep it: " in notes
    sentences = [
        say(data_issue.text)
        for data_issue in dataset.issues
        if data_issue.check == "left_out_dates"
    ]
    assert sentences == ["1 column of dates is left out: “since”."]


def test_dates_of_parquet_are_left_out_too(write: Write) -> None:
    frame = people().assign(since=pd.date_range("2020-01-01", periods=120))
    assert "since" not in load(write(frame, "d.parquet")).schema.names


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
    notes = [say(note) for note in load(write()).card["preparation"]]
    assert any("does not say which class is favourable" in note for note in notes)
    notes = [say(note) for note in load(write(), favourable="granted").card["preparation"]]
    assert not any("favourable" in note for note in notes)


def test_of_three_classes_the_explained_one_is_told_where_it_is_assumed(write: Write) -> None:
    frame = people()
    frame["outcome"] = np.resize(["low", "high", "middle"], 120)

    def notes(**declared: str) -> str:
        return " ".join(map(say, load(write(frame), **declared).card["preparation"]))

    assert "“low” was taken: declare dataset.positive" in notes()
    assert "positive" not in notes(positive="low")
    assert "positive" not in notes(favourable="high")  # declared, so that one is explained


def test_three_classes_keep_their_order(write: Write) -> None:
    frame = people()
    frame["outcome"] = np.resize(["low", "high", "middle"], 120)
    target = load(write(frame), positive="low", favourable="high").schema.target
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
    codes = np.concatenate(
        [part.groups["income_band"] for part in (dataset.train, dataset.validation, dataset.test)]
    )
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
    issue = next(
        candidate for candidate in load(write()).issues if candidate.check == "population_limits"
    )
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


@pytest.mark.parametrize("content", ["", "a,outcome\n", "\n\n"])
def test_an_empty_file_is_refused(raw: Callable[[str], str], content: str) -> None:
    assert "raw.csv" in refusal(raw(content))


def test_two_rows_are_too_few(write: Write) -> None:
    assert "too few for a training" in refusal(write(people(2)))


def test_one_class_is_refused(write: Write) -> None:
    assert "all rows have the same class, 'granted'" in refusal(
        write(people().assign(outcome="granted"))
    )


def test_a_target_with_gaps_is_refused_with_rows(write: Write) -> None:
    frame = people()
    frame.loc[[3, 9], "outcome"] = None
    assert "missing in 2 rows: rows 4, 10" in refusal(write(frame))


def test_text_in_a_declared_number_is_shown_with_its_rows(write: Write) -> None:
    frame = people().astype({"income": object})
    frame.loc[6, "income"] = "a lot"
    text = refusal(write(frame), columns={"income": ColumnDeclaration(kind="numeric")})
    assert "1 cell is not a number, first in row 7 ('a lot')" in text
    assert "first in row 7" in refusal(write(frame))


def test_the_wrong_encoding_is_told_with_its_place(raw: Callable[[bytes], str]) -> None:
    text = refusal(raw("job,outcome\nBäcker,a\n".encode("cp1252")), encoding="utf-8")
    assert "not written in utf-8, first at byte 14" in text
    assert "dataset.encoding=cp1252" in text
    assert "utf-16" in refusal(raw("job,outcome\na,b\n".encode("utf-16")), encoding="utf-8")
    assert "not the name of an encoding" in refusal(raw("a,b\n"), encoding="utf-99")


def test_a_line_with_too_many_or_too_few_cells_is_numbered(raw: Callable[[str], str]) -> None:
    assert "line 3 has 3 cells, the header has 2" in refusal(raw("a,outcome\n1,x\n1,x,y\n"))
    assert "line 2 has 1 cells" in refusal(raw("a,outcome\n1\n"))


def test_an_open_quote_is_told(raw: Callable[[str], str]) -> None:
    assert "cannot be read" in refusal(raw('a,outcome\n1,"x\n2,y\n'))


def test_too_many_categories_are_refused_with_the_limit(write: Write) -> None:
    frame = pd.DataFrame({"word": [f"w{i}" for i in range(12000)], "x": np.arange(12000) % 700})
    frame["outcome"] = np.arange(12000) % 2
    text = refusal(write(frame))
    assert "12\u202f000 different values" in text
    assert "at most 100 categories" in text


def test_columns_with_one_name_are_refused(raw: Callable[[str], str]) -> None:
    assert "more than once: `a`" in refusal(raw("a,a,outcome\n1,2,x\n"))


def test_an_empty_column_and_infinities_are_told_together(write: Write) -> None:
    frame = people().assign(nothing=np.nan)
    frame.loc[4, "income"] = np.inf
    text = refusal(write(frame))
    assert "column `nothing`: every cell is empty" in text
    assert "column `income`: 1 infinite value, first in row 5" in text


def test_an_order_must_be_declared(write: Write) -> None:
    assert "lowest first" in refusal(write(), columns={"job": ColumnDeclaration(kind="ordinal")})


def test_an_unknown_class_is_refused_with_the_classes(write: Write) -> None:
    assert "'denied', 'granted'" in refusal(write(), favourable="grant")


def test_lists_in_parquet_are_refused(write: Write) -> None:
    frame = people().assign(tags=[[1, 2]] * 120)
    assert "column `tags`: it holds" in refusal(write(frame, "l.parquet"))


def test_a_csv_file_that_is_called_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("a,b\n1,2\n")
    assert "not a readable Parquet file" in refusal(str(path))


def test_other_types_of_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ods"
    path.write_text("x")
    assert ".csv, .tsv, .txt, .parquet" in refusal(str(path))
    assert "this is a folder" in refusal(str(tmp_path))
