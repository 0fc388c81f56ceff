"""Tab completion: commands, options, choices, keys and values, at once and without an error."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.cli.completion import OPTIONS, candidates
from deepseek_report.cli.parsing import COMMANDS
from tests.shared_runs import Terminal
from tests.worded import write_conf, write_files, write_program


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ru", ["runs"]),
        ("check --tr", ["--trust", "--trust-type"]),
        ("model=ml", ["model=mlp"]),
        ("check model=ml", ["model=mlp"]),
        ("explainers=[sh", ["explainers=[shap"]),
        ("explainers=[shap,li", ["explainers=[shap,lime"]),
        ("explainers=[shap,sh", []),
        ("explainers=sh", ["explainers=shap"]),
        ("'explainers=[shap,li", ["explainers=[shap,lime"]),
        ("explainers=\\[shap,li", ["explainers=[shap,lime"]),
        ("-m model=mlp,na", ["model=mlp,nam"]),
        ("model=mlp,na", []),
        ("dataset=csv dataset.tar", ["dataset.target="]),
        ("experiment=diabetes_progression dataset.hi", []),
        ("explainers.lime.num", ["explainers.lime.num_samples="]),
        ("device=c", ["device=cpu", "device=cuda"]),
        ("trainer.precision=b", ["trainer.precision=bf16"]),
        ("trainer.compile=t", ["trainer.compile=true"]),
        ("explain.i", ["explain.instances="]),
        ("++trainer.comp", ["++trainer.compile="]),
        ("list sect", ["sections"]),
        ("completion z", ["zsh"]),
        ("render RUN --to p", ["pdf"]),
        ("clean paths.s", ["paths.store="]),
        ("--config-dir ", []),
        ("init ", []),
        ("nonsense=", []),
        ("seed=", []),
        ("dataset.path=lo", []),
    ],
)
def test_a_line_goes_on_as_the_configuration_allows(line: str, expected: list[str]) -> None:
    assert candidates(f"deepseek-report {line}") == expected


def test_the_first_word_is_a_command_or_an_override() -> None:
    offered = candidates("deepseek-report ")
    assert set(COMMANDS) < set(offered)
    assert {"model=", "model.", "seed="} < set(offered)
    assert not {"experiment.", "_target_="} & set(offered)


def test_choices_and_keys_of_ones_own_are_offered_but_no_strange_names(tmp_path: Path) -> None:
    names = ("occlusion", "$(id)", "a b")
    content = "occlusion: {steps: 3, fast: true}\n"
    write_conf(tmp_path, {f"explainers/{name}": content for name in names})
    line = f"deepseek-report --config-dir {tmp_path} explainers"
    assert candidates(f"{line}=[oc") == ["explainers=[occlusion"]
    assert candidates(f"{line}.occlusion.") == [
        "explainers.occlusion.fast=",
        "explainers.occlusion.steps=",
    ]
    assert not [
        milestone for milestone in candidates(f"{line}=[") if "$" in milestone or " " in milestone
    ]


def test_run_folders_are_offered_where_a_command_takes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "loans" / "abc").mkdir(parents=True)
    (tmp_path / "reports" / "loans" / "abc" / "run.json").touch()
    assert candidates("deepseek-report verify ") == ["reports/loans/abc"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("verify ", ["reports/loans/abc", "reports/loans/def"]),
        ("render reports/l", ["reports/loans/abc", "reports/loans/def"]),
        ("verify reports/.", []),
        ("verify reports/loans/.", []),
        ("--config-dir conf experiment=m", ["experiment=mine", "experiment=mortgage_decisions"]),
        ("--config-dir conf experiment=.", []),
        ("--config-dir conf .h", []),
        ("--config-dir . .h", []),
        ("--config-dir conf explainers=[.", []),
    ],
)
def test_working_folders_and_files_of_editors_are_offered_nowhere(
    line: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = ("reports/loans/abc", "reports/loans/def")
    of_tools = ("reports/.store/data/9f", "reports/loans/.rendering-abc", "reports/.boards/abc")
    for place in (*runs, *of_tools, ".hydra"):
        write_files(tmp_path, {f"{place}/run.json": "{}", f"{place}/config.yaml": "a: 1\n"})
    write_files(tmp_path, {"conf/experiment/mine.yaml": "", "conf/experiment/.#mine.yaml": ""})
    write_files(tmp_path, {"conf/.hydra/config.yaml": "", "conf/explainers/sets/.x.yaml": ""})
    assert candidates(f"deepseek-report {line}") == expected


def test_a_broken_configuration_answers_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_conf(tmp_path, {"experiment/x": "{"})
    for line in ("--config-dir nowhere model=", f"--config-dir {tmp_path} experiment=x dataset."):
        assert run(["completion", "--answer", f"deepseek-report {line}"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.mark.parametrize("command", list(OPTIONS))
def test_the_options_that_are_offered_are_those_of_the_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run([*([command] if command else []), "--help"])
    printed = capsys.readouterr().out
    listed = re.findall(
        r"^  (?:-\w+[ \w]*, )?(--[\w-]+)(?:.*?, (--[\w-]+))?", printed, re.MULTILINE
    )
    options = {option for pair in listed for option in pair if option}
    options |= set(re.findall(r"^  -h, (--help)", printed, re.MULTILINE))
    assert set(OPTIONS[command]) <= options | set(re.findall(r"(--[\w-]+)", printed))
    assert options <= set(OPTIONS[command])


def test_every_command_has_its_options() -> None:
    assert set(OPTIONS) == {"", *COMMANDS}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_this_program(shell: str, terminal: Terminal) -> None:
    assert "completion --answer" in terminal("completion", shell).out


@pytest.mark.parametrize(
    ("line", "expected"),
    [("model=ml", ["mlp"]), ("doct", ["doctor"]), ("explainers=[shap,li", ["[shap,lime"])],
)
def test_bash_completes_with_the_script(
    line: str, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["completion", "bash"])
    script = capsys.readouterr().out
    code = f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
    code += "from deepseek_report.__main__ import main\nmain()"
    program = write_program(tmp_path / "deepseek-report", code, sys.executable)
    typed = f"deepseek-report {line}"
    asks = (
        f"COMP_LINE={typed!r}; COMP_POINT=${{#COMP_LINE}}; "
        f"_deepseek_report {program}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f"COMP_WORDBREAKS=' ='\n{script}\n{asks}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected


def test_an_answer_comes_at_once_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time\nstarted = time.process_time()\n"
        "from deepseek_report.cli import run\n"
        "run(['completion', '--answer', 'deepseek-report trainer.'])\n"
        "heavy = {'torch', 'pandas', 'numpy', 'hydra', 'omegaconf', 'pydantic', 'rich'}\n"
        "print(heavy & set(sys.modules), time.process_time() - started < 1, file=sys.stderr)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set() True"
    assert "trainer.precision=" in done.stdout
    assert time.perf_counter() - started < 20  # on a machine with other work; 0.1 s of its own
