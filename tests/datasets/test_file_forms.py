"""How a file is written: encodings, separators, decimal commas and workbooks are recognised."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.encodings import Unclear, recognise
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.table_file import read_column, read_table
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.series_file import SeriesFile
from deepseek_report.datasets.sources.text_file import TextFile
from tests.configured import experiment_of
from tests.datasets import loading
from tests.datasets.loading import notes_of
from tests.worded import say

N = 60
WORDS = {
    "gb18030": ("城市", ["北京", "上海", "广州市"]),
    "big5": ("城市", ["臺北", "高雄", "這個地方"]),
    "cp1252": ("Straße", ["Mühlenweg", "Am Bächle", "Café"]),
    "latin-1": ("rue", ["été", "Noël", "déjà"]),
    "utf-16": ("город", ["Москва", "Казань", "Омск"]),
    "utf-16-le": ("城市", ["北京", "上海", "广州"]),
    "utf-16-be": ("street", ["Mill Lane", "High Street", "Elm"]),
    "utf-8": ("город", ["Москва", "上海", "Café"]),
}


def table(words: tuple[str, list[str]] = WORDS["utf-8"]) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "income": random.normal(30000, 9000, N).round(2),
            "rate": random.normal(0, 1, N).round(3),
            words[0]: np.resize(words[1], N),
            "outcome": np.resize(["granted", "denied"], N),
        }
    )


def load(path: Path, **fields: Any) -> Dataset:
    declared = {"target": "outcome", "favourable": "granted", **fields}
    return loading.loaded(TableFile(path=str(path), **declared))


def refusal(path: Path, **fields: Any) -> str:
    return loading.refusal(TableFile(path=str(path), target="outcome", **fields))


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", WORDS)
def test_an_encoding_is_recognised_and_said(encoding: str, tmp_path: Path) -> None:
    frame = table(WORDS[encoding])
    frame.to_csv(tmp_path / "other.csv", index=False, encoding=encoding)
    frame.to_csv(tmp_path / "plain.csv", index=False)
    other, plain = load(tmp_path / "other.csv"), load(tmp_path / "plain.csv")
    assert other.schema == plain.schema
    assert np.array_equal(other.train.inputs, plain.train.inputs)
    names = {"gb18030": "GB18030", "big5": "Big5", "cp1252": "Windows-1252"}
    names |= {"latin-1": "Windows-1252", "utf-16": "UTF-16"}
    name = names.get(encoding, "UTF-16" if "16" in encoding else "")
    assert (f"read as {name}" in notes_of(other)) == bool(name)
    word = next((cell for cell in [frame.columns[2], *frame.iloc[:, 2]] if not cell.isascii()), "")
    assert not name or not word or f"reads “{word.split()[-1]}”" in notes_of(other)


@pytest.mark.parametrize("encoding", WORDS)
def test_a_declared_encoding_is_taken_and_not_said(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table(WORDS[encoding]).to_csv(path, index=False, encoding=encoding)
    assert "read as" not in notes_of(load(path, encoding=encoding))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("имя,город\nАнна,Москва\n", "cp1251"),
        ("имя\nпривет\n", "koi8-r"),
        ("이름,나이\n김철수,23\n서울시 강남구,24\n", "euc-kr"),
        ("名前,年齢\n田中さん,23\nこんにちは,24\n", "shift_jis"),
        ("名前,年齢\n田中さん,23\nこんにちは,24\n", "euc-jp"),
        ("όνομα\nΕλένη\n", "cp1253"),
        ("a\nAÇÃO\n", "cp1252"),  # two accents in a row and no other: might be Chinese
        ("plośka\nźdźbło\nżółw\n", "cp1250"),
    ],
)
def test_what_cannot_be_told_is_asked_for(text: str, encoding: str) -> None:
    assert isinstance(recognise(text.encode(encoding)), Unclear)


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("性别,年龄\n男,23\n女,24\n", "gb18030", "gb18030"),
        ("性別,年齡\n男,23\n女,24\n", "big5", "big5"),
        ("t\n20 °C\n", "cp1252", "cp1252"),
        ("a\nÄrger\nÄrzte\n", "cp1252", "cp1252"),
        ("preis\n12 €\n„gut“ – sehr\n", "cp1252", "cp1252"),
        ("x\nEspaña\ncorazón\n¿qué?\n", "latin-1", "cp1252"),
        ("no header but ascii\n", "ascii", "utf-8"),
        ("a\n€\n", "utf-8-sig", "utf-8-sig"),
        ("a,b\n1,2\n", "utf-32", "utf-32"),
    ],
)
def test_a_few_words_are_enough(text: str, encoding: str, expected: str) -> None:
    assert recognise(text.encode(encoding)) == expected


def test_a_damaged_utf8_file_is_told_by_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    raw = table().to_csv(index=False).encode()
    path.write_bytes(raw[:-3] + b"\xff" + raw[-3:])
    text = refusal(path)
    assert f"first at byte {len(raw) - 2:,}".replace(",", "\u202f") in text
    assert "no encoding was recognised" in text
    assert "dataset.encoding=" in text


def test_bytes_of_no_text_and_an_encoding_that_hides_signs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)) * 4)
    assert "no encoding was recognised" in refusal(path)
    path.write_text("x,outcome\n\\ud800,a\n")
    assert "not the name of an encoding of files" in refusal(path, encoding="unicode_escape")


def test_json_lines_and_texts_are_recognised_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": np.resize(["这个很好，我们喜欢", "不好，没有用"], 40)})
    frame["text"] += [str(number) for number in range(40)]
    frame["y"] = np.resize(["good", "bad"], 40)
    lines = "\n".join(frame.apply(lambda row: row.to_json(force_ascii=False), axis=1))
    for name, raw in (
        ("a.jsonl", lines.encode("gb18030")),
        ("a.csv", frame.to_csv(index=False).encode("gb18030")),
        ("b.jsonl.gz", gzip.compress(lines.encode("utf-16"))),
    ):
        (tmp_path / name).write_bytes(raw)
        source = TextFile(path=str(tmp_path / name), text="text", target="y")
        dataset = loading.loaded(source)
        assert dataset.card["rows"] == 40
        recognised = "as it was recognised: the first word beyond ASCII reads “这个很好"
        assert recognised in notes_of(dataset)


# --- separators and decimals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "name"), [(",", ""), (";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
@pytest.mark.parametrize("decimal", [".", ","])
def test_separators_and_decimal_commas_are_recognised_and_said(
    sign: str, name: str, decimal: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    table().to_csv(path, index=False, sep=sign, decimal=decimal)
    table().to_csv(tmp_path / "plain.csv", index=False)
    dataset, plain = load(path), load(tmp_path / "plain.csv")
    assert dataset.schema == plain.schema
    assert np.array_equal(dataset.test.inputs, plain.test.inputs)
    assert (f"separated by {name}," in notes_of(dataset)) == bool(name)
    said_so = "decimal comma, which “income” and “rate” show" in notes_of(dataset)
    assert said_so == (decimal == ",")
    declared = load(path, separator=sign, decimal=decimal)
    assert "separated" not in notes_of(declared)
    assert "decimal" not in notes_of(declared)


def test_a_separator_that_is_not_clear_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("price, net;outcome\n" + "1,5;a\n2,5;b\n" * 20)
    text = refusal(path)
    assert "2 columns by commas and 2 columns by semicolons" in text
    advice = text.split("declare it: `")[1].split("`")[0]
    assert shlex.split(advice) == ['dataset.separator=";"']
    assert load(path, separator=";", favourable="a", duplicates="apart").card["rows"] == 40


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            ["1,234", "5,678", "9,012"],
            "group thousands or mark decimals, so that these cells are read as texts",
        ),
        (["1,5", "2,5", "3.5"], ""),
        (["1,2", "a,b", "2,1"], ""),
        (
            ["1,5", "2,5", "7,25"],
            "“odd” looks like numbers with decimal commas, but “income” and “rate” have",
        ),
    ],
)
def test_commas_that_may_mean_something_else_are_left_alone(
    cells: list[str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    table().assign(odd=np.resize(cells, N)).to_csv(path, index=False, sep=";")
    dataset = load(path)
    assert "decimal comma, which" not in notes_of(dataset)
    assert words in notes_of(dataset)
    labels = {category.label for category in dataset.schema.feature("odd").categories}
    assert labels == set(cells)


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
@pytest.mark.parametrize("first", ["0,107", "-0,253"])
def test_three_decimals_behind_a_zero_are_decimals_for_the_whole_file(
    first: str, kind: str, tmp_path: Path
) -> None:
    """No group of thousands begins with a zero; `1,234` beside it is 1.234 then."""
    path = tmp_path / f"a{kind}"
    cells = [first, *(f"{k % 9 + 1},{100 + k}" for k in range(N - 1))]
    frame = table().drop(columns=["income", "rate"]).assign(share=cells)
    if kind == ".csv":
        frame.to_csv(path, index=False, sep=";")
    else:
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    dataset = load(path)
    assert "decimal comma, which “share” shows" in notes_of(dataset)
    values = dataset.every_part.inputs[:, dataset.schema.position("share")]
    assert sorted(values) == sorted(float(cell.replace(",", ".")) for cell in cells)
    column, decimal = read_column(path, FileForm(), "share")
    assert read_cells(column, "share", decimal).numbers.tolist()[0] == float(
        first.replace(",", ".")
    )


def test_three_decimals_behind_a_point_group_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table().assign(income="0.107", rate="0.253", odd="1,5").to_csv(path, index=False, sep=";")
    words = "“odd” looks like numbers with decimal commas, but “income” and “rate” have"
    assert words in " ".join(map(say, read_table(path, FileForm()).notes))


def test_points_that_group_thousands_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    money = [
        f"{1000 * i + 1:,}.5".replace(",", "#").replace(".", ",").replace("#", ".")
        for i in range(N)
    ]
    frame = table().drop(columns=["income", "rate"]).assign(money=money)
    frame.to_csv(path, index=False, sep=";")
    dataset = load(path)
    assert "Points in “money” group thousands" in notes_of(dataset)
    values = dataset.every_part.inputs[:, dataset.schema.position("money")]
    assert sorted(values) == [1000 * i + 1.5 for i in range(N)]


def test_the_task_follows_the_recognised_decimals(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table().to_csv(path, index=False, sep=";", decimal=",")
    source = TableFile(path=str(path), target="income")
    assert source.nature.task == "regression"
    assert source.load(1, Silent()).schema.target.is_number


def test_series_with_decimal_commas_have_numbers_and_a_number_to_predict(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(40), 5),
            "time": np.tile(np.arange(5), 40) * 0.5,
            "flow": random.normal(size=200).round(3),
            "target": np.repeat(random.normal(size=40).round(3), 5),
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    plugin = SeriesFile(path=str(tmp_path / "a.csv"), task="regression", window=2)
    dataset = plugin.load(1, Silent())
    assert dataset.schema.target.is_number
    assert "separated by semicolons" in notes_of(dataset)
    assert "decimal comma" in notes_of(dataset)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zip", None)],
)
def test_packed_text_gives_the_same_data(
    suffix: str, pack: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    raw = table().to_csv(index=False).encode()
    path = tmp_path / f"a.csv{suffix}"
    if pack is None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", raw)
    else:
        path.write_bytes(pack(raw[:100]) + pack(raw[100:]) if suffix != ".gz" else pack(raw))
    (tmp_path / "plain.csv").write_bytes(raw)
    packed, plain = load(path), load(tmp_path / "plain.csv")
    assert np.array_equal(packed.train.inputs, plain.train.inputs)
    assert packed.read == TableFile(path=str(path), target="outcome").source_digest()


# --- workbooks ------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    frame = table()
    frame["since"] = pd.date_range("2020-01-01", periods=N)
    frame["member"] = np.resize([True, False, False], N)
    with pd.ExcelWriter(tmp_path / "a.xlsx", engine="openpyxl") as writer:
        frame.to_excel(writer, sheet_name="Kredite", index=False)
        pd.DataFrame({"note": ["x"]}).to_excel(writer, sheet_name="Notes", index=False)
    workbook = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = workbook["Kredite"]
    sheet["B3"] = "NA"
    sheet.cell(N + 4, 1).value = ""  # what was once edited below the table
    workbook.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_a_workbook_gives_the_same_data_as_text(book: Path, tmp_path: Path) -> None:
    frame = table()
    frame["member"] = np.resize([True, False, False], N)
    frame.loc[1, "rate"] = np.nan
    frame.to_csv(tmp_path / "plain.csv", index=False)
    dataset, plain = load(book), load(tmp_path / "plain.csv")
    assert dataset.schema == plain.schema
    assert np.array_equal(dataset.train.inputs, plain.train.inputs, equal_nan=True)
    assert "Of 2 sheets the first, “Kredite”, was read" in notes_of(dataset)
    assert "“since” holds dates and is left out" in notes_of(dataset)


def test_a_sheet_is_named_or_counted(book: Path) -> None:
    assert "The sheet “Kredite” was read" in notes_of(load(book, sheet="Kredite"))
    assert np.array_equal(load(book, sheet=1).test.inputs, load(book).test.inputs, equal_nan=True)
    assert "`outcome`, which is not a column" in refusal(book, sheet=2)
    text = refusal(book, sheet="Kredit")
    assert "there is no sheet `Kredit`" in text
    assert "did you mean `Kredite`?" in text


def test_a_formula_counts_with_its_stored_value(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    table().to_excel(tmp_path / "a.xlsx", index=False)
    workbook = openpyxl.load_workbook(tmp_path / "a.xlsx")
    workbook.active["A2"] = "=1+1"  # never calculated, so that nothing is stored beside it
    workbook.save(tmp_path / "a.xlsx")
    dataset = load(tmp_path / "a.xlsx")
    assert dataset.card["missing"] == {"income": 1}
    assert "for a formula, the value that is stored beside it counts" in notes_of(dataset)


def test_without_the_package_the_message_says_how_to_install_it(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.datasets.readers import excel

    monkeypatch.setattr(excel, "find_spec", lambda _name: None)
    (problem,) = TableFile(path=str(book), target="outcome").problems()
    assert "pip install 'openpyxl<4,>=3.1'" in problem
    assert "save the sheet as CSV" in problem


def test_cells_beside_the_table_are_told_by_their_row(book: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.load_workbook(book)
    workbook["Kredite"]["H9"] = "why?"
    workbook.save(book)
    assert "row 9 has 8 cells, the header has 6" in refusal(book)


def test_names_below_a_title_or_merged_cells_are_told_with_the_row_to_remove(
    tmp_path: Path,
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Person", None, "Loan"])
    book.active.merge_cells("A1:B1")
    book.active.append(["age", "sex", "amount", "months", "outcome"])
    book.active.append([31, "f", 1200.5, 12, "paid"])
    book.save(tmp_path / "loans.xlsx")
    text = refusal(tmp_path / "loans.xlsx")
    assert "sheet “Sheet”: row 2 has 5 cells, the header has 3" in text
    assert "where the column names stand in row 2, remove the row above" in text


def test_a_first_sheet_without_rows_is_told_with_the_sheet_to_name(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "About"
    book.active["A1"] = "Loans of 2025"
    book.create_sheet("Data").append(["age", "outcome"])
    book.save(tmp_path / "loans.xlsx")
    text = refusal(tmp_path / "loans.xlsx")
    assert "sheet “About”: there is a header but no row" in text
    assert "`dataset.sheet=Data`" in text


def test_lines_above_the_header_are_told_with_the_line_of_the_names(tmp_path: Path) -> None:
    path = tmp_path / "flats.csv"
    path.write_text("# exported in May\nrooms,outcome\n3,sold\n2,free\n", encoding="utf-8")
    text = refusal(path)
    assert "line 2 has 2 cells, the header has 1" in text
    assert "where the column names stand in line 2, remove the lines above them" in text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_row_of_units_below_the_header_is_told_and_a_mark_of_missing_values_is_none(
    tmp_path: Path, kind: str
) -> None:
    values = {"temp": [20.5, 21.0, 19.0], "flow": [3, 4, 5], "outcome": ["ok", "ok", "worn"]}
    units = {"temp": ["°C"], "flow": ["l/min"], "outcome": [None]}
    marks = {"temp": ["none yet"], "flow": ["none yet"], "outcome": ["ok"]}
    for name, first in (("units", units), ("marks", marks)):
        table = pd.concat([pd.DataFrame(first), pd.DataFrame(values)])
        if kind == "csv":
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        else:
            pytest.importorskip("openpyxl")
            table.to_excel(tmp_path / f"{name}.xlsx", index=False)
    text = refusal(tmp_path / f"units.{kind}")
    assert "the row below the header holds units, or names again, and no values (°C, l/min)" in text
    assert "remove one of the two rows from the file" in text
    assert "words that mean missing as `'dataset.missing_values=[" in text
    assert len(read_table(tmp_path / f"marks.{kind}", FileForm()).frame) == 4


# --- names and classes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("Größe (m²)", "Monthly income", "a=b", "[x], y", 'it\'s "so"'),
        *("${oc.env:HOME}", "年收入", "null"),
    ],
)
def test_a_column_is_dropped_by_the_advice_as_it_is_printed(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = table().assign(**{name: ""})
    frame.to_csv(path, index=False)
    text = refusal(path)
    assert "every cell is empty" in text
    advice = text.split("drop it: `", 1)[1].rsplit("`", 1)[0]
    overrides = ["dataset=csv", f"dataset.path={path}", "dataset.target=outcome", "model=mlp"]
    dataset = experiment_of(*overrides, *shlex.split(advice)).dataset.load(1, Silent())
    assert name not in dataset.schema.names
    assert f"Left out as the config asks: “{name}”." in notes_of(dataset)


def test_more_classes_and_numbers_are_allowed_by_the_bound_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    names = [f"class {i:02}" for i in range(25)]
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=300)})
    frame.assign(outcome=np.resize(names, 300)).to_csv(path, index=False)
    text = refusal(path)
    assert "25 different values" in text
    assert "2 to 20 classes" in text
    advice = text.split("raise the bound (`")[1].split("`")[0]
    assert advice == "dataset.max_classes=25"
    assert len(load(path, max_classes=25, favourable=None).schema.target.classes) == 25

    frame.assign(outcome=np.resize(np.arange(25), 300)).to_csv(path, index=False)
    source = TableFile(path=str(path), target="outcome")
    assert source.nature.task == "regression"
    assert replace(source, max_classes=25).nature.task == "classification"
