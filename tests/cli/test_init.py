"""`init`: a study that runs as its README says, and that nothing in the data can break out of."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.cli import run
from deepseek_report.config.compose import compose
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.validate import validate
from deepseek_report.runner.scaffold.new_study import study_name
from deepseek_report.runner.scaffold.new_study_config import value
from tests.shared_runs import Terminal
from tests.worded import write_program

#: Names and values that mean something else in YAML, to Hydra, in a Makefile or in a terminal.
ODD = ["größe in m", "a.b", "x: #y", "1", "true", "no", "${oc.env:HOME}", "'q\"", "[a]", "$(id)"]
FEW = ["metrics=[deletion]", "visualizations=[]", "sections=[summary]", "frameworks=[]"]


def write_table(folder: Path, names: list[str], name: str = "loans.csv") -> Path:
    """150 rows: a number in each of these columns, a column of people, and a decision."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, "sex", "deny"])
        for i in range(150):
            numbers = [(i * (j + 3)) % 101 + i / 200 for j in range(len(names))]
            writer.writerow([*numbers, "fm"[i % 2], "yes" if (i * 7) % 5 < 2 else "no"])
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    return tmp_path


def written(folder: Path) -> str:
    """The experiment file of a study."""
    (path,) = (folder / "conf" / "experiment").glob("*.yaml")
    return path.read_text(encoding="utf-8")


def declared(folder: Path) -> dict[str, Any]:
    """What it says of the data."""
    fields: dict[str, Any] = yaml.safe_load(written(folder))["dataset"]
    return fields


