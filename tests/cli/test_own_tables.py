"""Tables as people bring them: none is a dead end, and what identifies rows is no measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import own_tables
import pandas as pd
import pytest
import yaml

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.cli import run
from deepseek_report.datasets.readers.cells import is_compact_date, is_date, read_cells
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.identifiers import identifier_of
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.given_table import GivenRows, GivenTable
from deepseek_report.runner.scaffold.column_proposals import TableSeen, dataset_fields, look_at
from tests.shared_runs import Terminal
from tests.worded import say

#: What each table leaves out, and what its study takes for granted.
EXPECTED = {
    "r_export": ({"unnamed 1"}, {"favourable": "no"}),
    "ids_and_dates": (
        {"client_no", "session", "email", "SignupDate", "remark"},
        {"target": "Churn", "favourable": "No"},
    ),
    "german": ({"lfd_nr"}, {"favourable": "nein"}),
    "chinese": ({"客户编号"}, {"target": "违约", "favourable": "否"}),
    "utf16": (set(), {"missing_values": ["n.k."], "task": "regression"}),
    "workbook": ({"Name", "Ticket", "Cabin"}, {"favourable": "1"}),
    "small": ({"patient_id"}, {"target": "disease"}),
    "many_classes": (set(), {"max_classes": 25}),
    "rare": ({"transaction"}, {"favourable": "0"}),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("n", [60, 600])
def test_a_measurement_is_never_an_identifier_and_an_identifier_always_is(n: int) -> None:
    random = np.random.default_rng(n)
    cells = [read_cells(series, name) for name, series in own_tables.measurements(random, n)]
    assert [c.name for c in cells if identifier_of(c) or is_date(c) or is_compact_date(c)] == []
    cells = [read_cells(series, name) for name, series in own_tables.identifiers(random, n)]
    assert [c.name for c in cells if identifier_of(c) is None] == []


def test_the_pairs_that_chance_makes_are_those_of_draws_without_preference() -> None:
    random, n, width = np.random.default_rng(0), 600, 5_000
    pairs = []
    for _ in range(400):
        sizes = np.bincount(random.integers(0, width, n))
        pairs.append((sizes * (sizes - 1) // 2).sum())
    numbers = pd.Series(random.permutation(width)[:n])
    numbers.iloc[:2] = [0, width - 1]
    identifier = identifier_of(read_cells(numbers.drop_duplicates(), "v"))
    assert identifier is not None
    assert identifier.sign == "unrepeated"
    assert identifier.expected == pytest.approx(np.mean(pairs), rel=0.05)


@pytest.mark.parametrize("name", EXPECTED)
def test_init_writes_a_study_of_each_table_that_can_be_read(name: str, here: Path) -> None:
    assert run(["init", "study", "--yes", *own_tables.TABLES[name](here)]) == 0
    text = (here / "study" / "conf" / "experiment" / "study.yaml").read_text(encoding="utf-8")
    dataset = yaml.safe_load(text)["dataset"]
    out, granted = EXPECTED[name]
    assert granted.items() <= dataset.items()
    assert not out & {*dataset["columns"]}
    assert "cannot be used" not in text


def test_check_names_why_each_column_is_left_out(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(["init", "study", "--yes", *own_tables.ids_and_dates(here)]) == 0
    monkeypatch.chdir(here / "study")
    capsys.readouterr()
    out = terminal("check", "--config-dir", "conf", "experiment=study").out
    assert "“client_no” is left out: by its name it says which row it is" in out
    assert "“email” is left out: it holds e-mail addresses" in out
    assert "“SignupDate” holds dates" in out
    assert "time: SignupDate" in out


def test_what_a_person_declares_of_a_column_wins_over_its_values(here: Path) -> None:
    own_tables.r_export(here)
    table = TableFile(path="hmda.csv", target="deny", columns={})
    assert "unnamed 1" not in table.load(1, Silent()).schema.names
    from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration

    declared = {"unnamed 1": ColumnDeclaration(kind="numeric")}
    kept = TableFile(path="hmda.csv", target="deny", columns=declared)
    assert "unnamed 1" in kept.load(1, Silent()).schema.names


def test_of_rows_given_in_python_nothing_is_left_out_and_the_identifier_is_told() -> None:
    random, n = np.random.default_rng(1), 300
    frame = pd.DataFrame(
        {
            "rownames": np.arange(n) + 1,
            "income": random.lognormal(10, 1, n).round(2),
            "deny": np.where(random.random(n) < 0.4, "yes", "no"),
        }
    )
    rows = GivenRows(frame, np.full(n, 2))
    dataset = GivenTable(target="deny", sha256="0").holding(rows).load(1, Silent())
    assert dataset.schema.names == ["rownames", "income"]
    issue = next(issue for issue in dataset.issues if issue.check == "identifier_read")
    assert "“rownames” holds numbers or codes that were handed out" in say(issue.text)


def seen_of(table: pd.DataFrame, folder: Path) -> TableSeen:
    table.to_csv(folder / "table.csv", index=False)
    return look_at(folder / "table.csv", FileForm())


def test_a_column_that_only_ends_like_the_word_class_is_no_target(tmp_path: Path) -> None:
    table = pd.DataFrame({"workclass": ["a", "b"], "income": ["low", "high"]})
    assert seen_of(table, tmp_path).likely_target() == "income"
    assert (
        seen_of(table.rename(columns={"workclass": "risk_class"}), tmp_path).likely_target()
        == "risk_class"
    )


def test_numbers_with_a_unit_are_left_out_as_such_and_not_as_many_categories(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(4)
    incomes = pd.Series([f"€ {value:,.2f}" for value in random.lognormal(10, 1, 300)])
    table = pd.DataFrame({"income": incomes, "default": random.choice(["no", "yes"], 300)})
    reason = seen_of(table, tmp_path).column("income").reason
    assert reason.startswith("it holds numbers with a sign or a unit beside them")
    assert incomes[0] in reason


def test_a_number_with_marks_of_missing_values_is_no_target_of_many_classes(tmp_path: Path) -> None:
    wear = pd.Series(np.random.default_rng(5).normal(40, 5, 300).round(3).astype(str))
    wear[7] = "not measured"
    table = pd.DataFrame({"wear": wear, "rpm": np.arange(300) % 40})
    assert dataset_fields(seen_of(table, tmp_path), "wear") == {}