def experiment_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment of a study, composed as its README says."""
    monkeypatch.chdir(folder)
    name = next((folder / "conf" / "experiment").glob("*.yaml")).stem
    for module in (f"{name}_plugins", f"{name}_plugins.typical_value"):  # of another test's folder
        monkeypatch.delitem(sys.modules, module, raising=False)
    return validate(compose([f"experiment={name}"], "conf"), [f"{name}_plugins"])


@pytest.fixture
def study(here: Path, terminal: Terminal) -> Callable[..., Path]:
    """Makes a study of a table with these columns beside those of `write_table`."""

    def made(columns: Sequence[str] = ("income",), target: str = "deny", *more: str) -> Path:
        write_table(here, list(columns))
        terminal("init", "study", "--data", "loans.csv", "--target", target, *more)
        return here / "study"

    return made


def test_a_study_runs_as_its_readme_says(
    here: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    write_table(here, ["income", "größe in m"])
    terminal("init", "my-loans", "--data", "loans.csv", "--target", "deny", "--plugin")
    readme = (here / "my-loans" / "README.md").read_text(encoding="utf-8")
    command = "--config-dir conf experiment=my_loans"
    assert f"`deepseek-report {command}`" in readme
    monkeypatch.chdir(here / "my-loans")
    out = terminal(*command.split(), "debug=fast", "jobs=1", *FEW).out
    page = Path(out.strip().splitlines()[-1])
    assert page.is_file()
    assert (page.parent / "artifacts/measures/deletion/typical_value/scores.json").is_file()


def test_what_was_inferred_is_written_out_to_be_confirmed(study: Callable[..., Path]) -> None:
    folder = study(["income_eur", "region"])
    fields = declared(folder)
    assert fields["path"] == "../loans.csv"
    assert fields["task"] == "classification"
    assert fields["columns"] == {
        "income_eur": {"kind": "numeric", "label": "income", "unit": "€"},
        "region": {"kind": "numeric", "unit": None},
        "sex": {"kind": "categorical", "categories": {"f": "female", "m": "male"}},
    }
    assert fields["favourable"] == "no"
    assert fields["sensitive"] == ["sex"]
    assert "by its name; confirm it" in written(folder)


def test_what_only_a_person_can_say_stands_in_the_file_and_check_names_it(
    study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    text = written(study(target="sex"))
    assert "# open: favourable: …  # one of f, m" in text
    monkeypatch.chdir("study")
    printed = terminal("check", "--config-dir", "conf", "experiment=study").out
    _, _, named = printed.partition("Open in conf/experiment/study.yaml")
    lines = enumerate(text.splitlines(), 1)
    waiting = [i for i, line in lines if line.strip().startswith("# open:")]
    assert len(waiting) >= 4
    assert all(f"  line {number}: " in named for number in waiting)


def test_each_open_line_of_the_data_is_a_setting_once_its_mark_is_taken_away(here: Path) -> None:
    write_table(here, ["income"])
    assert run(["init", "study", "--data", "loans.csv", "dataset.sensitive=[]"]) == 0
    text = written(here / "study")
    for line in text.splitlines():
        if "# open: " in line and "mutable" not in line:
            taken = text.replace(line, line.replace("# open: ", ""))
            assert yaml.safe_load(taken.replace("…", "x"))["name"] == "study"


def test_the_data_are_read_alike_with_and_without_what_was_written_out(
    here: Path, study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.artifacts.protocols.progress import Silent
    from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
    from deepseek_report.datasets.sources.csv import TableFile

    folder = study(["income", "rank"], "deny", "dataset.sensitive=[]")
    named = {"sex": ColumnDeclaration(categories={"f": "female", "m": "male"})}
    path = str(here / "loans.csv")
    table = TableFile(path=path, target="deny", favourable="no", columns=named)
    dataset = experiment_of(folder, monkeypatch).dataset
    assert dataset.load(1, Silent()).schema == table.load(1, Silent()).schema


@pytest.mark.parametrize("target", ["deny", "no", "${oc.env:HOME}"])
def test_names_of_columns_are_text_and_nothing_else(
    target: str, study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = experiment_of(study(ODD, target), monkeypatch).raw["dataset"]
    assert dataset["target"] == target
    others = [column for column in [*ODD, "sex", "deny"] if column != target]
    assert list(dataset["columns"]) == others
    assert os.environ["HOME"] not in str(dataset)


@pytest.mark.parametrize(
    "text", [*ODD, "a\nb", "\x1b[2J", "\u2028", "\\${x}", "- a", "{a: b}", "", "  a ", "é, b", "~"]
)
def test_a_text_is_one_line_of_yaml_that_means_that_text(text: str) -> None:
    from omegaconf import OmegaConf

    written = value(text)
    assert len(written.splitlines()) == 1
    assert "\x1b" not in written
    loaded = OmegaConf.create(
        yaml.safe_load(f"outer: {{inner: {written}, last: 1}}\nkey: {written}")
    )
    assert OmegaConf.to_container(loaded, resolve=True) == {
        "outer": {"inner": text, "last": 1},
        "key": text,
    }


def test_a_number_gets_a_unit_to_fill_in_and_no_favourable_class(
    study: Callable[..., Path],
) -> None:
    folder = study(["income", "price_eur"], "price_eur")
    text = written(folder)
    assert declared(folder)["task"] == "regression"
    assert "# open: unit: …  # of the number that is predicted" in text
    assert "favourable" not in text


def test_nothing_is_overwritten(here: Path, terminal: Terminal) -> None:
    write_table(here / "study", ["income"])
    (here / "study" / "README.md").write_text("mine")
    arguments = ["init", "study", "--data", "study/loans.csv", "--target", "deny"]
    assert "README.md is there already" in terminal(*arguments, code=2).err
    assert (here / "study" / "README.md").read_text() == "mine"
    assert not (here / "study" / "Makefile").exists()
    (here / "study" / "README.md").unlink()
    assert run(arguments) == 0
    assert declared(here / "study")["path"] == "loans.csv"
    assert run(arguments) == 2


def test_a_copy_of_the_data_is_made_only_where_asked_for(here: Path) -> None:
    path = write_table(here / "elsewhere", ["income"])
    assert run(["init", "a", "--data", str(path), "--target", "deny", "--copy"]) == 0
    assert (here / "a" / "data" / "loans.csv").read_bytes() == path.read_bytes()
    assert declared(here / "a")["path"] == "data/loans.csv"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "loans.csv", "--target", "denny"], 'did you mean "deny"?'),
        (["--data", "loans.csv", "--drop", "incom"], 'did you mean "income"?'),
        (["--data", "loans.csv", "--favourable", "maybe"], "the classes are no, yes"),
        (["--data", "loans.csv", "dataset.separater=;"], "separator"),
        (["--data", "loans.csv", "modle=mlp"], "model"),
        (["--data", "none.csv", "--target", "deny"], "there is no such file"),
        (["--target", "deny"], "Add --data FILE"),
        (["--name", "../x"], "cannot be a name"),
        (["--name", "credit_risk"], "name of a shipped experiment"),
    ],
)
def test_what_cannot_be_made_is_told_and_nothing_is_written(
    arguments: list[str], expected: str, here: Path, terminal: Terminal
) -> None:
    write_table(here, ["income"])
    assert expected in terminal("init", "study", *arguments, code=2).err
    assert not (here / "study").exists()


def test_without_data_the_study_is_of_the_shipped_ones(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["init", "first"]) == 0
    experiment = experiment_of(here / "first", monkeypatch)
    assert experiment.name == "first"
    assert type(experiment.dataset).__name__ == "TaiwanCredit"
    assert "typical_value" not in experiment.explainers


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Loans 2", "my_loans_2"),
        ("2026", "study_2026"),
        ("prüfung", "prufung"),
        ("信用", "study"),
        ("credit_risk", "credit_risk_study"),
    ],
)
def test_a_name_is_made_of_the_folders(folder: str, name: str, tmp_path: Path) -> None:
    assert study_name(tmp_path / folder) == name


def test_make_runs_the_tests_and_the_check_of_a_study(
    here: Path, study: Callable[..., Path]
) -> None:
    folder = study(["income"], "deny", "--plugin")
    code = "from deepseek_report.__main__ import main\nmain()"
    program = write_program(here / "bin" / "deepseek-report", code, sys.executable)
    package = Path(__file__).parents[2]
    of_outer_make = {"ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"}  # `make test ARGS=…`
    environment = {
        **{name: text for name, text in os.environ.items() if name not in of_outer_make},
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(package),
    }

    def make(target: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "-C", str(folder), target]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    tested = make("test")
    assert tested.returncode == 0, tested.stderr
    assert "Ran 2 tests" in tested.stderr
    checked = make("check")
    assert checked.returncode == 0, checked.stderr
    assert "explanations/typical_value" in checked.stdout


def test_overrides_and_options_are_written_into_the_study(
    study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--drop", "debt", "--sensitive", "sex", "--favourable", "no", "model=sklearn"]
    options += ["metrics=[roc_auc]", "report.title=Loans", "dataset.test_share=0.3"]
    options += ["decision.threshold=0.4", "+dataset.columns.income.label=earnings"]
    experiment = experiment_of(study(["income", "debt"], "deny", *options), monkeypatch)
    dataset = experiment.dataset
    assert dataset.drop == ("debt",)
    assert (dataset.favourable, dataset.test_share) == ("no", 0.3)
    assert dataset.columns["income"].label == "earnings"
    assert experiment.settings.decision.threshold == 0.4
    assert experiment.report.title == "Loans"
    assert list(experiment.metrics) == ["roc_auc"]


def test_without_a_target_the_likeliest_is_taken_and_told(here: Path, terminal: Terminal) -> None:
    write_table(here, ["income"])
    printed = terminal("init", "study", "--data", "loans.csv", "--yes").out
    assert "target: deny (nobody named it" in printed


def test_a_table_that_cannot_be_used_yet_gives_a_study_that_says_why(
    here: Path, terminal: Terminal
) -> None:
    rows = "".join(f"{i % 7}.5,{'yes' if i % 40 == 0 else 'no'}\n" for i in range(200))
    (here / "few.csv").write_text(f"x,bad\n{rows}", encoding="utf-8")
    out = terminal("init", "study", "--data", "few.csv", "--target", "bad").out
    assert "this is open in it" in out
    assert "make check" in out
    assert "# open: " in written(here / "study")
    assert declared(here / "study")["target"] == "bad"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person types, in order; nothing more comes after it."""
    typed: list[str] = []

    def answered(_question: str) -> str:
        if not typed:
            raise EOFError
        return typed.pop(0)

    monkeypatch.setattr("builtins.input", answered)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    return typed


def test_in_a_terminal_one_thing_is_asked_for_at_a_time(
    here: Path, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(here, ["income"])
    lines = path.read_text(encoding="utf-8").splitlines()
    numbered = [f"nr,{lines[0]}", *(f"{i},{line}" for i, line in enumerate(lines[1:], 1))]
    path.write_text("\n".join(numbered), encoding="utf-8")
    answers.extend(["nobody", "deny", "nr", "yes", "none", ""])
    assert run(["init", "study", "--data", "loans.csv"]) == 0
    assert answers == []
    dataset = experiment_of(here / "study", monkeypatch).dataset
    assert (dataset.target, dataset.favourable, dataset.sensitive) == ("deny", "yes", ())
    assert "nr" in dataset.columns


def test_trust_is_asked_for_once_and_kept_for_this_person_in_this_folder(
    here: Path, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.config.trusted import FILE, kept

    write_table(here, ["income"])
    assert run(["init", "study", "--data", "loans.csv", "--plugin", "--yes"]) == 0
    folder = here / "study"
    assert kept(folder) == ("study_plugins",)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "somebody else"))
    assert kept(folder) == ()
    monkeypatch.chdir(folder)
    for module in ("study_plugins", "study_plugins.typical_value"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    command = ["--config-dir", "conf", "experiment=study", "-c", "job"]
    assert run(command) == 2
    answers.append("y")
    assert run(command) == 0
    assert run(command) == 0  # nothing is typed any more
    (here / "copy").mkdir()
    (here / "copy" / FILE).write_bytes((folder / FILE).read_bytes())
    assert kept(here / "copy") == ()


def make_without_the_program(here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    assert run(["init", "study"]) == 0
    tools = here / "tools"
    tools.mkdir()
    for name in ("sh", "make", "dirname", "sed", "readlink"):
        program = next(
            Path(folder) / name
            for folder in os.environ["PATH"].split(":")
            if (Path(folder) / name).exists()
        )
        (tools / name).symlink_to(program)
    write_program(tools / "python3", "exit 7")
    return subprocess.run(
        [str(tools / "make"), "-C", str(here / "study"), *words, "report"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [[], ["PACKAGE=deepseek-report"]])
def test_make_installs_nothing_by_its_name_alone(here: Path, words: list[str]) -> None:
    finished = make_without_the_program(here, *words)
    assert finished.returncode == 2
    assert "Add PACKAGE=, a wheel, a folder, or the URL of an index" in finished.stderr
    assert not (here / "study" / ".venv").exists()


@pytest.mark.parametrize("place", ["https://packages.example/simple", "."])
def test_without_the_program_make_installs_it_from_the_place_that_a_person_names(
    here: Path, place: str
) -> None:
    finished = make_without_the_program(here, "-n", f"PACKAGE={place}")
    assert "-m venv .venv" in finished.stdout
    assert f'--index-url "{place}" deepseek-report' in finished.stdout
    assert f'readlink -f "{place}"' in finished.stdout
    assert '".venv/bin/deepseek-report" --config-dir conf' in finished.stdout


def test_a_declared_use_chooses_the_frameworks_of_a_study_and_without_one_it_is_asked_for(
    here: Path, terminal: Terminal
) -> None:
    path = write_table(here, ["income"])
    about = ["--data", str(path), "--target", "deny", "--yes"]
    use = ["--sector", "credit", "--place", "de", "--place", "US-CO"]
    terminal("init", here / "loans", *about, *use)
    text = written(here / "loans")
    for line in ("- override /frameworks: [auto]", "sector: credit", "places: [DE, US-CO]"):
        assert f"  {line}\n" in text
    terminal("init", here / "open", *about)
    text = written(here / "open")
    assert "# open: sector: …" in text
    assert "# open: places: […]" in text
    assert "/frameworks" not in text
    assert (
        "did you mean DE (Germany)?"
        in terminal("init", here / "odd", *about, "--place", "Germny", code=2).err
    )
